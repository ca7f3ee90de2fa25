//! What is answered from the document alone.

use portcullis_mcp::json::{Limits, quote};
use portcullis_mcp::{ProtocolVersion, meta};
use portcullis_openapi::Document;

/// Tools of one page.
const PAGE: usize = 250;

/// The result of `server/discover`.
pub(crate) fn discovered(document: &Document) -> String {
    format!(
        r#"{{"resultType":"complete","supportedVersions":[{}],"capabilities":{{"tools":{{}}}},"ttlMs":0,"cacheScope":"private","_meta":{{{}:{{"name":{},"version":{}}}}}}}"#,
        quote(ProtocolVersion::LATEST.as_str()),
        quote(meta::SERVER_INFO),
        quote(document.title()),
        quote(document.version()),
    )
}

/// One page of `tools/list`, at most half of the largest message; `None` for a cursor that is none
/// of ours.
pub(crate) fn page(document: &Document, cursor: Option<&str>, limits: &Limits) -> Option<String> {
    let operations = document.operations();
    let start: usize = match cursor {
        None => 0,
        Some(cursor) => cursor.parse().ok().filter(|at| *at < operations.len())?,
    };
    let mut page = String::new();
    let mut next = start;
    for operation in operations.get(start..)?.iter().take(PAGE) {
        let tool = operation.tool();
        if !page.is_empty() && page.len() + tool.len() > limits.max_bytes / 2 {
            break;
        }
        if !page.is_empty() {
            page.push(',');
        }
        page.push_str(tool);
        next += 1;
    }
    let cursor = match next < operations.len() {
        true => format!(r#","nextCursor":"{next}""#),
        false => String::new(),
    };
    Some(format!(
        r#"{{"resultType":"complete","tools":[{page}],"ttlMs":0,"cacheScope":"private"{cursor}}}"#
    ))
}

#[cfg(test)]
mod tests;
