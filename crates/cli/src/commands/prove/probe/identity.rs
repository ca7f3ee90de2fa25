//! `authentication`, `revocation` and `session-binding`: who calls.

use serde_json::json;

use super::{Fate, Observation, Post, Seen, Stage, echo, echoed};
use crate::exit::Failure;

/// A caller without a key comes from elsewhere: over a proxy, where `authn.loopback` does not speak
/// for it. The address is one for documentation (RFC 5737).
const ELSEWHERE: &str = "203.0.113.7";

pub(super) async fn authentication(stage: &Stage) -> Result<Observation, Failure> {
    let right = echo(stage, &stage.first, "a call with a valid key", |post| post).await?;
    let missing = echo(
        stage,
        &stage.first,
        "a call from elsewhere without a key",
        |post| post.without_key().header("x-forwarded-for", ELSEWHERE),
    )
    .await?;
    let invented = echo(stage, &stage.first, "a call with an invented key", |post| {
        post.header("authorization", "Bearer pcl_nobody-was-ever-given-this-key")
    })
    .await?;
    // A key that is shown is judged even when none is asked for.
    let wrong = match (missing.fate, invented.fate) {
        (Fate::Stopped, Fate::Stopped) => Seen::new(
            "calls without a key and with an invented one",
            Fate::Stopped,
            format!("{}; {}", missing.how, invented.how),
        ),
        (Fate::Passed, _) => missing,
        (Fate::Stopped, Fate::Passed) => invented,
    };
    Ok(Observation { right, wrong })
}

/// A key that still is in the configuration is worth nothing once its holder is revoked.
pub(super) async fn revocation(stage: &Stage) -> Result<Observation, Failure> {
    let right = "a call of somebody who is not revoked";
    let wrong = "a call of somebody who was revoked";
    Ok(Observation {
        right: echo(stage, &stage.first, right, |post| post).await?,
        wrong: echo(stage, &stage.revoked, wrong, |post| post).await?,
    })
}

/// A session id is no key: what one principal was given is worth nothing to another.
pub(super) async fn session(stage: &Stage) -> Result<Observation, Failure> {
    let opened = stage
        .ask(&stage.first, Post::initialize(&stage.fresh()))
        .await?;
    let Some(session) = opened.session else {
        let how = format!("no session was opened: {}", opened.summary());
        return Ok(Observation {
            right: Seen::new("a call in one's own session", Fate::Stopped, how.clone()),
            wrong: Seen::new("a call in the session of another", Fate::Stopped, how),
        });
    };
    let call = |text: &str| {
        Post::legacy(
            text,
            &session,
            "tools/call",
            &json!({"name": "echo", "arguments": {"text": text}}),
        )
    };
    let (own, stolen) = (stage.fresh(), stage.fresh());
    Ok(Observation {
        right: echoed(
            stage,
            &stage.first,
            "a call in one's own session",
            &own,
            call(&own),
        )
        .await?,
        wrong: echoed(
            stage,
            &stage.second,
            "a call in the session of another",
            &stolen,
            call(&stolen),
        )
        .await?,
    })
}
