//! What a process holds, as the kernel tells it.

use std::collections::HashMap;
use std::fs;

/// Open files, threads and living descendants of a process.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) files: usize,
    pub(crate) threads: usize,
    pub(crate) descendants: Vec<u32>,
}

impl Figures {
    pub(crate) fn of(process: u32) -> Self {
        Self {
            files: files(process),
            threads: usize::try_from(status(process, "Threads")).unwrap(),
            descendants: descendants(process),
        }
    }

    /// Whether nothing is left over, measured by what there was `before`.
    pub(crate) fn fit(&self, before: &Self) -> bool {
        self.files <= before.files
            && self.threads <= before.threads
            && self.descendants.len() <= before.descendants.len()
    }
}

/// Open files.
pub(crate) fn files(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count)
}

/// The resident memory, in KiB.
pub(crate) fn resident(process: u32) -> u64 {
    status(process, "VmRSS")
}

/// Lets the high-water mark of the resident memory start again from here.
pub(crate) fn forget_peak(process: u32) {
    fs::write(format!("/proc/{process}/clear_refs"), "5").unwrap();
}

/// The high-water mark of the resident memory, in KiB.
pub(crate) fn peak(process: u32) -> u64 {
    status(process, "VmHWM")
}

fn status(process: u32, field: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.unwrap().parse().unwrap()
}

fn descendants(process: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").unwrap().map_while(Result::ok) {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        // A process can end while it is looked at.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // The name, in brackets, may hold anything; the state and the parent follow it.
        let Some((_, rest)) = stat.rsplit_once(')') else {
            continue;
        };
        let mut fields = rest.split_whitespace();
        let (state, parent) = (fields.next(), fields.next());
        if state != Some("Z")
            && let Some(parent) = parent.and_then(|parent| parent.parse().ok())
        {
            children.entry(parent).or_default().push(id);
        }
    }
    let mut found = Vec::new();
    let mut open = vec![process];
    while let Some(parent) = open.pop() {
        let of_parent = children.remove(&parent).unwrap_or_default();
        open.extend(&of_parent);
        found.extend(of_parent);
    }
    found
}
