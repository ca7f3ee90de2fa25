//! One closed loop: every connection sends its next request when it has the answer to the last.
//!
//! It runs in a process of its own on one thread, speaks HTTP/1.1 by hand and looks at no more of
//! an answer than it must, so that little of the machine goes into measuring.

mod caller;
mod credential;
mod http;
mod request;

use std::io::Read as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::{Outcome, say};
use caller::Caller;

/// What is sent, where to, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Load {
    /// The endpoint, `http://127.0.0.1:PORT/PATH`
    #[arg(long)]
    pub(crate) url: String,
    /// The era of the protocol to speak
    #[arg(long, value_enum)]
    pub(crate) era: Era,
    /// What to ask for
    #[arg(long, value_enum)]
    pub(crate) workload: Workload,
    /// How many connections, each with one request at a time
    #[arg(long)]
    pub(crate) connections: usize,
    /// The token that every request shows, instead of the key
    #[arg(long)]
    pub(crate) token: Option<String>,
    /// The file with the key that the token is bound to
    #[arg(long, requires = "proof_url")]
    pub(crate) proof_key: Option<PathBuf>,
    /// The URL that proofs are for
    #[arg(long)]
    pub(crate) proof_url: Option<String>,
    /// Milliseconds before the measured time
    #[arg(long, default_value_t = 100)]
    pub(crate) warm_up: u64,
    /// Milliseconds to measure; 0 holds the connections until the input ends
    #[arg(long, default_value_t = 0)]
    pub(crate) measure: u64,
}

/// The era that the caller speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Era {
    /// 2025-11-25, in a session
    Legacy,
    /// 2026-07-28, stateless
    Modern,
}

/// What one operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Workload {
    /// tools/call with 64 bytes, which come back
    Echo,
    /// tools/call that is answered with 1 MiB of ASCII text
    Large,
    /// tools/call that is answered with 1 MiB of text beyond ASCII
    LargeText,
    /// tools/call with 100 progress notifications before its answer
    Progress,
    /// tools/list, every page of it
    List,
}

impl Era {
    /// Its name on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Modern => "modern",
        }
    }
}

impl Workload {
    /// Its name on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Large => "large",
            Self::LargeText => "large-text",
            Self::Progress => "progress",
            Self::List => "list",
        }
    }
}

/// What came of it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Measured {
    /// Operations that were answered as they should.
    pub(crate) calls: u64,
    /// The first thing that went wrong on each connection; such a connection stops.
    pub(crate) errors: Vec<String>,
    /// How long it took.
    pub(crate) seconds: f64,
    /// Half of the operations took at most this long, in microseconds.
    pub(crate) p50_us: f64,
    /// 99 of 100 operations took at most this long, in microseconds.
    pub(crate) p99_us: f64,
}

/// Prepares, prints `ready`, waits for a line, measures, and prints a [`Measured`] as JSON.
///
/// # Errors
/// When a connection cannot be made, or the first answer on it is not what it should be.
pub(crate) fn run(load: &Load) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(drive(load))
}

async fn drive(load: &Load) -> Outcome {
    let mut callers = Vec::new();
    for number in 0..load.connections {
        let opened = Caller::open(load, number).await;
        callers.push(opened.map_err(|error| format!("{}: {error}", load.url))?);
    }
    if load.measure == 0 {
        say("ready");
        await_line().await;
        return Ok(());
    }
    let (start, started) = watch::channel(None);
    let mut workers = JoinSet::new();
    let warm = Instant::now() + Duration::from_millis(load.warm_up);
    for caller in callers {
        workers.spawn(work(caller, warm, started.clone()));
    }
    tokio::time::sleep_until(warm.into()).await;
    say("ready");
    await_line().await;
    let begun = Instant::now();
    // The workers hold receivers, so there is somebody to tell.
    let _ = start.send(Some(begun + Duration::from_millis(load.measure)));
    let mut latencies = Vec::new();
    let mut errors = Vec::new();
    while let Some(worked) = workers.join_next().await {
        let (own, error) = worked.map_err(|error| format!("a worker failed: {error}"))?;
        latencies.extend(own);
        errors.extend(error);
    }
    let measured = summary(latencies, errors, begun.elapsed());
    say(&serde_json::to_string(&measured).map_err(|error| error.to_string())?);
    Ok(())
}

/// Warms up, waits for the start, and returns the time of each operation until the end.
async fn work(
    mut caller: Caller,
    warm: Instant,
    mut started: watch::Receiver<Option<Instant>>,
) -> (Vec<Duration>, Option<String>) {
    let mut latencies = Vec::with_capacity(4096);
    while Instant::now() < warm {
        if let Err(error) = caller.operate().await {
            return (latencies, Some(error.to_string()));
        }
    }
    let end = match started.wait_for(Option::is_some).await {
        Ok(end) => *end,
        Err(_) => return (latencies, None),
    };
    let mut now = Instant::now();
    // One operation at least, however long it takes.
    loop {
        if let Err(error) = caller.operate().await {
            return (latencies, Some(error.to_string()));
        }
        let done = Instant::now();
        latencies.push(done.duration_since(now));
        now = done;
        if end.is_none_or(|end| now >= end) {
            break;
        }
    }
    (latencies, None)
}

fn summary(mut latencies: Vec<Duration>, errors: Vec<String>, took: Duration) -> Measured {
    latencies.sort_unstable();
    Measured {
        calls: latencies.len() as u64,
        errors,
        seconds: took.as_secs_f64(),
        p50_us: percentile(&latencies, 50),
        p99_us: percentile(&latencies, 99),
    }
}

/// The nearest-rank percentile, in microseconds; 0 of nothing.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted
        .get(rank - 1)
        .map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
}

/// Waits for a line on standard input, or its end.
async fn await_line() {
    let read = tokio::task::spawn_blocking(|| {
        let mut byte = [0];
        let mut input = std::io::stdin().lock();
        while matches!(input.read(&mut byte), Ok(1)) && byte != *b"\n" {}
    });
    let _ = read.await;
}

#[cfg(test)]
mod tests;
