//! `authorization` and `step-up`: what no policy permits is not there, and what one permits after a
//! stronger sign-in waits for it.

use serde_json::json;

use super::super::scene::UNPERMITTED;
use super::{Fate, Observation, Seen, Stage, echo};
use crate::exit::Failure;

pub(super) async fn authorization(stage: &Stage) -> Result<Observation, Failure> {
    let tools = stage.tools().await?;
    let lists = |name: &str| tools.iter().any(|tool| tool == name);
    let text = stage.fresh();
    let answered = stage
        .ask(&stage.first, stage.tool("echo", json!({"text": text})))
        .await?;
    let passed = lists("echo") && answered.text() == Some(&text);
    let how = if lists("echo") {
        format!("listed, {}", answered.summary())
    } else {
        "not listed".to_owned()
    };
    let right = Seen::new("a permitted tool", Fate::of(passed), how);

    let called = stage
        .ask(
            &stage.first,
            stage.tool(UNPERMITTED, json!({"milliseconds": 0})),
        )
        .await?;
    let unknown = stage
        .ask(&stage.first, stage.tool("slew", json!({"milliseconds": 0})))
        .await?;
    let (fate, how) = if called.is_result() {
        (Fate::Passed, called.summary())
    } else if lists(UNPERMITTED) {
        (Fate::Passed, "listed".to_owned())
    } else if called.face(UNPERMITTED) != unknown.face("slew") {
        (
            Fate::Passed,
            "the refusal tells it from an unknown tool".to_owned(),
        )
    } else {
        (Fate::Stopped, format!("not listed, {}", called.summary()))
    };
    Ok(Observation {
        right,
        wrong: Seen::new("a tool that no policy permits", fate, how),
    })
}

/// A policy permits `echo` to both, and demands of one a sign-in that no key can show.
pub(super) async fn step_up(stage: &Stage) -> Result<Observation, Failure> {
    let right = "a call of whom no policy asks a stronger sign-in";
    let wrong = "the same call by a key, where a policy demands one";
    Ok(Observation {
        right: echo(stage, &stage.first, right, |post| post).await?,
        wrong: echo(stage, &stage.weak, wrong, |post| post).await?,
    })
}
