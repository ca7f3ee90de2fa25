//! What the gateway's process holds, as Linux tells it.

use std::fmt;
use std::fs;

use serde_json::{Value, json};

/// How many connections more the store may keep; each has up to three files.
const STORE_CONNECTIONS: usize = 4;

/// Memory in KiB, open files, threads and child processes.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) resident: u64,
    files: usize,
    threads: u64,
    children: usize,
}

impl Figures {
    pub(crate) fn of(process: u32) -> Result<Self, String> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))
            .map_err(|error| format!("the gateway's figures cannot be read: {error}"))?;
        let field = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let number = line.and_then(|line| line.split_whitespace().next());
            number
                .and_then(|number| number.parse().ok())
                .ok_or_else(|| format!("no {name} of the gateway: has it ended?"))
        };
        Ok(Self {
            resident: field("VmRSS")?,
            files: fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count),
            threads: field("Threads")?,
            children: children(process).len(),
        })
    }

    /// Whether nothing is left over, measured by what there was at the start. The store opens a few connections more
    /// under load, each with a thread, and keeps them.
    pub(crate) fn fit(&self, start: &Self) -> bool {
        self.files <= start.files + 3 * STORE_CONNECTIONS
            && self.threads <= start.threads + 4
            && self.children <= start.children
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({"files": self.files, "threads": self.threads, "children": self.children})
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:.1} MiB  {} files  {} threads  {} children",
            mebibytes(self.resident),
            self.files,
            self.threads,
            self.children
        )
    }
}

/// The living children of a process.
pub(crate) fn children(process: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{process}/task"));
    let mut children: Vec<u32> = tasks
        .into_iter()
        .flatten()
        .map_while(Result::ok)
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|id| id.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect();
    children.sort_unstable();
    children
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the memory of a process is far below 2^53 KiB"
)]
fn mebibytes(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
