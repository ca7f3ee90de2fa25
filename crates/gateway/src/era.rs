//! What differs between the eras in the results that go to a host.

use portcullis_mcp::error::WireError;
use portcullis_mcp::json::{Object, Span, Splice};
use portcullis_mcp::method::Method;
use portcullis_mcp::result::{ResultType, result_type};
use portcullis_mcp::version::Era;

/// The written form of an era.
pub(crate) fn name(era: Era) -> &'static str {
    match era {
        Era::Legacy => "legacy",
        Era::Modern => "modern",
    }
}

/// Whether a result of this method says how long it may be cached (2026-07-28, caching).
fn is_cacheable(method: Method) -> bool {
    matches!(
        method,
        Method::ServerDiscover
            | Method::ToolsList
            | Method::PromptsList
            | Method::ResourcesList
            | Method::ResourceTemplatesList
            | Method::ResourcesRead
    )
}

/// Whether a result is the answer.
fn is_complete(result: &Object<'_>) -> bool {
    result_type(result) == Ok(ResultType::Complete)
}

/// Gives a result the members that the client's era wants, and takes away the others.
///
/// What we pass on depends on who asks, so that a cacheable result is `private`, whatever the
/// server said: a shared cache must not serve it to somebody else.
pub(crate) fn fit<'a>(
    result: &Object<'a>,
    splice: &mut Splice<'a>,
    method: Method,
    era: Era,
) -> Result<(), WireError> {
    let whole = Span {
        start: 0,
        end: result.text().len(),
    };
    match era {
        Era::Modern => {
            if result.get("resultType").is_none() {
                splice.set_member(whole, "resultType", "\"complete\"")?;
            }
            // Only an answer can be cached, not a question (2026-07-28, caching).
            let answer = is_complete(result);
            if is_cacheable(method) && (answer || result.get("cacheScope").is_some()) {
                splice.set_member(whole, "cacheScope", "\"private\"")?;
            }
            if is_cacheable(method) && answer && result.get("ttlMs").is_none() {
                splice.set_member(whole, "ttlMs", "0")?;
            }
        }
        Era::Legacy => {
            for member in ["resultType", "ttlMs", "cacheScope"] {
                if result.get(member).is_some() {
                    splice.remove_member(whole, member)?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
