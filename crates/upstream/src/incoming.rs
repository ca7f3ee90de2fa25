//! What a server's message means to a connection.

use portcullis_mcp::json::Limits;
use portcullis_mcp::params::{Params, view};
use portcullis_mcp::{Kind, Message, Method, WireError, codes, message};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What a notification of a server is about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Progress of the request with this token.
    Progress(u64),
    /// A log message.
    Log,
    /// A list changed.
    ListChanged(Method),
    /// The server ends the subscription that this request of ours opened.
    Cancelled(u64),
    /// The server took our subscription; list changes will follow.
    Acknowledged,
    /// Anything else: nothing that a connection without client capabilities asked for.
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

/// The answer to a request of the server, and whether it was refused. We declare no
/// capabilities, so only `ping` is offered (2025-11-25, basic/utilities/ping).
pub(crate) fn answer(request: &Message) -> Option<(String, bool)> {
    let id = request.id()?;
    Some(match request.method() {
        Some(Method::Ping) => (message::response(id, "{}"), false),
        _ => (
            message::error_response(
                Some(id),
                codes::METHOD_NOT_FOUND,
                "not offered by this client",
                None,
            ),
            true,
        ),
    })
}

/// What a notification is about.
pub(crate) fn notice(notification: &Message) -> Notice {
    let Some(method) = notification.method() else {
        return Notice::Other;
    };
    match method {
        Method::LogMessage => Notice::Log,
        Method::SubscriptionsAcknowledged => Notice::Acknowledged,
        Method::ToolsListChanged | Method::PromptsListChanged | Method::ResourcesListChanged => {
            Notice::ListChanged(method)
        }
        Method::Progress | Method::Cancelled => match view(method, notification.params()) {
            Ok(Params::Progress { token, .. }) => {
                own_id(token).map_or(Notice::Other, Notice::Progress)
            }
            Ok(Params::Cancelled { request_id, .. }) => {
                own_id(request_id).map_or(Notice::Other, Notice::Cancelled)
            }
            _ => Notice::Other,
        },
        _ => Notice::Other,
    }
}

/// Whether the message is a notification.
pub(crate) fn is_notification(message: &Message) -> bool {
    message.kind() == Kind::Notification
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
