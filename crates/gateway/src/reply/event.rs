//! What can happen next while a call waits for its answer.

use std::sync::Arc;

use portcullis_mcp::message::Message;
use portcullis_upstream::{Exchange, Loose, UpstreamError};

use super::questions::{Answered, Questions};

/// What happened next in a call.
pub(super) enum Event {
    Received(Option<Result<Message, UpstreamError>>),
    Answered(Box<Answered>),
    Aside(Arc<Message>),
    /// Something was revoked; it may concern this call.
    Revoked,
}

/// Waits for what happens next. Safe to cancel.
pub(super) async fn next_event(
    exchange: &mut Option<Exchange>,
    questions: &mut Questions,
    loose: &mut Option<Loose>,
) -> Event {
    let Some(exchange) = exchange else {
        return Event::Received(None);
    };
    if questions.is_empty() && loose.is_none() {
        return Event::Received(exchange.next().await);
    }
    // A server that asked in its result has said everything it has to say before it is answered.
    let speaks = !questions.in_result();
    tokio::select! {
        answered = questions.next() => Event::Answered(Box::new(answered)),
        received = exchange.next(), if speaks => Event::Received(received),
        said = said_aside(loose) => Event::Aside(said),
    }
}

/// What the server says outside of its calls; nothing when that cannot be heard.
async fn said_aside(loose: &mut Option<Loose>) -> Arc<Message> {
    if let Some(heard) = loose
        && let Some(message) = heard.next().await
    {
        return message;
    }
    std::future::pending().await
}
