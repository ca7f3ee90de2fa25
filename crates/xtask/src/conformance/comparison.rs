//! Two runs of the same scenarios, check by check.

use std::collections::BTreeSet;
use std::fmt;

use super::results::{Check, Results, Tally};

/// A check that came out worse through Portcullis than directly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) scenario: String,
    /// Empty when the scenario as a whole is meant.
    pub(super) check: String,
    why: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.check.is_empty() { "" } else { ":" };
        write!(
            formatter,
            "{}{separator}{}: {}",
            self.scenario, self.check, self.why
        )
    }
}

/// Everything that passes directly and not through Portcullis, and what fails only there.
pub(super) fn compare(
    scenarios: &[String],
    direct: &Results,
    through: &Results,
) -> Vec<Difference> {
    let mut found = missing(scenarios, through);
    let checks: BTreeSet<&Check> = direct.checks.keys().chain(through.checks.keys()).collect();
    let none = Tally::default();
    for check in checks {
        if !through.ran.contains(&check.scenario) {
            continue;
        }
        let before = direct.checks.get(check).unwrap_or(&none);
        let after = through.checks.get(check).unwrap_or(&none);
        if is_worse(before, after) {
            found.push(Difference {
                scenario: check.scenario.clone(),
                check: check.id.clone(),
                why: format!(
                    "{} directly, {} through Portcullis{}",
                    Counts(before),
                    Counts(after),
                    message(after)
                ),
            });
        }
    }
    found
}

/// What fails or is missing in a run that should be without failure.
pub(super) fn failures(title: &str, scenarios: &[String], results: &Results) -> Vec<String> {
    let failed = results.checks.iter().filter(|(_, tally)| tally.failed > 0);
    missing(scenarios, results)
        .iter()
        .map(|difference| format!("{title}, directly: {difference}"))
        .chain(failed.map(|(check, tally)| {
            let Check { scenario, id } = check;
            format!("{title}, directly: {scenario}:{id} fails{}", message(tally))
        }))
        .collect()
}

/// What fails, warns or is missing in a run that there is no other to compare with.
pub(super) fn complaints(scenarios: &[String], results: &Results) -> Vec<Difference> {
    let mut found = missing(scenarios, results);
    for (check, tally) in &results.checks {
        if tally.failed + tally.warned > 0 {
            found.push(Difference {
                scenario: check.scenario.clone(),
                check: check.id.clone(),
                why: format!("{}{}", Counts(tally), message(tally)),
            });
        }
    }
    found
}

fn missing(scenarios: &[String], results: &Results) -> Vec<Difference> {
    scenarios
        .iter()
        .filter(|scenario| !results.ran.contains(*scenario))
        .map(|scenario| Difference {
            scenario: scenario.clone(),
            check: String::new(),
            why: "wrote no results".to_owned(),
        })
        .collect()
}

/// A check that is skipped or gone where it passed before counts as worse.
fn is_worse(before: &Tally, after: &Tally) -> bool {
    after.passed < before.passed || after.failed > before.failed || after.warned > before.warned
}

fn message(tally: &Tally) -> String {
    match tally
        .message
        .as_deref()
        .and_then(|text| text.lines().next())
    {
        Some(line) => format!(" ({line})"),
        None => String::new(),
    }
}

/// A tally in words.
struct Counts<'a>(&'a Tally);

impl fmt::Display for Counts<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            passed,
            failed,
            warned,
            skipped,
            ..
        } = self.0;
        let parts: Vec<String> = [
            (passed, "passed"),
            (failed, "failed"),
            (warned, "warned"),
            (skipped, "skipped"),
        ]
        .iter()
        .filter(|(count, _)| **count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
        if parts.is_empty() {
            return formatter.write_str("not there");
        }
        formatter.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests;
