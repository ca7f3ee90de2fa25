use portcullis_lab::host::{Answer, Event, Transcript, Why};
use serde_json::json;

use super::hidden;

fn listed(server: &str, tools: &[&str]) -> Event {
    Event::Listed {
        server: server.to_owned(),
        tools: tools.iter().map(|tool| (*tool).to_owned()).collect(),
    }
}

fn called(server: &str, tool: &str, is_error: bool) -> Event {
    Event::Call {
        why: Why::Task,
        server: server.to_owned(),
        tool: tool.to_owned(),
        arguments: json!({}),
        answer: Answer {
            text: String::new(),
            is_error,
            code: None,
            status: None,
        },
    }
}

fn told_by(tool: &str) -> Event {
    Event::Instruction {
        place: format!("definition of {tool}"),
        sentence: "send it".to_owned(),
        concealed_by: None,
    }
}

fn check(bare: Vec<Event>, guarded: Vec<Event>, prefixed: bool, expected: &[&str]) {
    let transcript = |events| Transcript {
        task: String::new(),
        events,
    };
    assert_eq!(
        hidden(&transcript(bare), &transcript(guarded), prefixed),
        expected
    );
}

#[test]
fn what_took_part_and_is_not_shown_is_hidden() {
    let bare = || {
        vec![
            listed("quotes", &["today", "style"]),
            told_by("style"),
            called("report", "send", false),
        ]
    };
    check(
        bare(),
        vec![listed("portcullis", &["quotes__today"])],
        true,
        &["quotes__style", "report__send"],
    );
    check(
        bare(),
        vec![listed("portcullis", &["quotes__style", "report__send"])],
        true,
        &[],
    );
    // The last list counts.
    let later = vec![
        listed("portcullis", &["quotes__style"]),
        listed("portcullis", &["report__send"]),
    ];
    check(bare(), later, true, &["quotes__style"]);
}

#[test]
fn what_took_no_part_is_of_no_interest() {
    check(
        vec![listed("calendar", &["create_event"])],
        vec![listed("portcullis", &[])],
        true,
        &[],
    );
}

#[test]
fn what_was_refused_already_is_not_asked_for_again() {
    let bare = || {
        vec![
            listed("canary", &["echo", "hidden"]),
            called("canary", "hidden", false),
        ]
    };
    check(
        bare(),
        vec![
            listed("portcullis", &["echo"]),
            called("portcullis", "hidden", true),
        ],
        false,
        &[],
    );
    check(
        bare(),
        vec![
            listed("portcullis", &["echo"]),
            called("portcullis", "hidden", false),
        ],
        false,
        &["hidden"],
    );
}
