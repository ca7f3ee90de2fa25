//! `_meta`: the keys that the protocol reserves, and edits that leave the rest byte for byte.

use std::borrow::Cow;

use crate::error::{Fault, WireError};
use crate::json::{self, JsonKind, Object, Span, Splice};
use crate::message::{ambiguous, is_token};

/// Starts every key that the protocol itself defines.
pub const RESERVED_PREFIX: &str = "io.modelcontextprotocol/";
/// Starts every key that Portcullis writes; stripped from what upstream sends.
pub const RECEIPT_PREFIX: &str = "io.portcullis/";

/// The revision of a modern request.
pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// What the client of a modern request can do.
pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// Who the client of a modern request says it is.
pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// From which level on a modern request wants log messages.
pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// Who the server of a modern result says it is.
pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// The id of the `subscriptions/listen` request that a notification belongs to.
pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
/// The task that a message of 2025-11-25 belongs to.
pub const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";
/// The token under which progress of a request is reported.
pub const PROGRESS_TOKEN: &str = "progressToken";

/// The levels of `logging/setLevel` and `logLevel` (RFC 5424), least severe first.
pub const LOG_LEVELS: [&str; 8] = [
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
];

/// How a modern request describes itself (2026-07-28, `RequestMetaObject`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModernMeta<'a> {
    /// The revision, as written; perhaps one that nobody knows.
    pub protocol_version: Cow<'a, str>,
    /// A raw object.
    pub client_capabilities: &'a str,
    /// A raw object.
    pub client_info: Option<&'a str>,
    /// One of [`LOG_LEVELS`].
    pub log_level: Option<Cow<'a, str>>,
}

/// The self-description of a modern request; `None` when `_meta` has no protocol version.
///
/// # Errors
/// [`WireError::Params`] when `_meta` has one but the description is incomplete or does not fit.
pub fn modern(params: Option<&str>) -> Result<Option<ModernMeta<'_>>, WireError> {
    let Some(meta) = object(params)? else {
        return Ok(None);
    };
    if let Some(member) = ambiguous(
        &meta,
        &[
            PROTOCOL_VERSION,
            CLIENT_CAPABILITIES,
            CLIENT_INFO,
            LOG_LEVEL,
            PROGRESS_TOKEN,
        ],
    ) {
        return Err(fault(member, Fault::Ambiguous));
    }
    let Some(protocol_version) = string(&meta, PROTOCOL_VERSION)? else {
        return Ok(None);
    };
    let client_capabilities = raw_object(&meta, CLIENT_CAPABILITIES)?
        .ok_or(fault(CLIENT_CAPABILITIES, Fault::Missing))?;
    let client_info = raw_object(&meta, CLIENT_INFO)?;
    let log_level = string(&meta, LOG_LEVEL)?;
    if log_level
        .as_deref()
        .is_some_and(|level| !LOG_LEVELS.contains(&level))
    {
        return Err(fault(LOG_LEVEL, Fault::NotAllowed));
    }
    Ok(Some(ModernMeta {
        protocol_version,
        client_capabilities,
        client_info,
        log_level,
    }))
}

/// The raw progress token of a request: a string or a number.
pub fn progress_token(params: Option<&str>) -> Option<&str> {
    let meta = object(params).ok()??;
    meta.get(PROGRESS_TOKEN)
        .map(|member| member.value)
        .filter(|value| is_token(value))
}

/// The raw id of the `subscriptions/listen` request that a notification, or the result that ends a
/// subscription, belongs to: a string or a number. `holder` is the raw params or result.
pub fn subscription_id(holder: Option<&str>) -> Option<&str> {
    object(holder)
        .ok()??
        .get(SUBSCRIPTION_ID)
        .map(|member| member.value)
        .filter(|value| is_token(value))
}

/// The raw value of one member of the `_meta` of params, a result or a definition.
pub fn member<'a>(holder: &'a str, key: &str) -> Option<&'a str> {
    object(Some(holder))
        .ok()??
        .get(key)
        .map(|member| member.value)
}

/// Sets members (raw JSON values) in the `_meta` of the object `holder`, which gets one if it has
/// none. Every other byte stays.
///
/// # Errors
/// When `holder` or its `_meta` is not an object.
pub fn set<'a>(holder: &'a str, entries: &[(&str, &str)]) -> Result<Cow<'a, str>, WireError> {
    if entries.is_empty() {
        return Ok(Cow::Borrowed(holder));
    }
    let outer = Object::parse(holder).map_err(not_an_object)?;
    let mut splice = Splice::new(holder);
    match outer.get("_meta") {
        Some(meta) => {
            for (key, value) in entries {
                splice
                    .set_member(meta.value_span, key, (*value).to_owned())
                    .map_err(not_an_object)?;
            }
        }
        None => {
            let members: Vec<String> = entries
                .iter()
                .map(|(key, value)| [&json::quote(key), ":", value].concat())
                .collect();
            let whole = Span {
                start: 0,
                end: holder.len(),
            };
            splice
                .set_member(whole, "_meta", ["{", &members.join(","), "}"].concat())
                .map_err(not_an_object)?;
        }
    }
    Ok(splice.finish())
}

/// Removes the members of the `_meta` of the object `holder` whose key `drop` picks. A `_meta` that
/// this leaves empty goes too. Every other byte stays.
///
/// # Errors
/// When `holder` or its `_meta` is not an object.
pub fn strip(holder: &str, drop: impl Fn(&str) -> bool) -> Result<Cow<'_, str>, WireError> {
    let outer = Object::parse(holder).map_err(not_an_object)?;
    let Some(meta) = outer.get("_meta") else {
        return Ok(Cow::Borrowed(holder));
    };
    let inner = Object::parse(meta.value).map_err(not_an_object)?;
    let mut splice = Splice::new(holder);
    let mut left = inner.members().len();
    for member in inner.members().iter().filter(|member| drop(&member.key)) {
        splice
            .remove_member(meta.value_span, &member.key)
            .map_err(not_an_object)?;
        left -= 1;
    }
    if left == 0 {
        let whole = Span {
            start: 0,
            end: holder.len(),
        };
        splice
            .remove_member(whole, "_meta")
            .map_err(not_an_object)?;
    }
    Ok(splice.finish())
}

fn object(holder: Option<&str>) -> Result<Option<Object<'_>>, WireError> {
    let Some(holder) = holder else {
        return Ok(None);
    };
    let outer =
        Object::parse(holder).map_err(|_| fault("params", Fault::Expected(JsonKind::Object)))?;
    match outer.get("_meta") {
        None => Ok(None),
        Some(member) => Object::parse(member.value).map(Some).map_err(not_an_object),
    }
}

fn string<'a>(meta: &Object<'a>, key: &'static str) -> Result<Option<Cow<'a, str>>, WireError> {
    meta.string(key)
        .map_err(|_| fault(key, Fault::Expected(JsonKind::String)))
}

fn raw_object<'a>(meta: &Object<'a>, key: &'static str) -> Result<Option<&'a str>, WireError> {
    match meta.get(key) {
        None => Ok(None),
        Some(member) if json::kind(member.value) == JsonKind::Object => Ok(Some(member.value)),
        Some(_) => Err(fault(key, Fault::Expected(JsonKind::Object))),
    }
}

fn not_an_object(_: json::JsonError) -> WireError {
    fault("_meta", Fault::Expected(JsonKind::Object))
}

fn fault(member: &'static str, fault: Fault) -> WireError {
    WireError::Params { member, fault }
}

#[cfg(test)]
mod tests;
