//! Why a message is refused, and the JSON-RPC code that says so.

use std::fmt;

use crate::json::{JsonError, JsonKind};

/// JSON-RPC error codes: RFC-style ones, then those of the MCP revisions.
pub mod codes {
    /// The text is not JSON.
    pub const PARSE_ERROR: i64 = -32700;
    /// The JSON is not a JSON-RPC message.
    pub const INVALID_REQUEST: i64 = -32600;
    /// No such method, or not for this caller.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// The params do not fit the method.
    pub const INVALID_PARAMS: i64 = -32602;
    /// Something failed on the answering side.
    pub const INTERNAL_ERROR: i64 = -32603;
    /// Headers and body disagree (2026-07-28).
    pub const HEADER_MISMATCH: i64 = -32020;
    /// The request needs a capability that the client did not declare (2026-07-28).
    pub const MISSING_CAPABILITY: i64 = -32021;
    /// The requested revision is not served (2026-07-28).
    pub const UNSUPPORTED_VERSION: i64 = -32022;
    /// No such resource (up to 2025-11-25; never sent in 2026-07-28).
    pub const RESOURCE_NOT_FOUND: i64 = -32002;
    /// The client must visit a URL first (2025-11-25 only).
    pub const URL_ELICITATION_REQUIRED: i64 = -32042;
}

/// What is wrong with one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is required and absent.
    Missing,
    /// It is of another kind than this.
    Expected(JsonKind),
    /// It is neither a string nor a number.
    ExpectedToken,
    /// Its value is not one of those the specification names.
    NotAllowed,
    /// A second member differs from it only by letter case, so two parsers may read different things.
    Ambiguous,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing => f.write_str("is missing"),
            Fault::Expected(kind) => write!(f, "is not {kind}"),
            Fault::ExpectedToken => f.write_str("is neither a string nor a number"),
            Fault::NotAllowed => f.write_str("has a value that is not allowed"),
            Fault::Ambiguous => f.write_str("appears again in another letter case"),
        }
    }
}

/// Why a message, its params or a result is refused. Safe to show to a client: it names members of
/// the specification and never shows what a body holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not strict JSON, or beyond the limits.
    #[error("message is not acceptable json")]
    Json(#[source] JsonError),
    /// An array where one message was expected.
    #[error("a batch is not accepted")]
    Batch,
    /// A batch without messages.
    #[error("a batch must not be empty")]
    EmptyBatch,
    /// Not a JSON-RPC 2.0 message.
    #[error("not a json-rpc message: {member} {fault}")]
    Envelope {
        /// The member at fault.
        member: &'static str,
        /// What is wrong with it.
        fault: Fault,
        /// The raw id, where a usable one was found.
        id: Option<Box<str>>,
    },
    /// A JSON-RPC object that is neither request, notification, response nor error.
    #[error("not a json-rpc message: exactly one of method, result and error must be there")]
    UnknownKind {
        /// The raw id, where a usable one was found.
        id: Option<Box<str>>,
    },
    /// The params do not fit the method.
    #[error("params do not fit: {member} {fault}")]
    Params {
        /// The member at fault.
        member: &'static str,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The result does not fit the request.
    #[error("result does not fit: {member} {fault}")]
    Result {
        /// The member at fault.
        member: &'static str,
        /// What is wrong with it.
        fault: Fault,
    },
}

impl WireError {
    /// The JSON-RPC error code that tells a client.
    pub fn code(&self) -> i64 {
        match self {
            WireError::Json(JsonError::NotUtf8 { .. } | JsonError::Syntax { .. }) => {
                codes::PARSE_ERROR
            }
            WireError::Json(_)
            | WireError::Batch
            | WireError::EmptyBatch
            | WireError::Envelope { .. }
            | WireError::UnknownKind { .. } => codes::INVALID_REQUEST,
            WireError::Params { .. } => codes::INVALID_PARAMS,
            WireError::Result { .. } => codes::INTERNAL_ERROR,
        }
    }

    /// The raw id of the refused message, to be echoed in the error response; `None` where there was
    /// no usable one.
    pub fn id(&self) -> Option<&str> {
        match self {
            WireError::Envelope { id, .. } | WireError::UnknownKind { id } => id.as_deref(),
            _ => None,
        }
    }
}

impl From<JsonError> for WireError {
    fn from(error: JsonError) -> Self {
        WireError::Json(error)
    }
}

#[cfg(test)]
mod tests;
