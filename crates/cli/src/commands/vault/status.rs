//! `portcullis vault status`.

use clap::Args;
use portcullis_store::{CredentialFilter, CredentialRecord, CredentialState};
use portcullis_vault::configured::shown;
use serde::Serialize;

use super::opened::Opened;
use crate::duration::{self, timestamp};
use crate::exit::{Exit, Failure, chain};
use crate::setup::Configuration;
use crate::terminal;

/// Shows the root key, whether the vault can be opened with it, and what is in it.
///
/// `needs rotation` says that a rotation was interrupted, or that another root key is configured
/// than the one that seals now: `portcullis vault rotate` finishes it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis vault status\n  portcullis vault status --json\n\nExit codes: 0 fine, 1 the vault cannot be opened or needs rotation."
)]
pub(super) struct Status {
    #[command(flatten)]
    configuration: Configuration,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    root_key: String,
    /// `open`, `empty` (nothing was ever sealed) or `closed`.
    health: &'static str,
    problem: Option<String>,
    active: usize,
    expired: usize,
    revoked: usize,
    oldest: Option<String>,
    needs_rotation: bool,
    keys: Vec<KeyReport>,
}

#[derive(Serialize)]
struct KeyReport {
    id: String,
    root: String,
    is_active: bool,
    created: String,
    retired: Option<String>,
    credentials: usize,
}

pub(super) async fn run(status: Status) -> Result<Exit, Failure> {
    let opened = Opened::of(&status.configuration).await?;
    let report = look(&opened).await?;
    if status.json {
        terminal::json(&report);
    } else {
        show(&report);
    }
    let is_fine = report.problem.is_none() && !report.needs_rotation;
    Ok(if is_fine { Exit::Fine } else { Exit::Findings })
}

async fn look(opened: &Opened) -> Result<Report, Failure> {
    let failed = |error| Failure::because("the vault cannot be read", &error);
    let filter = CredentialFilter::default();
    let records = opened.store.credentials(&filter).await.map_err(failed)?;
    let keys = opened.store.vault_keys().await.map_err(failed)?;
    let active_key = keys.iter().rfind(|key| key.retired_us.is_none());
    let in_use: Vec<&CredentialRecord> = records
        .iter()
        .filter(|record| record.state == CredentialState::Active)
        .collect();
    let now_us = duration::now();
    let has_ended =
        |record: &&&CredentialRecord| record.expires_us.is_some_and(|ends| ends <= now_us);
    // Opening an empty vault would make its first key; a look makes nothing.
    let (health, problem, needs_rotation) = if keys.is_empty() {
        ("empty", None, false)
    } else {
        match opened.vault().await {
            Ok(vault) => {
                let status = vault.status().await;
                let status =
                    status.map_err(|error| Failure::because("the vault cannot be read", &error))?;
                ("open", None, status.needs_rotation)
            }
            Err(error) => ("closed", Some(chain(&error)), false),
        }
    };
    Ok(Report {
        root_key: shown(&opened.loaded.config.vault.key),
        health,
        problem,
        active: in_use.len(),
        expired: in_use.iter().filter(has_ended).count(),
        revoked: records.len() - in_use.len(),
        oldest: in_use
            .iter()
            .map(|record| record.updated_us)
            .min()
            .map(timestamp),
        needs_rotation,
        keys: keys
            .iter()
            .map(|key| KeyReport {
                id: key.id.clone(),
                root: key.provider.clone(),
                is_active: active_key.is_some_and(|active| active.id == key.id),
                created: timestamp(key.created_us),
                retired: key.retired_us.map(timestamp),
                credentials: in_use
                    .iter()
                    .filter(|record| record.key_id == key.id)
                    .count(),
            })
            .collect(),
    })
}

fn show(report: &Report) {
    let root = terminal::cyan(&report.root_key);
    match (report.health, &report.problem) {
        (_, Some(problem)) => terminal::line(format!(
            "{} the vault cannot be opened with {root}: {problem}",
            terminal::red("no")
        )),
        ("empty", _) => terminal::line(format!(
            "{} the vault is empty; its first key will be made under {root}",
            terminal::green("ok")
        )),
        _ => terminal::line(format!(
            "{} the vault opens with {root}",
            terminal::green("ok")
        )),
    }
    let mut held = terminal::count(report.active, "credential", "credentials");
    if report.expired > 0 {
        held.push_str(&format!(", {} of them expired", report.expired));
    }
    if report.revoked > 0 {
        held.push_str(&format!("; {} revoked", report.revoked));
    }
    terminal::line(format!("   {held}"));
    if let Some(oldest) = &report.oldest {
        terminal::line(format!("   the oldest was sealed {oldest}"));
    }
    for key in &report.keys {
        let state = match (&key.retired, key.is_active) {
            (Some(retired), _) => format!("retired {retired}"),
            (None, true) => "seals what is new".to_owned(),
            (None, false) => "waits to be retired".to_owned(),
        };
        terminal::line(format!(
            "   key {}  {}  {state}, {}",
            terminal::dim(key.id.get(..8).unwrap_or(&key.id)),
            key.root,
            terminal::count(key.credentials, "credential", "credentials"),
        ));
    }
    if report.needs_rotation {
        terminal::line(format!(
            "{} the vault needs rotation: run `portcullis vault rotate`",
            terminal::yellow("warning:")
        ));
    }
}
