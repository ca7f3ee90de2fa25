use portcullis_store::{AuditEntry, Closed, Opened};
use serde_json::json;

use super::{Kind, pick};

fn entry(id: &str, closed: impl FnOnce(&mut Closed)) -> AuditEntry {
    let mut end = Closed {
        entry: id.to_owned(),
        decision: "permit".to_owned(),
        outcome: "ok".to_owned(),
        ..Closed::default()
    };
    closed(&mut end);
    AuditEntry {
        seq: 1,
        opened: Opened {
            entry: id.to_owned(),
            method: "tools/call".to_owned(),
            target: Some("today".to_owned()),
            ..Opened::default()
        },
        closed: Some(end),
    }
}

fn check(entries: &[AuditEntry], isolated: bool, expected: &[(Kind, &str, &str)]) {
    let found = pick(entries, isolated);
    let shown: Vec<(Kind, String, &str)> = found
        .iter()
        .map(|evidence| (evidence.kind, evidence.word(), evidence.entry.as_str()))
        .collect();
    let expected: Vec<(Kind, String, &str)> = expected
        .iter()
        .map(|(kind, word, entry)| (*kind, (*word).to_owned(), *entry))
        .collect();
    assert_eq!(shown, expected);
}

fn refused(id: &str, reason: &str) -> AuditEntry {
    entry(id, |closed| {
        closed.outcome = "refused".to_owned();
        closed.decision = "none".to_owned();
        closed.reason = Some(reason.to_owned());
    })
}

fn screened(id: &str, verdict: &str) -> AuditEntry {
    entry(id, |closed| {
        closed.verdict = Some(verdict.to_owned());
        closed.findings =
            json!([{"rule": "tag-characters"}, {"rule": "tag-characters"}, {"rule": "ansi"}]);
    })
}

#[test]
fn refusals_and_alterations_are_evidence_and_nothing_else_is() {
    check(&[entry("a", |_| {})], false, &[]);
    check(
        &[
            refused("a", "definition-held"),
            refused("b", "definition-held"),
            refused("c", "policy-denied"),
        ],
        false,
        &[
            (Kind::Refusal, "definition-held", "a"),
            (Kind::Refusal, "policy-denied", "c"),
        ],
    );
    check(
        &[screened("a", "redact")],
        false,
        &[(Kind::Shield, "tag-characters, ansi", "a")],
    );
    check(&[screened("a", "allow")], false, &[]);
    // What is merely marked is still there.
    check(&[screened("a", "mark")], false, &[]);
}

#[test]
fn a_permitted_call_is_evidence_of_isolation_alone() {
    check(
        &[entry("a", |_| {})],
        true,
        &[(Kind::Isolation, "token-isolation", "a")],
    );
    check(
        &[entry("a", |closed| closed.decision = "none".to_owned())],
        true,
        &[],
    );
    let list = AuditEntry {
        opened: Opened {
            method: "tools/list".to_owned(),
            ..Opened::default()
        },
        ..entry("a", |_| {})
    };
    check(&[list], true, &[]);
}

#[test]
fn an_open_entry_shows_nothing_yet() {
    let open = AuditEntry {
        closed: None,
        ..refused("a", "policy-denied")
    };
    check(&[open], false, &[]);
}
