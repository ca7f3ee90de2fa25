//! One entry of the trail, for people.

use portcullis_store::{AuditEntry, Opened};

use crate::duration::timestamp;
use crate::terminal;

/// One entry on one line: when, what came of it, who, through what, what; then what a token said of
/// the caller, and how it ended.
pub(super) fn render(entry: &AuditEntry) -> String {
    let opened = &entry.opened;
    let outcome = entry
        .closed
        .as_ref()
        .map_or("open", |closed| closed.outcome.as_str());
    let mark = match outcome {
        "ok" => terminal::green(format!("{outcome:<9}")),
        "refused" | "upstream-failed" => terminal::red(format!("{outcome:<9}")),
        _ => terminal::yellow(format!("{outcome:<9}")),
    };
    let who = terminal::on_one_line(opened.principal.as_deref().unwrap_or("-"));
    let profile = opened.profile.as_deref().unwrap_or("-");
    let what = match (&opened.server, &opened.target) {
        (Some(server), Some(target)) => format!(" {server}/{target}"),
        (None, Some(target)) => format!(" {target}"),
        _ => String::new(),
    };
    let mut line = format!(
        "{} {mark} {who}@{profile} {}{}",
        terminal::dim(timestamp(opened.at_us)),
        terminal::on_one_line(&opened.method),
        terminal::on_one_line(&what)
    );
    let identity = identity(opened);
    if !identity.is_empty() {
        line.push_str(&terminal::dim(format!("  {identity}")));
    }
    if let Some(closed) = &entry.closed {
        if let Some(reason) = &closed.reason {
            line.push_str(&format!("  {}", terminal::red(reason)));
        }
        if !closed.policies.is_empty() {
            line.push_str(&terminal::dim(format!(
                "  by {}",
                closed.policies.join(", ")
            )));
        }
        if let Some(verdict) = closed
            .verdict
            .as_deref()
            .filter(|verdict| *verdict != "allow")
        {
            let findings = closed.findings.as_array().map_or(0, Vec::len);
            line.push_str(&terminal::yellow(format!(
                "  {verdict}, {findings} findings"
            )));
        }
        let micros = closed.at_us.saturating_sub(opened.at_us);
        line.push_str(&terminal::dim(format!(
            "  {:.1} ms",
            micros as f64 / 1_000.0
        )));
    }
    line.push_str(&terminal::dim(format!("  {}", opened.entry)));
    line
}

/// What a token said: its issuer, the application it was given to, who acts for the caller (the
/// outermost first), and which token it was. Empty without one.
fn identity(opened: &Opened) -> String {
    let mut said = Vec::new();
    for (name, value) in [
        ("issuer", &opened.issuer),
        ("application", &opened.application),
        ("token", &opened.token),
    ] {
        if let Some(value) = value {
            said.push(format!("{name} {}", terminal::on_one_line(value)));
        }
    }
    for actor in &opened.actors {
        said.push(format!("actor {}", terminal::on_one_line(actor)));
    }
    said.join(", ")
}

#[cfg(test)]
mod tests;
