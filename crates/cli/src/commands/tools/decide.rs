//! `portcullis tools approve` and `reject`.

use clap::Args;
use portcullis_store::{DefinitionRecord, RegistryStore, State};

use super::{Where, one_definition, records, waits};
use crate::duration::now;
use crate::exit::{Exit, Failure};
use crate::{setup, terminal};

/// Approves the version of a definition that waits for review.
///
/// The version approved before is withdrawn. A running gateway shows it within a second.
///
/// With a server alone, approves what waits of its identity: a server that turned out to be another
/// one (its certificate, its program, its origin) is held back until then.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis tools approve papers search\n  portcullis tools approve papers              # let it in again after its identity changed\n  portcullis tools approve papers --all --note \"read them\"\n  portcullis tools approve papers search --hash 9f86d081"
)]
pub(super) struct Approve {
    #[command(flatten)]
    place: Where,
    /// The server
    server: String,
    /// Names, URIs or URI templates; none: what waits of the server's identity
    names: Vec<String>,
    /// Everything of this server that waits for review and raised no finding
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// What it is, where one name means several things
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Exactly the version with this hash, or the beginning of one
    #[arg(long, value_name = "HASH", conflicts_with = "all")]
    hash: Option<String>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Rejects a definition: the version that waits, or the approved one.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  portcullis tools reject quotes today --note \"tells the model to mail the calendar\""
)]
pub(super) struct Reject {
    #[command(flatten)]
    place: Where,
    /// The server
    server: String,
    /// Names, URIs or URI templates
    #[arg(required = true)]
    names: Vec<String>,
    /// What it is, where one name means several things
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Exactly the version with this hash, or the beginning of one
    #[arg(long, value_name = "HASH")]
    hash: Option<String>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

pub(super) async fn approve(approve: Approve) -> Result<Exit, Failure> {
    let store = approve.place.store().await?;
    let all = records(&*store).await?;
    let mut chosen = Vec::new();
    if approve.all {
        let waiting: Vec<&DefinitionRecord> = all
            .iter()
            .filter(|record| record.key.server == approve.server && waits(record.state))
            .collect();
        if waiting.is_empty() {
            terminal::line(format!("nothing of {} waits for review", approve.server));
            return Ok(Exit::Fine);
        }
        let (clean, suspicious): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|record| {
            // That a server turned out to be another one is not to be approved in passing.
            let is_another = record.key.kind == "identity" && record.state == State::Quarantined;
            record.findings.as_array().is_some_and(Vec::is_empty) && !is_another
        });
        for record in &suspicious {
            terminal::error_line(format!(
                "{} {} {} has findings and is left; approve it by name",
                terminal::yellow("warning:"),
                record.key.kind,
                terminal::on_one_line(&record.key.name)
            ));
        }
        chosen = latest(clean);
        decide_all(&*store, &chosen, State::Approved, approve.note.as_deref()).await?;
        return Ok(if suspicious.is_empty() {
            Exit::Fine
        } else {
            Exit::Findings
        });
    }
    if approve.names.is_empty() {
        chosen = identity(&all, &approve)?;
    }
    for name in &approve.names {
        let versions = one_definition(&all, &approve.server, name, approve.kind.as_deref())?;
        let version = pick(&versions, approve.hash.as_deref(), |state| {
            state != State::Approved && (waits(state) || approve.hash.is_some())
        });
        chosen.push(version.ok_or_else(|| {
            Failure::new(format!("no version of {name} waits for review"))
                .help("`portcullis tools show` lists all versions; --hash names one")
        })?);
    }
    decide_all(&*store, &chosen, State::Approved, approve.note.as_deref()).await?;
    Ok(Exit::Fine)
}

/// What waits of a server's identity.
fn identity<'a>(
    all: &'a [DefinitionRecord],
    approve: &Approve,
) -> Result<Vec<&'a DefinitionRecord>, Failure> {
    if approve.kind.is_some() || approve.hash.is_some() {
        return Err(Failure::wrong_use("--kind and --hash need a name"));
    }
    let waiting = all.iter().filter(|record| {
        record.key.server == approve.server && record.key.kind == "identity" && waits(record.state)
    });
    let waiting = latest(waiting.collect());
    if waiting.is_empty() {
        return Err(Failure::wrong_use(format!(
            "nothing of the identity of {} waits for review",
            approve.server
        ))
        .help("name definitions to approve, or give --all"));
    }
    Ok(waiting)
}

pub(super) async fn reject(reject: Reject) -> Result<Exit, Failure> {
    let store = reject.place.store().await?;
    let all = records(&*store).await?;
    let mut chosen = Vec::new();
    for name in &reject.names {
        let versions = one_definition(&all, &reject.server, name, reject.kind.as_deref())?;
        let version = pick(&versions, reject.hash.as_deref(), waits).or_else(|| {
            pick(&versions, reject.hash.as_deref(), |state| {
                state == State::Approved
            })
        });
        chosen.push(
            version.ok_or_else(|| Failure::new(format!("no version of {name} can be rejected")))?,
        );
    }
    decide_all(&*store, &chosen, State::Rejected, reject.note.as_deref()).await?;
    Ok(Exit::Fine)
}

/// The newest version that fits; versions come oldest first.
fn pick<'a>(
    versions: &[&'a DefinitionRecord],
    hash: Option<&str>,
    fits: impl Fn(State) -> bool,
) -> Option<&'a DefinitionRecord> {
    versions
        .iter()
        .rev()
        .find(|record| {
            let digits = record.hash.strip_prefix("sha256:").unwrap_or(&record.hash);
            fits(record.state)
                && hash.is_none_or(|wanted| {
                    digits.starts_with(wanted.strip_prefix("sha256:").unwrap_or(wanted))
                })
        })
        .copied()
}

/// Of several waiting versions of one definition the newest is what the server says now.
fn latest(records: Vec<&DefinitionRecord>) -> Vec<&DefinitionRecord> {
    let mut chosen: Vec<&DefinitionRecord> = Vec::with_capacity(records.len());
    for record in records {
        match chosen.last_mut() {
            Some(last) if last.key == record.key => *last = record,
            _ => chosen.push(record),
        }
    }
    chosen
}

async fn decide_all(
    store: &dyn RegistryStore,
    chosen: &[&DefinitionRecord],
    state: State,
    note: Option<&str>,
) -> Result<(), Failure> {
    let by = setup::operator();
    for record in chosen {
        let name = terminal::on_one_line(&record.key.name);
        let decided = store
            .decide(&record.key, &record.hash, state, &by, now(), note)
            .await
            .map_err(|error| Failure::because(format!("{name} cannot be decided"), &error))?;
        let replaced = if decided.withdrawn.is_some() {
            "; the version before is withdrawn"
        } else {
            ""
        };
        let done = if state == State::Approved {
            terminal::green("approved")
        } else {
            terminal::red("rejected")
        };
        terminal::line(format!("{done} {} {name}{replaced}", record.key.kind));
    }
    Ok(())
}
