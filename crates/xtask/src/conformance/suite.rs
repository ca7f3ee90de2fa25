//! The suite itself: which scenarios a revision asks for, and running them.
//!
//! Its exit code counts other things too (what the client's program ended with, what is not
//! scored), so only the files that it writes are believed.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use super::place::{Place, problem};
use super::results::Results;

/// How long one scenario may take, in milliseconds. On two busy cores the suite's own 30 s are
/// enough for it, but not for a client that starts a gateway first.
const CLIENT_TIMEOUT: &str = "60000";

/// A set of requirements, frozen at the release of a revision and run at its wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Revision {
    Legacy,
    Modern,
}

impl Revision {
    pub(super) const ALL: [Self; 2] = [Self::Legacy, Self::Modern];
}

impl fmt::Display for Revision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Legacy => "2025-11-25",
            Self::Modern => "2026-07-28",
        })
    }
}

/// What a scenario tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    Client,
}

/// The scenarios of a revision, those that are run but not scored included.
///
/// # Errors
/// When the suite does not start, or lists nothing.
pub(super) fn scenarios(
    place: &Place,
    revision: Revision,
    side: Side,
) -> Result<Vec<String>, String> {
    let output = suite(place)
        .args(["list", "--requirements"])
        .arg(revision.to_string())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("the conformance suite: {error}"))?;
    let found = listed(&String::from_utf8_lossy(&output.stdout), side);
    if found.is_empty() {
        return Err(format!(
            "the conformance suite lists no scenario for {revision}; is it installed? (cargo xtask peers)"
        ));
    }
    Ok(found)
}

/// Tests the server at `url`: all of the revision, or the one scenario.
///
/// # Errors
/// When the suite does not start, or its files cannot be read.
pub(super) fn server(
    place: &Place,
    url: &str,
    revision: Revision,
    scenario: Option<&str>,
    name: &str,
) -> Result<Results, String> {
    let folder = place.fresh(&format!("{name}-{revision}"))?;
    let mut command = suite(place);
    command.args(["server", "--url", url]);
    match scenario {
        // Extensions belong to no revision; without `--force` they are not run at one.
        Some(scenario) => command.args(["--force", "--scenario", scenario, "--spec-version"]),
        None => command.arg("--requirements"),
    };
    command.arg(revision.to_string());
    run(command, &folder)?;
    let mut results = Results::default();
    for (name, checks) in Results::folders(&folder)? {
        if let Some(scenario) = scenario_of(&name) {
            results.read(scenario, &checks)?;
        }
    }
    Ok(results)
}

/// Tests our reference client, one scenario after the other: side by side they disturb each
/// other's timing. `direct` leaves Portcullis out.
///
/// # Errors
/// As [`server`].
pub(super) fn client(
    place: &Place,
    revision: Revision,
    scenarios: &[String],
    direct: bool,
) -> Result<Results, String> {
    // By its name, and not as the system says: a build replaces the file that runs here, and what runs
    // is then said to be deleted.
    let own = place.program("xtask");
    let own = own.to_str().ok_or("this program's path is not UTF-8")?;
    let (option, way) = if direct {
        (" --direct", "direct")
    } else {
        ("", "through")
    };
    let mut results = Results::default();
    for scenario in scenarios {
        let folder = place.fresh(&format!("client-{way}-{revision}/{scenario}"))?;
        let mut command = suite(place);
        command.args([
            "client",
            "--scenario",
            scenario,
            "--timeout",
            CLIENT_TIMEOUT,
        ]);
        command.args(["--command", &format!("'{own}' conformance-client{option}")]);
        // Extensions belong to no revision; without `--force` they are not run at one.
        command.args(["--force", "--spec-version", &revision.to_string()]);
        run(command, &folder)?;
        for (_, checks) in Results::folders(&folder)? {
            results.read(scenario, &checks)?;
        }
    }
    Ok(results)
}

fn suite(place: &Place) -> Command {
    let mut command = Command::new(place.node());
    command.arg(place.suite()).stdin(Stdio::null());
    command
}

/// Runs the suite with its results and what it prints in `folder`.
fn run(mut command: Command, folder: &Path) -> Result<(), String> {
    let log = folder.join("suite.log");
    let file = File::create(&log).map_err(|error| problem(&log, &error))?;
    let errors = file.try_clone().map_err(|error| problem(&log, &error))?;
    command
        .arg("-o")
        .arg(folder)
        .stdout(file)
        .stderr(errors)
        .status()
        .map(drop)
        .map_err(|error| format!("the conformance suite: {error}"))
}

/// Finds the scenarios in what `list --requirements` prints: two headings with names below them,
/// then those that are not scored, with their side behind the name.
fn listed(text: &str, side: Side) -> Vec<String> {
    let (heading, mark) = match side {
        Side::Server => ("Server scenarios", "[server]"),
        Side::Client => ("Client scenarios", "[client]"),
    };
    let mut below = false;
    let mut found = Vec::new();
    for line in text.lines() {
        let Some(item) = line.trim_start().strip_prefix("- ") else {
            if !line.starts_with(' ') && !line.is_empty() {
                below = line.starts_with(heading);
            }
            continue;
        };
        match item.split_once(' ') {
            None if below => found.push(item.to_owned()),
            Some((name, side)) if side == mark => found.push(name.to_owned()),
            _ => {}
        }
    }
    found
}

/// `server-ping-2026-11-22T15-00-00-000Z` holds the results of `ping`.
fn scenario_of(folder: &str) -> Option<&str> {
    const STAMP: usize = "-2026-11-22T15-00-00-000Z".len();
    let name = folder.strip_prefix("server-")?;
    let (scenario, _) = name.split_at_checked(name.len().checked_sub(STAMP)?)?;
    Some(scenario)
}

#[cfg(test)]
mod tests;
