//! Batches of 2025-03-26: several messages in one body, each with a path and a record of its own.
//!
//! Only that revision has them. Nothing is taken together: one message that is refused leaves the
//! others alone, and the same checks stand before each.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;
use portcullis_mcp::message::Message;
use portcullis_mcp::method::Method;
use portcullis_mcp::version::ProtocolVersion;

use super::{
    Answer, Asked, Carried, carry, door, note, open_entry, refuse, reply_stream, turn_down,
};
use crate::audit::{Entry, Outcome};
use crate::gateway::Gateway;
use crate::profile::Routed;
use crate::refusal::{Reason, Refusal};
use crate::snapshot::Snapshot;

/// How many messages one batch may hold.
const MOST: usize = 100;
/// How many of them are under way at a time.
const PARALLEL: usize = 16;

/// Whether a body is a batch.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

/// Serves a batch. The answer is an array of the answers, in the order of the requests.
pub(super) async fn serve(
    gateway: &Arc<Gateway>,
    snapshot: &Arc<Snapshot>,
    routed: Routed,
    bytes: Vec<u8>,
    entry: &mut Entry,
) -> Result<Answer, Refusal> {
    entry.describe(|opened| "batch".clone_into(&mut opened.method));
    entry.received(bytes.len());
    let refused = || Refusal::new(Reason::BatchNotSupported);
    match door(gateway, snapshot).session_version(&routed) {
        Ok(ProtocolVersion::V2025_03_26) => {}
        // Without a session it can only be one of a revision that has no batches.
        Err(refusal) if refusal.reason() != Reason::SessionMissing => return Err(refusal),
        Ok(_) | Err(_) => return Err(refused()),
    }
    let messages = Message::parse_batch(bytes, &snapshot.limits())?;
    if messages.len() > MOST {
        return Err(refused().detail(format!("more than {MOST} messages")));
    }
    let answers: Vec<Option<String>> = stream::iter(messages)
        .map(|message| one(gateway, snapshot, routed.clone(), message))
        .buffered(PARALLEL)
        .collect()
        .await;
    let answers: Vec<String> = answers.into_iter().flatten().collect();
    let body = format!("[{}]", answers.join(","));
    entry.finish(Outcome::Ok, &body);
    if answers.is_empty() {
        return Ok(Answer::Accepted);
    }
    Ok(Answer::Message {
        body,
        session: None,
        agreed: None,
    })
}

/// Serves one message of a batch; its answer, if it gets one.
async fn one(
    gateway: &Arc<Gateway>,
    snapshot: &Arc<Snapshot>,
    routed: Routed,
    message: Message,
) -> Option<String> {
    let mut entry = open_entry(gateway, snapshot, routed.facts());
    entry.principal(routed.principal());
    entry.describe(|opened| opened.profile = Some(routed.profile().name.clone()));
    let mut asked = Asked::in_batch();
    asked.principal = Some(Arc::clone(routed.principal()));
    note(&message, &mut entry, &mut asked);
    if message.method() == Some(Method::Initialize) {
        // 2025-03-26, lifecycle: a greeting stands alone.
        let refusal = Refusal::new(Reason::InvalidRequest).detail("initialize in a batch");
        return told(refuse(&refusal, &asked, snapshot, &mut entry));
    }
    // Boxed, so that a batch of one message is not as large as a batch of all of them.
    let carried = carry(gateway, snapshot, routed, message, &mut entry, &mut asked);
    match Box::pin(carried).await {
        Ok(Carried::Answer(answer)) => told(answer),
        // Only a modern host asks to listen, and the modern era has no batches.
        Ok(Carried::Listening(_)) => None,
        Ok(Carried::Reply(reply)) => {
            let (snapshot, gateway) = (Arc::clone(snapshot), Arc::clone(gateway));
            let mut stream = reply_stream(*reply, entry, snapshot, gateway);
            // A batch has one answer; nothing can be sent or asked before it.
            stream.answer_only();
            loop {
                match stream.next().await? {
                    crate::reply::Outgoing::Answer { text, .. } => return Some(text),
                    crate::reply::Outgoing::Message(_) => {}
                }
            }
        }
        Err(refusal) => told(turn_down(gateway, snapshot, refusal, &asked, &mut entry)),
    }
}

/// What an answer says in a batch; a message that gets no answer has no place in it.
fn told(answer: Answer) -> Option<String> {
    match answer {
        Answer::Message { body, .. } => Some(body),
        Answer::Refused { body, answers, .. } => answers.then_some(body),
        Answer::Accepted | Answer::Stream(_) | Answer::Listening(_) | Answer::Resumed(_) => None,
    }
}
