//! `portcullis audit`: what happened.

mod line;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use portcullis_config::StoreLocation;
use portcullis_store::{AuditEntry, AuditFilter, AuditStore, Postgres, Sqlite, StoreError};

use crate::duration;
use crate::exit::{Exit, Failure};
use crate::setup::Configuration;
use crate::{setup, terminal};

/// Shows the audit trail: one entry for every message.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis audit tail -f\n  portcullis audit query --decision deny --since 1h\n  portcullis audit query --target 'send*' --json"
)]
pub(crate) struct Audit {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows the newest entries
    Tail(Tail),
    /// Finds entries
    Query(Box<Query>),
}

#[derive(Debug, Args)]
struct Where {
    #[command(flatten)]
    configuration: Configuration,
    /// The trail of the servers that `portcullis wrap` guards
    #[arg(long)]
    wrapped: bool,
    /// Write one JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis audit tail\n  portcullis audit tail -f --json\n  portcullis audit tail --wrapped -n 100"
)]
struct Tail {
    #[command(flatten)]
    place: Where,
    /// How many entries
    #[arg(short = 'n', long, default_value_t = 20, value_name = "COUNT")]
    lines: usize,
    /// Go on showing entries as they are made
    #[arg(short, long)]
    follow: bool,
}

/// `*` at the end of a value stands for anything.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis audit query --decision deny --since 1h\n  portcullis audit query --target 'send*' --json\n  portcullis audit query --application 04b07795-8ddb-461a-bbee-02f9e1bf7b46 --since 7d\n  portcullis audit query --entry 01a2034bf3e270b997e90f1e919d2452"
)]
struct Query {
    #[command(flatten)]
    place: Where,
    /// Not older than this: 30s, 15m, 2h, 7d
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    since: Option<i64>,
    /// Who called
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// Whose token the caller showed: the issuer's name in the configuration
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// Which client application the caller's token was given to
    #[arg(long, value_name = "ID")]
    application: Option<String>,
    /// Which agent acted for the caller, alone or among others
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// Which token, by its id (jti, or Entra's uti); never give the token itself
    #[arg(long, value_name = "ID")]
    token: Option<String>,
    /// Through which profile
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Which server
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Which MCP method, for example tools/call
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// Which tool, prompt or resource
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// permit, deny or none
    #[arg(long, value_name = "DECISION")]
    decision: Option<String>,
    /// ok, tool-error, rpc-error, refused, upstream-failed, cancelled or unknown
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// The reason of a refusal, for example definition-held
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// One entry by its id, as receipts and refusals name it
    #[arg(long, value_name = "ID")]
    entry: Option<String>,
    /// At most this many, the newest
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    limit: usize,
}

pub(crate) async fn run(audit: Audit) -> Result<Exit, Failure> {
    match audit.action {
        Action::Query(query) => find(*query).await,
        Action::Tail(tail) => follow(tail).await,
    }
}

async fn open(place: &Where) -> Result<Arc<dyn AuditStore>, Failure> {
    if place.wrapped {
        return open_file(super::wrap::store()?).await;
    }
    let loaded = place.configuration.load()?;
    match &loaded.config.store {
        StoreLocation::Sqlite(path) => open_file(loaded.base.join(path)).await,
        StoreLocation::Postgres {
            url,
            password,
            journal,
        } => {
            let address = setup::postgres_address(&loaded, url, password.as_ref()).await?;
            let store = Postgres::open_read_only(&address, &loaded.base.join(journal))
                .await
                .map_err(|error| cannot_read(address.shown(), &error))?;
            Ok(Arc::new(store))
        }
    }
}

async fn open_file(path: PathBuf) -> Result<Arc<dyn AuditStore>, Failure> {
    if !path.exists() {
        return Err(
            Failure::new(format!("there is no trail at {} yet", path.display()))
                .help("start the gateway and send it a message"),
        );
    }
    let store = Sqlite::open_read_only(&path)
        .await
        .map_err(|error| cannot_read(&path.display().to_string(), &error))?;
    Ok(Arc::new(store))
}

fn cannot_read(shown: &str, error: &StoreError) -> Failure {
    Failure::because(format!("{shown} cannot be read"), error)
}

async fn find(query: Query) -> Result<Exit, Failure> {
    let store = open(&query.place).await?;
    let filter = AuditFilter {
        since_us: query.since.map(|age| duration::now().saturating_sub(age)),
        principal: query.principal,
        issuer: query.issuer,
        application: query.application,
        actor: query.actor,
        token: query.token,
        profile: query.profile,
        server: query.server,
        method: query.method,
        target: query.target,
        decision: query.decision,
        outcome: query.outcome,
        reason: query.reason,
        entry: query.entry,
        limit: query.limit,
        newest_first: true,
        ..AuditFilter::default()
    };
    let mut entries = read(&*store, &filter).await?;
    entries.reverse();
    for entry in &entries {
        show(entry, query.place.json)?;
    }
    if entries.is_empty() && !query.place.json {
        terminal::error_line("no entry fits");
    }
    Ok(Exit::Fine)
}

async fn follow(tail: Tail) -> Result<Exit, Failure> {
    let store = open(&tail.place).await?;
    let newest = AuditFilter {
        limit: tail.lines,
        newest_first: true,
        ..AuditFilter::default()
    };
    let mut entries = read(&*store, &newest).await?;
    entries.reverse();
    let mut last = entries.last().map_or(0, |entry| entry.seq);
    // An entry that is still open is shown when it closes: its end is what a reader wants.
    let mut open: BTreeSet<i64> = BTreeSet::new();
    for entry in &entries {
        if tail.follow && entry.closed.is_none() {
            open.insert(entry.seq);
        } else {
            show(entry, tail.place.json)?;
        }
    }
    if !tail.follow {
        return Ok(Exit::Fine);
    }
    while !terminal::reader_is_gone() {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(300)) => {}
            () = setup::stop_signal() => return Ok(Exit::Fine),
        }
        let since = open.first().map_or(last, |oldest| oldest - 1).min(last);
        let filter = AuditFilter {
            after_seq: Some(since),
            limit: 1_000,
            ..AuditFilter::default()
        };
        for entry in read(&*store, &filter).await? {
            let known = entry.seq <= last && !open.contains(&entry.seq);
            last = last.max(entry.seq);
            if known {
                continue;
            }
            if entry.closed.is_some() {
                open.remove(&entry.seq);
                show(&entry, tail.place.json)?;
            } else {
                open.insert(entry.seq);
            }
        }
    }
    Ok(Exit::Fine)
}

async fn read(store: &dyn AuditStore, filter: &AuditFilter) -> Result<Vec<AuditEntry>, Failure> {
    store
        .entries(filter)
        .await
        .map_err(|error| Failure::because("the trail cannot be read", &error))
}

fn show(entry: &AuditEntry, json: bool) -> Result<(), Failure> {
    if json {
        let text = serde_json::to_string(entry)
            .map_err(|error| Failure::because("an entry cannot be written as JSON", &error))?;
        terminal::line(text);
        return Ok(());
    }
    terminal::line(line::render(entry));
    Ok(())
}
