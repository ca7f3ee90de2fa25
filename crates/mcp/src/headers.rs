//! The HTTP headers that mirror a message (2026-07-28, Streamable HTTP).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::WireError;
use crate::json;
use crate::message::{Kind, Message};
use crate::meta;
use crate::method::Method;
use crate::params::{self, Params};

/// The revision.
pub const PROTOCOL_VERSION: &str = "MCP-Protocol-Version";
/// The method.
pub const METHOD: &str = "Mcp-Method";
/// The tool, prompt, resource or task that is asked for.
pub const NAME: &str = "Mcp-Name";
/// The session (up to 2025-11-25).
pub const SESSION_ID: &str = "Mcp-Session-Id";
/// Starts the header that mirrors a tool's argument.
pub const PARAM_PREFIX: &str = "Mcp-Param-";

const OPEN: &str = "=?base64?";
const CLOSE: &str = "?=";

/// How a header disagrees with the body; the answer is [`crate::codes::HEADER_MISMATCH`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("header {header} {problem}")]
pub struct HeaderMismatch {
    /// The header's name.
    pub header: Cow<'static, str>,
    /// What is wrong with it.
    pub problem: HeaderProblem,
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderProblem {
    /// It is required and absent.
    #[error("is missing")]
    Missing,
    /// It holds characters that no header may, or bad Base64.
    #[error("is malformed")]
    Malformed,
    /// It is there twice, so two readers may take different values.
    #[error("appears more than once")]
    Repeated,
    /// It says something else than the body, or the body says nothing.
    #[error("does not match the body")]
    Differs,
}

/// What a header value says ("Value Encoding"): as it stands, or out of `=?base64?…?=`.
///
/// # Errors
/// [`HeaderProblem::Malformed`] for characters other than visible ASCII, inner space and tab, and for
/// what is marked as Base64 but is not the Base64 of UTF-8.
pub fn decode_value(value: &str) -> Result<Cow<'_, str>, HeaderProblem> {
    if !is_plain(value) {
        return Err(HeaderProblem::Malformed);
    }
    if !is_marked(value) {
        return Ok(Cow::Borrowed(value));
    }
    value
        .strip_prefix(OPEN)
        .and_then(|rest| rest.strip_suffix(CLOSE))
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .map(Cow::Owned)
        .ok_or(HeaderProblem::Malformed)
}

/// `value` in a form that a header can carry, which [`decode_value`] turns back.
pub fn encode_value(value: &str) -> Cow<'_, str> {
    if is_plain(value) && !is_marked(value) {
        Cow::Borrowed(value)
    } else {
        Cow::Owned([OPEN, &STANDARD.encode(value), CLOSE].concat())
    }
}

/// What [`NAME`] must say for this request; `None` for methods without that header.
///
/// # Errors
/// When the params do not fit the method.
pub fn name_of(method: Method, params: Option<&str>) -> Result<Option<Cow<'_, str>>, WireError> {
    let named = matches!(
        method,
        Method::ToolsCall
            | Method::PromptsGet
            | Method::ResourcesRead
            | Method::TasksGet
            | Method::TasksUpdate
            | Method::TasksCancel
    );
    if !named {
        return Ok(None);
    }
    Ok(match params::view(method, params)? {
        Params::CallTool(call) => Some(call.name),
        Params::GetPrompt(prompt) => Some(prompt.name),
        Params::ReadResource(resource) => Some(resource.uri),
        Params::Task(task) => Some(task.task_id),
        _ => None,
    })
}

/// Whether the three standard headers say what the body of a modern message says.
///
/// All are required for requests (the name only where [`name_of`] has one). A notification may leave
/// them out, but what it has must agree. A name header on a method without a name is ignored.
///
/// # Errors
/// The first header that is missing, malformed or different.
pub fn agree(
    version_header: Option<&str>,
    method_header: Option<&str>,
    name_header: Option<&str>,
    message: &Message,
) -> Result<(), HeaderMismatch> {
    let required = message.kind() == Kind::Request;
    // Read for itself, so that a self-description with other faults hides no disagreement.
    let version = message
        .params()
        .and_then(|params| meta::member(params, meta::PROTOCOL_VERSION));
    // A notification's `_meta` need not say the version; then the header has nothing to disagree with.
    if required || version.is_some() {
        compare(
            PROTOCOL_VERSION,
            version_header.map(Cow::Borrowed),
            version.and_then(json::as_string).as_deref(),
            required,
        )?;
    }
    compare(
        METHOD,
        method_header.map(Cow::Borrowed),
        message.method_name(),
        required,
    )?;
    let Some(method) = message.method() else {
        return Ok(());
    };
    let name = match name_of(method, message.params()) {
        Ok(None) => return Ok(()),
        Ok(name) => name,
        Err(_) => None,
    };
    let given = name_header
        .map(decode_value)
        .transpose()
        .map_err(|problem| HeaderMismatch {
            header: NAME.into(),
            problem,
        })?;
    compare(NAME, given, name.as_deref(), required)
}

fn compare(
    header: &'static str,
    given: Option<Cow<'_, str>>,
    expected: Option<&str>,
    required: bool,
) -> Result<(), HeaderMismatch> {
    let problem = match given {
        None if required => HeaderProblem::Missing,
        None => return Ok(()),
        Some(given) if Some(&*given) == expected => return Ok(()),
        Some(_) => HeaderProblem::Differs,
    };
    Err(HeaderMismatch {
        header: header.into(),
        problem,
    })
}

/// Visible ASCII with inner space and tab only (RFC 9110 section 5.5).
fn is_plain(value: &str) -> bool {
    let blank = |c: char| matches!(c, ' ' | '\t');
    value.chars().all(|c| blank(c) || c.is_ascii_graphic())
        && !value.starts_with(blank)
        && !value.ends_with(blank)
}

/// Whether a value looks Base64-marked; also where the two marks overlap.
fn is_marked(value: &str) -> bool {
    value.starts_with(OPEN) && value.ends_with(CLOSE)
}

#[cfg(test)]
mod tests;
