//! What came of a run: rows, and the three forms they are given out in.

mod chart;
mod json;
mod ratio;
mod table;

use std::path::Path;

use serde::Serialize;

use crate::load::{Era, Measured, Workload};
use crate::plan::{Cell, Endpoint, Section};
use crate::{Outcome, say, usage};

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) version: &'static str,
    pub(crate) quick: bool,
    pub(crate) unix_seconds: u64,
    pub(crate) seconds: f64,
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<Row>,
    pub(crate) memory: Vec<Memory>,
    /// What was not answered as it should be; it has no row.
    pub(crate) problems: Vec<String>,
}

/// What it was measured on. Numbers of two machines cannot be compared; their ratios may be.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    system: String,
}

/// One cell of one subject. Latencies and throughput are the medians of the rounds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) section: Section,
    pub(crate) subject: String,
    pub(crate) workload: Workload,
    pub(crate) era: Era,
    pub(crate) connections: usize,
    /// Tools in the list, where that is what is measured.
    pub(crate) tools: Option<usize>,
    /// Servers behind the endpoint.
    pub(crate) servers: usize,
    pub(crate) rounds: usize,
    pub(crate) calls: u64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) per_second: f64,
    /// CPU seconds of the process in between, for a thousand calls; over all rounds.
    pub(crate) cpu_seconds_per_1000: Option<f64>,
}

/// Resident memory of one process.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Memory {
    pub(crate) subject: String,
    pub(crate) at_rest_kib: u64,
    pub(crate) after_load_kib: Option<u64>,
    pub(crate) with_sessions_kib: Option<u64>,
}

impl Machine {
    /// The machine that this runs on.
    pub(crate) fn this() -> Self {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processor: usage::processor().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: format!("{} {}", std::env::consts::OS, release.trim()),
        }
    }
}

impl Row {
    /// Puts the rounds together; `None` when there were none.
    pub(crate) fn new(
        subject: &str,
        cell: &Cell,
        rounds: &[(Measured, Option<f64>)],
    ) -> Option<Self> {
        let of = |value: fn(&Measured) -> f64| median(rounds.iter().map(|(round, _)| value(round)));
        let calls: u64 = rounds.iter().map(|(round, _)| round.calls).sum();
        let cpu: Option<f64> = rounds.iter().map(|(_, cpu)| *cpu).sum();
        let (tools, servers) = match cell.endpoint {
            Endpoint::Tools(tools) => (Some(tools), 1),
            Endpoint::Five => (Some(50), 5),
            Endpoint::Modern | Endpoint::Legacy => (None, 1),
        };
        Some(Self {
            section: cell.section,
            subject: subject.to_owned(),
            workload: cell.workload,
            era: cell.era,
            connections: cell.connections,
            tools,
            servers,
            rounds: rounds.len(),
            calls,
            p50_us: of(|round| round.p50_us)?,
            p99_us: of(|round| round.p99_us)?,
            per_second: of(|round| round.calls as f64 / round.seconds)?,
            cpu_seconds_per_1000: cpu
                .filter(|_| calls > 0)
                .map(|cpu| cpu * 1e3 / calls as f64),
        })
    }

    /// CPU of one call in microseconds.
    fn cpu_us(&self) -> Option<f64> {
        self.cpu_seconds_per_1000.map(|seconds| seconds * 1e3)
    }

    /// Whether two rows are of one cell.
    fn same_cell(&self, other: &Row) -> bool {
        self.section == other.section
            && self.workload == other.workload
            && self.era == other.era
            && self.connections == other.connections
            && self.tools == other.tools
            && self.servers == other.servers
    }
}

/// Prints the tables and writes `bench.json` and `bench.svg` into `folder`.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn publish(report: &Report, folder: &Path) -> Outcome {
    say(&table::render(report));
    for (name, text) in [
        ("bench.json", json::render(report)?),
        ("bench.svg", chart::render(report)),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        say(&format!("wrote {}", path.display()));
    }
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = values.get(middle.checked_sub(1)?)?;
    Some(f64::midpoint(*lower, upper))
}

#[cfg(test)]
mod tests;
