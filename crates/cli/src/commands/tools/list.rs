//! `portcullis tools list`.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use portcullis_gateway::Gateway;
use portcullis_gateway::gateway::Stores;
use portcullis_store::{DefinitionRecord, State};
use serde::Serialize;

use super::{Where, records, waits};
use crate::duration::timestamp;
use crate::exit::{Exit, Failure};
use crate::{setup, terminal};

/// Lists definitions with their state. Exit code 1 when something waits for review.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis tools list --refresh\n  portcullis tools list --state held --json\n  portcullis tools list --wrapped"
)]
pub(super) struct List {
    #[command(flatten)]
    place: Where,
    /// Only this server
    #[arg(long, value_name = "SERVER")]
    server: Option<String>,
    /// Only this state
    #[arg(long, value_enum)]
    state: Option<Wanted>,
    /// Connect to the servers first and put on record what they offer now
    #[arg(long, conflicts_with = "wrapped")]
    refresh: bool,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wanted {
    Approved,
    /// Waits for review
    Held,
    Rejected,
    Withdrawn,
}

#[derive(Serialize)]
struct Row<'a> {
    server: &'a str,
    kind: &'a str,
    name: &'a str,
    state: &'static str,
    hash: &'a str,
    first_seen: String,
    last_seen: String,
    decided_by: Option<&'a str>,
    findings: &'a serde_json::Value,
    note: Option<&'a str>,
}

pub(super) async fn run(list: List) -> Result<Exit, Failure> {
    if list.refresh {
        refresh(&list).await?;
    }
    let store = list.place.store().await?;
    let all = records(&*store).await?;
    let shown: Vec<&DefinitionRecord> = all.iter().filter(|record| wanted(&list, record)).collect();
    let waiting = shown.iter().filter(|record| waits(record.state)).count();
    if list.json {
        terminal::json(&shown.iter().map(|record| row(record)).collect::<Vec<_>>());
    } else {
        show(&shown, waiting);
    }
    Ok(if waiting > 0 {
        Exit::Findings
    } else {
        Exit::Fine
    })
}

async fn refresh(list: &List) -> Result<(), Failure> {
    let loaded = list.place.configuration.load()?;
    let names: Vec<String> = loaded
        .config
        .servers
        .keys()
        .filter(|name| list.server.as_ref().is_none_or(|only| only == *name))
        .cloned()
        .collect();
    let store = setup::open_store(&loaded).await?;
    let gateway = Gateway::open(loaded, Stores::from(store))
        .await
        .map_err(|error| Failure::because("the gateway cannot start", &error))?;
    let progress = terminal::progress(names.len(), "asking");
    for name in names {
        progress.set_message(name.clone());
        if let Err(refusal) = gateway.inspect(&name).await {
            progress.suspend(|| {
                terminal::error_line(format!(
                    "{} {name}: {}",
                    terminal::yellow("warning:"),
                    setup::explain(&refusal)
                ))
            });
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    gateway.shutdown().await;
    Ok(())
}

fn wanted(list: &List, record: &DefinitionRecord) -> bool {
    let state = match list.state {
        None => record.state != State::Withdrawn,
        Some(Wanted::Approved) => record.state == State::Approved,
        Some(Wanted::Held) => waits(record.state),
        Some(Wanted::Rejected) => record.state == State::Rejected,
        Some(Wanted::Withdrawn) => record.state == State::Withdrawn,
    };
    state
        && list
            .server
            .as_ref()
            .is_none_or(|only| *only == record.key.server)
}

fn row(record: &DefinitionRecord) -> Row<'_> {
    Row {
        server: &record.key.server,
        kind: &record.key.kind,
        name: &record.key.name,
        state: record.state.as_str(),
        hash: &record.hash,
        first_seen: timestamp(record.first_seen_us),
        last_seen: timestamp(record.last_seen_us),
        decided_by: record.decided_by.as_deref(),
        findings: &record.findings,
        note: record.note.as_deref(),
    }
}

fn show(records: &[&DefinitionRecord], waiting: usize) {
    if records.is_empty() {
        terminal::line("nothing is on record; `portcullis tools list --refresh` asks the servers");
        return;
    }
    let mut servers: BTreeMap<&str, Vec<&DefinitionRecord>> = BTreeMap::new();
    for record in records {
        servers.entry(&record.key.server).or_default().push(record);
    }
    for (server, records) in servers {
        terminal::line(terminal::bold(server));
        let width = records
            .iter()
            .map(|record| record.key.name.chars().count())
            .max()
            .unwrap_or(0)
            .min(48);
        for record in records {
            let state = match record.state {
                State::Approved => terminal::green("approved "),
                State::Quarantined => terminal::red("held     "),
                State::Rejected => terminal::red("rejected "),
                State::Seen => terminal::yellow("new      "),
                State::Withdrawn => terminal::dim("withdrawn"),
            };
            let name = terminal::on_one_line(&record.key.name);
            let findings = record.findings.as_array().map_or(0, Vec::len);
            let findings = match findings {
                0 => String::new(),
                1 => terminal::red("  1 finding"),
                count => terminal::red(format!("  {count} findings")),
            };
            let hash = record.hash.get(..19).unwrap_or(&record.hash);
            terminal::line(format!(
                "  {state} {:<12} {name:<width$}  {}{findings}",
                record.key.kind,
                terminal::dim(hash)
            ));
        }
    }
    if waiting > 0 {
        terminal::line(format!(
            "\n{} wait for review: `portcullis tools diff SERVER NAME` shows one, `portcullis tools approve SERVER NAME` approves it",
            terminal::yellow(waiting)
        ));
    }
}
