//! The JSON-RPC envelope: one owned text and where its parts stand.

use std::borrow::Cow;
use std::fmt;

use crate::error::{Fault, WireError};
use crate::json::{self, JsonKind, Limits, Object, Span};
use crate::method::Method;

/// What a JSON-RPC message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Has a method and an id.
    Request,
    /// Has a method and no id.
    Notification,
    /// Has a result.
    Response,
    /// Has an error.
    Error,
}

/// One JSON-RPC 2.0 message, read once and kept byte for byte. Its `Debug` shows no content.
#[derive(Clone)]
pub struct Message {
    text: String,
    kind: Kind,
    id: Option<Span>,
    method: Option<MethodName>,
    params: Option<Span>,
    result: Option<Span>,
    error: Option<Span>,
}

/// The error of an error response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError<'a> {
    /// What went wrong, as a number.
    pub code: i64,
    /// What went wrong, in words; untrusted text.
    pub message: Cow<'a, str>,
    /// More about it, as raw JSON; untrusted.
    pub data: Option<&'a str>,
}

#[derive(Clone)]
struct MethodName {
    known: Option<Method>,
    decoded: Box<str>,
}

impl Message {
    /// Reads one message.
    ///
    /// # Errors
    /// What is not strict JSON within `limits`; what is not JSON-RPC 2.0 with an id that is a string
    /// or a number, params and result that are objects, and exactly one of method, result and error;
    /// members that differ from these only by letter case; and a batch.
    pub fn parse(bytes: Vec<u8>, limits: &Limits) -> Result<Message, WireError> {
        let text = checked(bytes, limits)?;
        if json::kind(&text) == JsonKind::Array {
            return Err(WireError::Batch);
        }
        Self::read(text)
    }

    /// Reads a batch, or a single message as a batch of one. For 2025-03-26 only: no later revision
    /// has batches.
    ///
    /// # Errors
    /// As for [`Message::parse`], and an empty batch. One bad message refuses the whole batch.
    pub fn parse_batch(bytes: Vec<u8>, limits: &Limits) -> Result<Vec<Message>, WireError> {
        let text = checked(bytes, limits)?;
        if json::kind(&text) != JsonKind::Array {
            return Ok(vec![Self::read(text)?]);
        }
        let elements = json::elements(&text)?;
        if elements.is_empty() {
            return Err(WireError::EmptyBatch);
        }
        elements
            .iter()
            .map(|element| Self::read(element.value.to_owned()))
            .collect()
    }

    /// The whole message as it came.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The whole message as it came, given away.
    pub fn into_string(self) -> String {
        self.text
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The id as written: a raw JSON string or number. `None` for notifications, and for errors that
    /// answer what could not be read.
    pub fn id(&self) -> Option<&str> {
        self.id.map(|span| span.of(&self.text))
    }

    /// The method's name, unescaped.
    pub fn method_name(&self) -> Option<&str> {
        self.method.as_ref().map(|method| &*method.decoded)
    }

    /// The method, when some revision defines it.
    pub fn method(&self) -> Option<Method> {
        self.method.as_ref().and_then(|method| method.known)
    }

    /// The raw params, an object.
    pub fn params(&self) -> Option<&str> {
        self.params.map(|span| span.of(&self.text))
    }

    /// The raw result, an object.
    pub fn result(&self) -> Option<&str> {
        self.result.map(|span| span.of(&self.text))
    }

    /// The error of an error response.
    pub fn error(&self) -> Option<RpcError<'_>> {
        read_error(self.error?.of(&self.text)).ok()
    }

    /// Where the params stand in [`Message::as_str`].
    pub fn params_span(&self) -> Option<Span> {
        self.params
    }

    /// Where the result stands in [`Message::as_str`].
    pub fn result_span(&self) -> Option<Span> {
        self.result
    }

    fn read(text: String) -> Result<Message, WireError> {
        if json::kind(&text) != JsonKind::Object {
            return Err(refuse("message", Fault::Expected(JsonKind::Object), None));
        }
        let object = Object::parse(&text)?;
        let id_member = object.get("id");
        let id = id_member.filter(|member| is_token(member.value));
        let refuse = |member, fault| refuse(member, fault, id.map(|id| id.value));

        if let Some(member) = ambiguous(&object, ENVELOPE) {
            return Err(refuse(member, Fault::Ambiguous));
        }
        match object.get("jsonrpc") {
            None => return Err(refuse("jsonrpc", Fault::Missing)),
            Some(version) if json::as_string(version.value).as_deref() != Some("2.0") => {
                return Err(refuse("jsonrpc", Fault::NotAllowed));
            }
            Some(_) => {}
        }
        let [method, params, result, error] =
            ["method", "params", "result", "error"].map(|key| object.get(key));
        let kind = match (method, result, error, id_member) {
            (Some(_), None, None, Some(_)) => Kind::Request,
            (Some(_), None, None, None) => Kind::Notification,
            (None, Some(_), None, _) => Kind::Response,
            (None, None, Some(_), _) => Kind::Error,
            _ => {
                return Err(WireError::UnknownKind {
                    id: id.map(|id| id.value.into()),
                });
            }
        };
        match (kind, id_member) {
            // An error may answer a request whose id could not be read.
            (Kind::Error, Some(member)) if json::kind(member.value) == JsonKind::Null => {}
            (Kind::Response, None) => return Err(refuse("id", Fault::Missing)),
            (_, Some(_)) if id.is_none() => return Err(refuse("id", Fault::ExpectedToken)),
            _ => {}
        }
        let method = match method.map(|member| json::as_string(member.value)) {
            None => None,
            Some(None) => return Err(refuse("method", Fault::Expected(JsonKind::String))),
            Some(Some(name)) => Some(MethodName {
                known: Method::parse(&name),
                decoded: name.into(),
            }),
        };
        for (member, name) in [(params, "params"), (result, "result"), (error, "error")] {
            if member.is_some_and(|member| json::kind(member.value) != JsonKind::Object) {
                return Err(refuse(name, Fault::Expected(JsonKind::Object)));
            }
        }
        if method.is_none() && params.is_some() {
            return Err(WireError::UnknownKind {
                id: id.map(|id| id.value.into()),
            });
        }
        if let Some(error) = error {
            read_error(error.value).map_err(|(member, fault)| refuse(member, fault))?;
        }
        let [id, params, result, error] =
            [id, params, result, error].map(|member| member.map(|member| member.value_span));
        Ok(Message {
            kind,
            id,
            method,
            params,
            result,
            error,
            text,
        })
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("kind", &self.kind)
            .field("method", &self.method().map(Method::as_str))
            .field("id", &self.id())
            .field("len", &self.text.len())
            .finish()
    }
}

/// A request's text. `id` and `params` are raw JSON.
pub fn request(id: &str, method: &str, params: Option<&str>) -> String {
    let method = json::quote(method);
    match params {
        Some(params) => {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method},"params":{params}}}"#)
        }
        None => format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method}}}"#),
    }
}

/// A notification's text. `params` is raw JSON.
pub fn notification(method: &str, params: Option<&str>) -> String {
    let method = json::quote(method);
    match params {
        Some(params) => format!(r#"{{"jsonrpc":"2.0","method":{method},"params":{params}}}"#),
        None => format!(r#"{{"jsonrpc":"2.0","method":{method}}}"#),
    }
}

/// A response's text. `id` and `result` are raw JSON.
pub fn response(id: &str, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

/// An error response's text. `id` and `data` are raw JSON; without an id it is `null`.
pub fn error_response(id: Option<&str>, code: i64, message: &str, data: Option<&str>) -> String {
    let id = id.unwrap_or("null");
    let message = json::quote(message);
    match data {
        Some(data) => {
            format!(
                r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message},"data":{data}}}}}"#
            )
        }
        None => format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message}}}}}"#
        ),
    }
}

const ENVELOPE: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];

fn checked(bytes: Vec<u8>, limits: &Limits) -> Result<String, WireError> {
    if bytes.len() > limits.max_bytes {
        return Err(json::JsonError::TooLarge {
            limit: limits.max_bytes,
        }
        .into());
    }
    let text = String::from_utf8(bytes).map_err(|error| json::JsonError::NotUtf8 {
        offset: error.utf8_error().valid_up_to(),
    })?;
    json::check_text(&text, limits)?;
    Ok(text)
}

fn refuse(member: &'static str, fault: Fault, id: Option<&str>) -> WireError {
    WireError::Envelope {
        member,
        fault,
        id: id.map(Into::into),
    }
}

fn read_error(raw: &str) -> Result<RpcError<'_>, (&'static str, Fault)> {
    let object = Object::parse(raw).map_err(|_| ("error", Fault::Expected(JsonKind::Object)))?;
    if let Some(member) = ambiguous(&object, &["code", "message", "data"]) {
        return Err((member, Fault::Ambiguous));
    }
    let code = object.get("code").ok_or(("code", Fault::Missing))?;
    let code = code
        .value
        .parse()
        .map_err(|_| ("code", Fault::Expected(JsonKind::Number)))?;
    let message = object
        .string("message")
        .map_err(|_| ("message", Fault::Expected(JsonKind::String)))?
        .ok_or(("message", Fault::Missing))?;
    Ok(RpcError {
        code,
        message,
        data: object.get("data").map(|member| member.value),
    })
}

/// Whether a raw value may be an id or a progress token: a string or a number.
pub(crate) fn is_token(raw: &str) -> bool {
    matches!(json::kind(raw), JsonKind::String | JsonKind::Number)
}

/// The first of `names` that another member of the object equals but for letter case.
///
/// Parsers that match names without regard to case (Go's `encoding/json` does) would take such a
/// member for the named one, and so act on something that was not judged.
pub(crate) fn ambiguous(object: &Object<'_>, names: &[&'static str]) -> Option<&'static str> {
    object.members().iter().find_map(|member| {
        names
            .iter()
            .copied()
            .find(|name| member.key != *name && equal_but_for_case(&member.key, name))
    })
}

/// Equality under simple case folding, for an ASCII `name`.
fn equal_but_for_case(key: &str, name: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key.len() >= name.len() && key.chars().map(fold).eq(name.chars().map(fold))
}

#[cfg(test)]
mod tests;
