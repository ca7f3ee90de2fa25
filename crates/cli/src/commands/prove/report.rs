//! The account: a table for people, JSON for scripts.

use serde::Serialize;

use super::cost::{Cost, Median};
use super::observation::{Fate, Seen, State};
use super::probe::Property;
use crate::terminal;

/// No line is longer; the table looks the same on every terminal.
const WIDTH: usize = 79;
const INDENT: usize = 4;

/// One control's part of the account.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) control: &'static str,
    pub(super) state: State,
    /// Why the state is what it is, where that is not plain.
    pub(super) fault: Option<&'static str>,
    /// What had to be let through.
    pub(super) right: Seen,
    /// What had to be stopped.
    pub(super) wrong: Seen,
    /// What became of the wrong thing on a gateway without this control.
    pub(super) without: Option<Fate>,
    pub(super) cost: Option<Cost>,
    pub(super) notes: Vec<String>,
}

/// The whole account.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) configuration: String,
    /// Whether everything that is enabled was seen at work.
    pub(super) proven: bool,
    /// A debug build: its timings say nothing about a release.
    pub(super) debug_build: bool,
    pub(super) controls: Vec<Row>,
    pub(super) always: Vec<Property>,
    pub(super) call: Option<CallTime>,
    pub(super) notes: Vec<String>,
}

/// The median of a call with everything as configured.
#[derive(Debug, Serialize)]
pub(super) struct CallTime {
    p50_us: f64,
    noise_us: f64,
}

impl From<Median> for CallTime {
    fn from(median: Median) -> Self {
        Self {
            p50_us: median.micros,
            noise_us: median.noise,
        }
    }
}

impl Report {
    /// Writes the account for a person.
    pub(super) fn show(&self) {
        terminal::line(format!(
            "{}  {}\n",
            terminal::bold("Controls of"),
            self.configuration
        ));
        let width = self
            .controls
            .iter()
            .map(|row| row.control.len())
            .max()
            .unwrap_or(0);
        if self.call.is_some() {
            terminal::line(terminal::dim(format!(
                "  {:<width$}  {:<31}{}",
                "control", "state", "added to a call (median)"
            )));
        }
        for row in &self.controls {
            row.show(width);
        }
        terminal::line(format!(
            "\n{}\n",
            terminal::bold("Always, by construction (no switch)")
        ));
        for property in &self.always {
            let state = if property.holds {
                terminal::green("holds")
            } else {
                terminal::red("BROKEN")
            };
            terminal::line(format!("  {:<width$}  {state}", property.name));
            detail("stops", &format!("{}: {}", property.tried, property.how));
        }
        terminal::line("");
        for note in &self.notes {
            labelled(&terminal::yellow("note:"), note, 6);
        }
        self.conclude();
    }

    fn conclude(&self) {
        let count = |state| {
            self.controls
                .iter()
                .filter(|row| row.state == state)
                .count()
        };
        if let Some(call) = &self.call {
            terminal::line(format!(
                "A call with everything as configured: {:.0} µs ± {:.0} (p50)",
                call.p50_us, call.noise_us
            ));
            if self.debug_build {
                terminal::line(terminal::yellow(
                    "This is a debug build: its timings are not meaningful.",
                ));
            }
        }
        let broken = self
            .always
            .iter()
            .filter(|property| !property.holds)
            .count();
        let mut text = format!("{} active", count(State::Active));
        for (number, what) in [
            (count(State::NotWired), "not wired"),
            (count(State::NotExercised), "not exercised"),
            (count(State::Off), "off"),
            (broken, "broken"),
        ] {
            if number > 0 {
                text.push_str(&format!(", {number} {what}"));
            }
        }
        let text = terminal::bold(text);
        terminal::line(if self.proven {
            format!("{} {text}", terminal::green("✓"))
        } else {
            format!("{} {text}", terminal::red("✗"))
        });
    }
}

impl Row {
    fn show(&self, width: usize) {
        let (state, colour): (&str, fn(&'static str) -> String) = match self.state {
            State::Active => ("active", terminal::green),
            State::NotWired => ("not wired", terminal::red),
            State::NotExercised => ("not exercised", terminal::yellow),
            State::Off => ("off", terminal::yellow),
        };
        let verified = if self.state == State::Active {
            ", verified against: off"
        } else {
            ""
        };
        let cost = self.cost.map(Cost::to_text).unwrap_or_default();
        // Colours have no width, so the gap is counted here.
        let gap = if cost.is_empty() {
            0
        } else {
            31usize.saturating_sub(state.len() + verified.len())
        };
        terminal::line(format!(
            "  {:<width$}  {}{}{:gap$}{}",
            self.control,
            colour(state),
            terminal::dim(verified),
            "",
            terminal::dim(cost)
        ));
        if let Some(fault) = self.fault {
            let mark = if self.state == State::NotWired {
                terminal::red("fault  ")
            } else {
                terminal::yellow("but    ")
            };
            labelled(&format!("    {mark} "), fault, INDENT + 9);
        }
        detail(
            if self.right.fate == Fate::Passed {
                "passes"
            } else {
                "lacks"
            },
            &format!("{}: {}", self.right.tried, self.right.how),
        );
        detail(
            if self.wrong.fate == Fate::Stopped {
                "stops"
            } else {
                "admits"
            },
            &format!("{}: {}", self.wrong.tried, self.wrong.how),
        );
        for note in &self.notes {
            detail("note", note);
        }
    }
}

/// A text after a label that has its own colour; further lines are indented.
fn labelled(label: &str, text: &str, indent: usize) {
    for (at, line) in wrap(text, WIDTH - indent).into_iter().enumerate() {
        terminal::line(if at == 0 {
            format!("{label} {line}")
        } else {
            format!("{:indent$}{line}", "")
        });
    }
}

fn detail(label: &str, text: &str) {
    for (at, line) in wrap(text, WIDTH - INDENT - 9).into_iter().enumerate() {
        let label = if at == 0 { label } else { "" };
        terminal::line(terminal::dim(format!("    {label:<7}  {line}")));
    }
}

/// Breaks a text at spaces, so that no line has more than `width` characters (a longer word stays
/// whole).
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("incomprehensible", 4), ["incomprehensible"]);
        assert_eq!(wrap("µµ µµ", 5), ["µµ µµ"]);
        assert!(wrap("", 5).is_empty());
    }
}
