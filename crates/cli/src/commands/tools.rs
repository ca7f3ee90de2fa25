//! `portcullis tools`: what servers offer, what is approved, what is held.

mod decide;
mod diff;
mod list;

use std::sync::Arc;

use clap::{Args, Subcommand};
use portcullis_store::{DefinitionRecord, RegistryStore, State, Store};

use crate::exit::{Exit, Failure};
use crate::setup::{self, Configuration};

/// Lists, shows, compares, approves and rejects definitions.
///
/// A definition is everything a server says about one tool, prompt, resource or template, and its
/// instructions to the model. Only approved definitions are shown to hosts and can be called; one
/// that changes is held until somebody approves it again. A running gateway takes a decision over
/// within a second.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis tools list --refresh\n  portcullis tools diff papers search\n  portcullis tools approve papers --all\n  portcullis tools reject quotes today --note \"tells the model to mail the calendar\""
)]
pub(crate) struct Tools {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(list::List),
    Show(diff::Show),
    Diff(diff::Diff),
    Approve(decide::Approve),
    Reject(decide::Reject),
}

/// Which store a command works on.
#[derive(Debug, Args)]
struct Where {
    #[command(flatten)]
    configuration: Configuration,
    /// Work on the servers that `portcullis wrap` guards
    #[arg(long)]
    wrapped: bool,
}

impl Where {
    async fn store(&self) -> Result<Arc<dyn Store>, Failure> {
        if !self.wrapped {
            return self.configuration.store().await;
        }
        let path = super::wrap::store()?;
        if !path.exists() {
            return Err(Failure::new("no server was wrapped yet")
                .help("run one with `portcullis wrap -- CMD`"));
        }
        Ok(Arc::new(setup::open_file(&path).await?))
    }
}

pub(crate) async fn run(tools: Tools) -> Result<Exit, Failure> {
    match tools.action {
        Action::Approve(approve) => decide::approve(approve).await,
        Action::Diff(diff) => diff::diff(diff).await,
        Action::List(list) => list::run(list).await,
        Action::Reject(reject) => decide::reject(reject).await,
        Action::Show(show) => diff::show(show).await,
    }
}

async fn records(store: &dyn RegistryStore) -> Result<Vec<DefinitionRecord>, Failure> {
    let mut records = store
        .load()
        .await
        .map_err(|error| Failure::because("the registry cannot be read", &error))?;
    records.sort_by(|a, b| {
        (&a.key.server, &a.key.kind, &a.key.name, a.first_seen_us).cmp(&(
            &b.key.server,
            &b.key.kind,
            &b.key.name,
            b.first_seen_us,
        ))
    });
    Ok(records)
}

/// Whether a version waits for a decision.
fn waits(state: State) -> bool {
    matches!(state, State::Quarantined | State::Seen)
}

/// The records of one definition, named as a person names it.
fn named<'a>(
    records: &'a [DefinitionRecord],
    server: &str,
    name: &str,
    kind: Option<&str>,
) -> Vec<&'a DefinitionRecord> {
    records
        .iter()
        .filter(|record| {
            record.key.server == server
                && record.key.name == name
                && kind.is_none_or(|kind| record.key.kind == kind)
        })
        .collect()
}

/// Says so when a name means nothing, or several things.
fn one_definition<'a>(
    records: &'a [DefinitionRecord],
    server: &str,
    name: &str,
    kind: Option<&str>,
) -> Result<Vec<&'a DefinitionRecord>, Failure> {
    let found = named(records, server, name, kind);
    let Some(first) = found.first() else {
        let servers: std::collections::BTreeSet<&str> = records
            .iter()
            .map(|record| record.key.server.as_str())
            .collect();
        let help = if servers.contains(server) {
            format!("`portcullis tools list --server {server}` shows what it offers")
        } else {
            format!(
                "servers on record: {}",
                servers.into_iter().collect::<Vec<_>>().join(", ")
            )
        };
        return Err(Failure::wrong_use(format!(
            "nothing is on record as {name} of server {server}"
        ))
        .help(help));
    };
    if found.iter().any(|record| record.key.kind != first.key.kind) {
        return Err(
            Failure::wrong_use(format!("{name} is the name of several definitions"))
                .help("say which with --kind tool, prompt, resource or template"),
        );
    }
    Ok(found)
}
