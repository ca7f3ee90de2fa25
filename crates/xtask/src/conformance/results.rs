//! What the suite wrote down: one file of checks for each scenario.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::ops::AddAssign;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::place::problem;

/// The checks of one run. Several of one scenario may have the same id; they are counted. Their
/// names say nothing: the suite gives a check that fails another name than one that passes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Results {
    pub(super) checks: BTreeMap<Check, Tally>,
    /// The scenarios that wrote a file.
    pub(super) ran: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Check {
    pub(super) scenario: String,
    pub(super) id: String,
}

/// How often a check ended how. `INFO` is no verdict and is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) warned: usize,
    pub(super) skipped: usize,
    /// The first failure's or warning's message.
    pub(super) message: Option<String>,
}

impl Results {
    /// The files below a folder, with the name of the folder that each is in.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(super) fn folders(folder: &Path) -> Result<Vec<(String, PathBuf)>, String> {
        let mut found = Vec::new();
        let mut waiting = vec![folder.to_path_buf()];
        while let Some(folder) = waiting.pop() {
            let entries = fs::read_dir(&folder).map_err(|error| problem(&folder, &error))?;
            for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
                if path.is_dir() {
                    waiting.push(path);
                } else if path.ends_with("checks.json") {
                    let name = folder.file_name().unwrap_or_default().to_string_lossy();
                    found.push((name.into_owned(), path));
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// Adds the checks of one file.
    ///
    /// # Errors
    /// When it is not what the suite writes.
    pub(super) fn read(&mut self, scenario: &str, file: &Path) -> Result<(), String> {
        let text = fs::read_to_string(file).map_err(|error| problem(file, &error))?;
        self.add(scenario, &text)
            .map_err(|error| format!("{}: {error}", file.display()))
    }

    /// Adds the checks of one scenario, as JSON.
    ///
    /// # Errors
    /// When it is not a list of checks with known statuses.
    pub(super) fn add(&mut self, scenario: &str, text: &str) -> Result<(), String> {
        let checks: Vec<Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        self.ran.insert(scenario.to_owned());
        for check in &checks {
            let part = |name: &str| check.get(name).and_then(Value::as_str);
            let mut tally = Tally::default();
            match part("status") {
                Some("SUCCESS") => tally.passed = 1,
                Some("FAILURE") => tally.failed = 1,
                Some("WARNING") => tally.warned = 1,
                Some("SKIPPED") => tally.skipped = 1,
                Some("INFO") => continue,
                other => return Err(format!("a check with the status {other:?}")),
            }
            if tally.failed + tally.warned > 0 {
                tally.message = part("errorMessage").map(str::to_owned);
            }
            let key = Check {
                scenario: scenario.to_owned(),
                id: part("id").unwrap_or_default().to_owned(),
            };
            *self.checks.entry(key).or_default() += tally;
        }
        Ok(())
    }

    /// How many checks passed, of those with a verdict.
    pub(super) fn score(&self) -> Score {
        let count = |of: fn(&Tally) -> usize| self.checks.values().map(of).sum();
        Score {
            passed: count(|tally| tally.passed),
            judged: count(|tally| tally.passed + tally.failed + tally.warned),
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.warned += other.warned;
        self.skipped += other.skipped;
        if self.message.is_none() {
            self.message = other.message;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Score {
    passed: usize,
    judged: usize,
}

impl fmt::Display for Score {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {} checks", self.passed, self.judged)
    }
}
