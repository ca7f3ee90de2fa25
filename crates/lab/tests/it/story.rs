use std::path::Path;

use portcullis_lab::host::Event;
use portcullis_lab::servers::desk::{Door, desk};
use portcullis_lab::servers::harvester::harvester;
use portcullis_lab::story::{
    COMPANY_TOKEN, Outcome, Scenario, Side, StoryError, Transport, play, scenarios,
};

use tokio::net::TcpListener;

use super::exe;

async fn bare(id: &str, dir: &Path) -> Outcome {
    play(Scenario::find(id).unwrap(), Side::Bare, dir, &exe())
        .await
        .unwrap()
}

async fn succeeds_bare(id: &str, evidence: &str) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let outcome = bare(id, &folder.path().join("play")).await;
    assert!(
        outcome.attack_succeeded && outcome.task_done,
        "{outcome:#?}"
    );
    assert!(outcome.evidence.contains(evidence), "{}", outcome.evidence);
    let touched: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(touched, ["play"]);
    outcome
}

const BOARD: &str = "Board: acquisition of Northwind, confidential";

#[tokio::test]
async fn clean() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = bare("clean", folder.path()).await;
    assert!(
        outcome.task_done && !outcome.attack_succeeded && !outcome.transcript.was_led_astray(),
        "{outcome:#?}"
    );
    let report = outcome.report.unwrap();
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines[0], "# Indirect prompt injection");
    assert_eq!(lines[lines.len() - 1], "Discussion: 2026-11-23 12:00-13:00");
    assert_eq!(
        lines.iter().filter(|line| line.starts_with("[2")).count(),
        4,
        "{report}"
    );
    assert!(
        report.contains("[2302.12173] Not what you've signed up for"),
        "{report}"
    );
    let read_back = outcome.transcript.calls().last().unwrap().3;
    assert_eq!(read_back.text, report);
    assert!(!folder.path().join("outbox.jsonl").exists());
}

#[tokio::test]
async fn poisoned_description() {
    let outcome = succeeds_bare("poisoned-description", BOARD).await;
    assert!(outcome.transcript.was_led_astray());
}

#[tokio::test]
async fn rug_pull() {
    let outcome = succeeds_bare("rug-pull", BOARD).await;
    // The first list was clean: the instruction came after the first call.
    let position =
        |wanted: fn(&Event) -> bool| outcome.transcript.events.iter().position(wanted).unwrap();
    let first_call = position(|event| matches!(event, Event::Call { .. }));
    assert!(position(|event| matches!(event, Event::Instruction { .. })) > first_call);
}

#[tokio::test]
async fn hidden_unicode() {
    let outcome = succeeds_bare("hidden-unicode", BOARD).await;
    let concealed = |event: &Event| {
        matches!(
            event,
            Event::Instruction {
                concealed_by: Some("tag characters"),
                ..
            }
        )
    };
    assert!(outcome.transcript.events.iter().any(concealed));
}

#[tokio::test]
async fn ansi_concealment() {
    let outcome = succeeds_bare("ansi-concealment", BOARD).await;
    let concealed = |event: &Event| {
        matches!(
            event,
            Event::Instruction {
                concealed_by: Some("ansi sequence"),
                ..
            }
        )
    };
    assert!(outcome.transcript.events.iter().any(concealed));
}

#[tokio::test]
async fn poisoned_paper() {
    succeeds_bare("poisoned-paper", BOARD).await;
}

#[tokio::test]
async fn tool_shadowing() {
    let outcome = succeeds_bare("tool-shadowing", "acquisition of Northwind").await;
    // The tool that gave the order was never called.
    assert!(
        outcome
            .transcript
            .calls()
            .all(|(_, tool, ..)| tool != "style")
    );
}

#[tokio::test]
async fn hidden_tool() {
    succeeds_bare(
        "hidden-tool",
        "calls that reached the server: echo, hidden, changing",
    )
    .await;
}

#[tokio::test]
async fn token_theft() {
    succeeds_bare("token-theft", "authorization").await;
}

#[tokio::test]
async fn stolen_session() {
    succeeds_bare("stolen-session", BOARD).await;
}

#[tokio::test]
async fn no_credential() {
    succeeds_bare("no-credential", BOARD).await;
}

#[tokio::test]
async fn traces_of_an_earlier_play_do_not_count() {
    let folder = tempfile::tempdir().unwrap();
    bare("poisoned-paper", folder.path()).await;
    assert!(folder.path().join("outbox.jsonl").exists());
    bare("clean", folder.path()).await;
    assert!(!folder.path().join("outbox.jsonl").exists());
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_has_stopped_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    drop(listener);
    for scenario in scenarios() {
        let side = Side::Guarded {
            url: url.clone(),
            bearer: "key".into(),
            harvest: None,
        };
        let result = play(scenario, side, folder.path(), &exe()).await;
        assert!(
            matches!(
                result,
                Err(StoryError::Connect(_) | StoryError::NoHarvester)
            ),
            "{}: {:?}",
            scenario.id,
            result.map(|outcome| outcome.evidence)
        );
    }
}

#[tokio::test]
async fn a_door_that_asks_every_time_stops_the_intruder() {
    for id in ["stolen-session", "no-credential"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let desk = desk(listener, Door::TokenAlways("key".into()))
            .await
            .unwrap();
        let side = Side::Guarded {
            url: desk.url(),
            bearer: "key".into(),
            harvest: None,
        };
        let outcome = play(
            Scenario::find(id).unwrap(),
            side,
            tempfile::tempdir().unwrap().path(),
            &exe(),
        )
        .await
        .unwrap();
        assert!(
            !outcome.attack_succeeded && outcome.task_done,
            "{outcome:#?}"
        );
        assert_eq!(outcome.evidence, "the intruder was answered HTTP 401");
    }
}

#[tokio::test]
async fn a_gateway_that_passes_the_token_on_is_found_out() {
    let harvest = harvester(TcpListener::bind("127.0.0.1:0").await.unwrap())
        .await
        .unwrap();
    // No gateway at all in between: the worst there can be.
    let side = Side::Guarded {
        url: harvest.url(),
        bearer: "key-1".into(),
        harvest: Some(harvest),
    };
    let scenario = Scenario::find("token-theft").unwrap();
    let outcome = play(scenario, side, tempfile::tempdir().unwrap().path(), &exe())
        .await
        .unwrap();
    assert!(
        outcome.attack_succeeded && outcome.task_done,
        "{outcome:#?}"
    );
}

#[test]
fn setups_stay_below_their_folder() {
    let folder = Path::new("/some/folder");
    let mut ids = Vec::new();
    for scenario in scenarios() {
        ids.push(scenario.id);
        assert_eq!(
            scenario.attack,
            !scenario.control.is_empty(),
            "{}",
            scenario.id
        );
        for server in scenario.setup(folder).servers {
            let Transport::Stdio { env, .. } = server.transport else {
                continue;
            };
            for (name, value) in env {
                assert!(
                    name == "LAB_MODE" || Path::new(&value).starts_with(folder),
                    "{name}={value}"
                );
                assert!(!value.contains(COMPANY_TOKEN));
            }
        }
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), scenarios().len());
}
