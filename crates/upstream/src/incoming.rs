//! What a server's message means to a connection.

use portcullis_mcp::json::{Limits, as_string};
use portcullis_mcp::params::{Params, view};
use portcullis_mcp::{Message, Method, WireError, meta};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What a notification of a server is about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Notice<'a> {
    /// Progress of the request with this token.
    Progress(u64),
    /// A log message.
    Log,
    /// A list changed.
    ListChanged(Method),
    /// The request with this raw id is given up: in the modern era it is our subscription, in the
    /// legacy era what the server asked itself.
    Cancelled(&'a str),
    /// The server took our subscription.
    Acknowledged,
    /// A resource that somebody subscribed to changed.
    Updated,
    /// A task changed (the tasks extension of 2026-07-28).
    Task,
    /// What an elicitation by URL asked for is done (2025-11-25).
    ElicitationComplete,
    /// Anything else: nothing that anybody asked for.
    Other,
}

/// One message, or in the one revision that has batches perhaps several.
pub(crate) fn messages(
    bytes: Vec<u8>,
    limits: &Limits,
    batches: bool,
) -> Result<Vec<Message>, WireError> {
    let is_array = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if batches && is_array {
        Message::parse_batch(bytes, limits)
    } else {
        Message::parse(bytes, limits).map(|message| vec![message])
    }
}

/// What a notification is about.
pub(crate) fn notice(notification: &Message) -> Notice<'_> {
    let Some(method) = notification.method() else {
        return Notice::Other;
    };
    match method {
        Method::LogMessage => Notice::Log,
        Method::SubscriptionsAcknowledged => Notice::Acknowledged,
        Method::ResourcesUpdated => Notice::Updated,
        Method::TasksNotification => Notice::Task,
        Method::ElicitationComplete => Notice::ElicitationComplete,
        Method::ToolsListChanged | Method::PromptsListChanged | Method::ResourcesListChanged => {
            Notice::ListChanged(method)
        }
        Method::Progress | Method::Cancelled => match view(method, notification.params()) {
            Ok(Params::Progress { token, .. }) => {
                own_id(token).map_or(Notice::Other, Notice::Progress)
            }
            Ok(Params::Cancelled { request_id, .. }) => Notice::Cancelled(request_id),
            _ => Notice::Other,
        },
        _ => Notice::Other,
    }
}

/// Our request that a modern notification was subscribed to by (2026-07-28,
/// basic/patterns/subscriptions). Some servers write ids as strings.
pub(crate) fn subscription(notification: &Message) -> Option<u64> {
    let raw = meta::member(notification.params()?, meta::SUBSCRIPTION_ID)?;
    own_id(raw).or_else(|| own_id(&as_string(raw)?))
}

/// Our id, when the raw token is one: a plain decimal number, nothing that merely equals it.
pub(crate) fn own_id(token: &str) -> Option<u64> {
    let id: u64 = token.parse().ok()?;
    (id.to_string() == token).then_some(id)
}

/// The id of an answer that the strict parser refused, so that its exchange fails at once
/// instead of timing out. Lenient on purpose and used for nothing else.
pub(crate) fn id_of_refused(text: &[u8]) -> Option<u64> {
    let envelope: Envelope = serde_json::from_slice(text).ok()?;
    envelope.method.is_none().then_some(envelope.id)?
}

/// The error code in the body of an HTTP error that names no request of ours.
pub(crate) fn error_code(text: &[u8]) -> Option<i64> {
    let envelope: Envelope = serde_json::from_slice(text).ok()?;
    Some(envelope.error?.code)
}

#[derive(Deserialize)]
struct Envelope {
    id: Option<u64>,
    method: Option<IgnoredAny>,
    error: Option<Code>,
}

#[derive(Deserialize)]
struct Code {
    code: i64,
}

#[cfg(test)]
mod tests;
