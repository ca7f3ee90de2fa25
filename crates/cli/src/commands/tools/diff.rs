//! `portcullis tools show` and `diff`: what a reviewer looks at.
//!
//! Invisible and control characters are written out, so that nothing hides from the reviewer.

use clap::Args;
use portcullis_store::{DefinitionRecord, State};
use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use super::{Where, one_definition, records, waits};
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Which definition is meant.
#[derive(Debug, Args)]
struct Which {
    #[command(flatten)]
    place: Where,
    /// The server
    server: String,
    /// The definition's name, URI or URI template
    name: String,
    /// What it is, where one name means several things
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
}

/// Shows every version of one definition.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis tools show papers search\n  portcullis tools show papers search --kind tool --json"
)]
pub(super) struct Show {
    #[command(flatten)]
    which: Which,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// Compares the approved version of a definition with the one that waits for review.
///
/// Exit code 1 when they differ.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  portcullis tools diff papers search")]
pub(super) struct Diff {
    #[command(flatten)]
    which: Which,
}

#[derive(Serialize)]
struct Version<'a> {
    state: &'static str,
    hash: &'a str,
    decided_by: Option<&'a str>,
    note: Option<&'a str>,
    findings: &'a serde_json::Value,
    definition: serde_json::Value,
}

pub(super) async fn show(show: Show) -> Result<Exit, Failure> {
    let store = show.which.place.store().await?;
    let all = records(&*store).await?;
    let versions = one_definition(
        &all,
        &show.which.server,
        &show.which.name,
        show.which.kind.as_deref(),
    )?;
    if show.json {
        let versions: Vec<Version<'_>> = versions
            .iter()
            .map(|record| Version {
                state: record.state.as_str(),
                hash: &record.hash,
                decided_by: record.decided_by.as_deref(),
                note: record.note.as_deref(),
                findings: &record.findings,
                definition: serde_json::from_str(&record.text).unwrap_or_default(),
            })
            .collect();
        terminal::json(&versions);
        return Ok(Exit::Fine);
    }
    for record in versions {
        heading(record);
        terminal::line(pretty(&record.text));
        findings(record);
    }
    Ok(Exit::Fine)
}

pub(super) async fn diff(diff: Diff) -> Result<Exit, Failure> {
    let store = diff.which.place.store().await?;
    let all = records(&*store).await?;
    let versions = one_definition(
        &all,
        &diff.which.server,
        &diff.which.name,
        diff.which.kind.as_deref(),
    )?;
    let approved = versions
        .iter()
        .find(|record| record.state == State::Approved);
    let waiting = versions.iter().rev().find(|record| waits(record.state));
    match (approved, waiting) {
        (_, None) => {
            terminal::line("nothing waits for review");
            Ok(Exit::Fine)
        }
        (None, Some(new)) => {
            terminal::line(terminal::bold("no version is approved; this one is new:"));
            heading(new);
            terminal::line(pretty(&new.text));
            findings(new);
            Ok(Exit::Findings)
        }
        (Some(old), Some(new)) => {
            heading(old);
            heading(new);
            let (before, after) = (pretty(&old.text), pretty(&new.text));
            for change in TextDiff::from_lines(&before, &after).iter_all_changes() {
                let text = change.value().trim_end_matches('\n');
                terminal::line(match change.tag() {
                    ChangeTag::Delete => terminal::red(format!("- {text}")),
                    ChangeTag::Equal => format!("  {text}"),
                    ChangeTag::Insert => terminal::green(format!("+ {text}")),
                });
            }
            findings(new);
            terminal::line(format!(
                "\napprove with: portcullis tools approve {} '{}'",
                diff.which.server, diff.which.name
            ));
            Ok(Exit::Findings)
        }
    }
}

fn heading(record: &DefinitionRecord) {
    let by = record
        .decided_by
        .as_deref()
        .map(|by| format!(" by {by}"))
        .unwrap_or_default();
    terminal::line(format!(
        "{} {} {} {}{by}",
        terminal::bold(record.state.as_str()),
        record.key.kind,
        terminal::on_one_line(&record.key.name),
        terminal::dim(&record.hash)
    ));
}

fn findings(record: &DefinitionRecord) {
    for finding in record.findings.as_array().into_iter().flatten() {
        let part = |key: &str| {
            finding
                .get(key)
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default()
        };
        terminal::line(format!(
            "  {} {}: {}",
            terminal::red("finding"),
            part("rule"),
            terminal::on_one_line(part("note"))
        ));
    }
}

/// Indented JSON with long strings kept whole and hidden characters written out.
fn pretty(text: &str) -> String {
    let shown = serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .and_then(|value| serde_json::to_string_pretty(&value).ok())
        .unwrap_or_else(|| text.to_owned());
    terminal::visible(&shown)
}
