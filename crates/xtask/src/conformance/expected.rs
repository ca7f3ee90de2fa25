//! Failures that are known, with the reason behind each.
//!
//! The files have the form that the suite takes for `--expected-failures`: `server:` or
//! `client:`, and below it `- SCENARIO` or `- SCENARIO:CHECK`. Here, every entry also needs a
//! comment on its line.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use super::place::problem;

#[derive(Debug, Default)]
pub(super) struct Expected {
    file: String,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    scenario: String,
    /// All checks of the scenario, if empty.
    check: String,
    used: Cell<bool>,
}

impl Expected {
    /// # Errors
    /// When the file is not there, or has an entry without a reason.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| problem(path, &error))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self::parse(&name, &text)
    }

    /// # Errors
    /// A line that is neither heading, comment nor entry with a reason.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, String> {
        let mut entries = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let wrong = |what: &str| Err(format!("{file}:{}: {what}", number + 1));
            let (content, reason) = match line.split_once('#') {
                Some((content, reason)) => (content.trim(), reason.trim()),
                None => (line.trim(), ""),
            };
            match content {
                "" | "server:" | "client:" | "server: []" | "client: []" => continue,
                _ => {}
            }
            let Some(name) = content.strip_prefix("- ") else {
                return wrong("is neither a heading nor an entry");
            };
            if reason.is_empty() {
                return wrong("has no reason behind it");
            }
            let (scenario, check) = name.split_once(':').unwrap_or((name, ""));
            entries.push(Entry {
                scenario: scenario.to_owned(),
                check: check.to_owned(),
                used: Cell::new(false),
            });
        }
        Ok(Self {
            file: file.to_owned(),
            entries,
        })
    }

    /// Whether this failure is known. An empty `check` asks for the scenario as a whole.
    pub(super) fn excuse(&self, scenario: &str, check: &str) -> bool {
        let mut known = false;
        for entry in &self.entries {
            if entry.scenario == scenario && (entry.check.is_empty() || entry.check == check) {
                entry.used.set(true);
                known = true;
            }
        }
        known
    }

    /// The entries that excused nothing: what they say no longer holds.
    pub(super) fn unused(&self) -> Vec<String> {
        self.entries
            .iter()
            .filter(|entry| !entry.used.get())
            .map(|entry| {
                let separator = if entry.check.is_empty() { "" } else { ":" };
                format!(
                    "{}: {}{separator}{} does not fail any more; remove it",
                    self.file, entry.scenario, entry.check
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
