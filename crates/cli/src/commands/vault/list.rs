//! `portcullis vault list`.

use clap::Args;
use portcullis_store::{CredentialFilter, CredentialRecord, CredentialState, Revocation, Store};
use serde::Serialize;

use crate::duration::{self, timestamp};
use crate::exit::{Exit, Failure};
use crate::setup::Configuration;
use crate::terminal;

/// Lists stored credentials, or what is revoked. Opens no credential and needs no key.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis vault list\n  portcullis vault list --user ada --json\n  portcullis vault list --server crm --all\n  portcullis vault list --revocations"
)]
pub(super) struct List {
    #[command(flatten)]
    configuration: Configuration,
    /// Only those of this user, agent or workload
    #[arg(long, value_name = "PRINCIPAL", conflicts_with = "revocations")]
    user: Option<String>,
    /// Only those for this server
    #[arg(long, value_name = "SERVER", conflicts_with = "revocations")]
    server: Option<String>,
    /// Also those that were revoked
    #[arg(long, conflicts_with = "revocations")]
    all: bool,
    /// List revocations instead: who and what is not believed any more
    #[arg(long)]
    revocations: bool,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    principal: &'a str,
    server: &'a str,
    issuer: &'a str,
    kind: &'a str,
    state: &'static str,
    created: String,
    updated: String,
    expires: Option<String>,
    expired: bool,
}

#[derive(Serialize)]
struct Revoked<'a> {
    kind: &'static str,
    key: &'a str,
    at: String,
    by: &'a str,
    reason: &'a str,
    expires: Option<String>,
}

pub(super) async fn run(list: List) -> Result<Exit, Failure> {
    let store = list.configuration.store().await?;
    if list.revocations {
        return revocations(&*store, list.json).await;
    }
    let filter = CredentialFilter {
        principal: list.user,
        server: list.server,
        state: (!list.all).then_some(CredentialState::Active),
        ..CredentialFilter::default()
    };
    let mut records = store
        .credentials(&filter)
        .await
        .map_err(|error| Failure::because("the vault cannot be read", &error))?;
    records.sort_by(|a, b| a.key.cmp(&b.key).then(a.created_us.cmp(&b.created_us)));
    let rows: Vec<Row<'_>> = records.iter().map(row).collect();
    if list.json {
        terminal::json(&rows);
        return Ok(Exit::Fine);
    }
    for row in &rows {
        let state = match (row.state, row.expired) {
            ("active", false) => terminal::green("active "),
            ("active", true) => terminal::yellow("expired"),
            _ => terminal::dim("revoked"),
        };
        let ends = row.expires.as_deref().map(|ends| format!("  ends {ends}"));
        let named = |name: &str, nobody: &str| match name {
            "" => nobody.to_owned(),
            name => terminal::on_one_line(name),
        };
        terminal::line(format!(
            "{state} {}  {}  {}  renewed {}{}",
            terminal::cyan(named(row.principal, "the gateway")),
            named(row.server, "for itself"),
            row.kind,
            row.updated,
            ends.unwrap_or_default(),
        ));
    }
    terminal::line(terminal::count(rows.len(), "credential", "credentials"));
    Ok(Exit::Fine)
}

fn row(record: &CredentialRecord) -> Row<'_> {
    Row {
        id: &record.id,
        principal: &record.key.principal,
        server: &record.key.server,
        issuer: &record.key.issuer,
        kind: &record.key.kind,
        state: record.state.as_str(),
        created: timestamp(record.created_us),
        updated: timestamp(record.updated_us),
        expires: record.expires_us.map(timestamp),
        expired: record
            .expires_us
            .is_some_and(|ends| ends <= duration::now()),
    }
}

async fn revocations(store: &dyn Store, json: bool) -> Result<Exit, Failure> {
    let found = store
        .revocations(duration::now())
        .await
        .map_err(|error| Failure::because("revocations cannot be read", &error))?;
    let revoked: Vec<Revoked<'_>> = found.iter().map(revoked).collect();
    if json {
        terminal::json(&revoked);
        return Ok(Exit::Fine);
    }
    for one in &revoked {
        let reason = match one.reason {
            "" => String::new(),
            reason => format!("  {}", terminal::on_one_line(reason)),
        };
        terminal::line(format!(
            "{} {}  since {} by {}{reason}",
            one.kind,
            terminal::cyan(terminal::on_one_line(one.key)),
            one.at,
            terminal::on_one_line(one.by),
        ));
    }
    terminal::line(terminal::count(revoked.len(), "revocation", "revocations"));
    Ok(Exit::Fine)
}

fn revoked(revocation: &Revocation) -> Revoked<'_> {
    Revoked {
        kind: revocation.kind.as_str(),
        key: &revocation.key,
        at: timestamp(revocation.at_us),
        by: &revocation.by,
        reason: &revocation.reason,
        expires: revocation.expires_us.map(timestamp),
    }
}
