//! Requests to key services: JSON in, JSON out, and no key left in a buffer of ours.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use portcullis_egress::{Client, Limits, Naming};
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use super::KeyError;

/// The answer to a request, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) head: http::HeaderMap,
    /// `Null` when the body is not JSON.
    pub(crate) body: Body,
}

/// JSON whose texts are overwritten when it is dropped.
pub(crate) struct Body(Value);

impl Body {
    /// The text at a JSON pointer, taken out.
    pub(crate) fn take(&mut self, pointer: &str) -> Option<Zeroizing<String>> {
        match self.0.pointer_mut(pointer).map(Value::take) {
            Some(Value::String(text)) => Some(Zeroizing::new(text)),
            _ => None,
        }
    }

    /// The texts of the list at a JSON pointer.
    pub(crate) fn texts(&self, pointer: &str) -> impl Iterator<Item = &str> {
        self.0
            .pointer(pointer)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Sends `request` to an address that the operator wrote down.
pub(crate) async fn send(client: &Client, request: Request<Bytes>) -> Result<Answer, KeyError> {
    let limits = Limits {
        max_body: 64 * 1024,
        ..Limits::default()
    };
    let answer: Response<Bytes> = client
        .send(request, Naming::Configured, &limits)
        .await
        .map_err(|error| KeyError::Unavailable(Some(error.into())))?;
    let (head, body) = answer.into_parts();
    let parsed = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if let Ok(mut bytes) = body.try_into_mut() {
        bytes.zeroize();
    }
    Ok(Answer {
        status: head.status,
        head: head.headers,
        body: Body(parsed),
    })
}

/// A JSON object with these members, in a buffer that is overwritten after it was sent. The
/// values are base64 or names: nothing in them needs escaping.
pub(crate) fn object(members: &[(&str, &str)]) -> Bytes {
    let length = members
        .iter()
        .map(|(name, value)| name.len() + value.len() + 6)
        .sum::<usize>();
    // As long as it gets, so that growing leaves no copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(length + 2));
    text.push(b'{');
    for (at, (name, value)) in members.iter().enumerate() {
        if at > 0 {
            text.push(b',');
        }
        for part in ["\"", name, "\":\"", value, "\""] {
            text.extend_from_slice(part.as_bytes());
        }
    }
    text.push(b'}');
    Bytes::from_owner(text)
}

/// What a status means for every key service, where the service does not say more.
pub(crate) fn refusal(status: StatusCode) -> KeyError {
    match status.as_u16() {
        404 | 410 => KeyError::Unknown,
        // 412 and 473: a HashiCorp replica that is behind, or stands by.
        408 | 412 | 425 | 429 | 473 | 500..=599 => KeyError::Unavailable(None),
        code @ 400..=499 => KeyError::Refused { status: code },
        _ => KeyError::Answer {
            what: "the status is none of the contract",
        },
    }
}
