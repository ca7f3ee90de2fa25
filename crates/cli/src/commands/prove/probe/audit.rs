//! `audit`: nothing happens without a record.

use std::time::Duration;

use portcullis_store::{AuditEntry, Closed};
use serde_json::{Value, json};

use super::super::scene::UNPERMITTED;
use super::{Fate, Observation, Seen, Stage};
use crate::exit::Failure;

/// How long a call that waits for its record is watched. A call that does not wait takes a small
/// part of this.
const WATCH: Duration = Duration::from_millis(250);

pub(super) async fn audit(stage: &Stage) -> Result<Observation, Failure> {
    let wrong = unrecorded(stage).await?;
    Ok(Observation {
        right: complete(stage).await?,
        wrong,
    })
}

/// Every message has its entry, closed, with what was decided.
async fn complete(stage: &Stage) -> Result<Seen, Failure> {
    let text = stage.fresh();
    let permitted = stage
        .ask(&stage.first, stage.tool("echo", json!({"text": text})))
        .await?;
    let refused = stage
        .ask(
            &stage.first,
            stage.tool(UNPERMITTED, json!({"milliseconds": 0})),
        )
        .await?;
    let sent = stage.sent();
    let entries = stage.trail().await?;
    let closed = entries
        .iter()
        .filter(|entry| entry.closed.is_some())
        .count();
    let decided = |reply: &super::super::client::Reply, expected: fn(&Closed) -> bool| {
        let id = reply.message.get("id").map(Value::to_string);
        let entry = entries.iter().find(|entry| entry.opened.rpc_id == id);
        entry.is_some_and(|entry: &AuditEntry| {
            entry.opened.principal.as_deref() == Some(&stage.caller)
                && entry.opened.server.as_deref() == Some(stage.canary())
                && entry.closed.as_ref().is_some_and(expected)
        })
    };
    let right_decisions = decided(&permitted, |closed| {
        closed.decision == "permit" && closed.outcome == "ok"
    }) && (refused.is_result()
        || decided(&refused, |closed| {
            closed.decision == "deny" && closed.outcome == "refused"
        }));
    let passed = entries.len() == sent && closed == sent && right_decisions;
    let how = match (entries.len() == sent, closed == sent, right_decisions) {
        (false, ..) => format!("{} entries for {sent} messages", entries.len()),
        (true, false, _) => format!("{} of {sent} entries are not closed", sent - closed),
        (true, true, false) => "an entry tells a wrong decision".to_owned(),
        (true, true, true) => format!("{sent} messages, {sent} entries, all closed"),
    };
    Ok(Seen::new(
        "an entry for every message of this run",
        Fate::of(passed),
        how,
    ))
}

/// A call whose record cannot get to the disk: it must not get to the server either.
async fn unrecorded(stage: &Stage) -> Result<Seen, Failure> {
    let text = stage.fresh();
    let post = stage.tool("echo", json!({"text": text}));
    stage.witness.shut();
    let call = stage.first.send(post);
    tokio::pin!(call);
    let early = tokio::select! {
        reply = &mut call => Some(reply),
        () = stage.witness.waiting() => tokio::time::timeout(WATCH, &mut call).await.ok(),
    };
    let reached = stage.reached(&text)?;
    stage.witness.open();
    let waited = early.is_none();
    let reply = match early {
        Some(reply) => reply,
        None => call.await,
    };
    let reply = reply.map_err(|error| Failure::because("a probe got no answer", &error))?;
    let how = match (reached, waited) {
        (true, _) => "the server had it before the disk".to_owned(),
        (false, true) => "waited until it was on disk".to_owned(),
        (false, false) => reply.summary(),
    };
    let passed = reached || reply.is_result() && !waited;
    Ok(Seen::new(
        "a call whose record is not on disk yet",
        Fate::of(passed),
        how,
    ))
}
