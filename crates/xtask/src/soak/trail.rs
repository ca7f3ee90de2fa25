//! One closed entry for every message.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::Tally;
use super::place::Place;

const MOST: usize = 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// What is wrong with the trail once the last records are in the store, or when patience is over.
///
/// # Errors
/// When the trail cannot be read.
pub(crate) fn settled(place: &Place, tally: &Tally) -> Result<Vec<String>, String> {
    let begun = Instant::now();
    loop {
        let problems = check(place, tally)?;
        if problems.is_empty() || begun.elapsed() > PATIENCE {
            return Ok(problems);
        }
        thread::sleep(Duration::from_secs(1));
    }
}

/// What is missing in the trail, there twice, or still open.
///
/// # Errors
/// When the trail cannot be read.
fn check(place: &Place, tally: &Tally) -> Result<Vec<String>, String> {
    let mut query = place
        .command(&["audit", "query", "--json", "--limit", "100000000"])
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("the trail cannot be read: {error}"))?;
    let stdout = query.stdout.take().ok_or("the trail has no output")?;
    let mut wanted = tally.requests();
    let mut notifications = 0;
    let mut problems = Vec::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.map_err(|error| format!("the trail broke off: {error}"))?;
        let entry: Value = serde_json::from_str(&line)
            .map_err(|error| format!("an entry is not JSON: {error}"))?;
        let outcome = entry.pointer("/closed/outcome").and_then(Value::as_str);
        if outcome.is_none_or(|outcome| outcome == "unknown") {
            problems.push(format!("not closed: {line}"));
        }
        // The id stands there as it was written on the wire.
        match entry.pointer("/opened/rpc_id").and_then(Value::as_str) {
            Some(id) if wanted.remove(id.trim_matches('"')) => {}
            Some(_) => problems.push(format!("nobody sent this, or it is there twice: {line}")),
            None => notifications += 1,
        }
    }
    let status = query.wait().map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(format!("the trail cannot be read: {status}"));
    }
    problems.extend(wanted.iter().map(|id| format!("no entry for {id}")));
    if notifications != tally.notifications() {
        problems.push(format!(
            "{notifications} entries without an id for {} notifications",
            tally.notifications()
        ));
    }
    problems.truncate(MOST);
    Ok(problems)
}
