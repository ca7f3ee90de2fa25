//! What Microsoft Graph answers.

use serde_json::Value;
use url::Url;

use crate::DocumentError;
use crate::document::Document;

/// 11,000 ids of 39 bytes each, and room for whitespace.
pub(super) const MAX_BYTES: usize = 2 * 1024 * 1024;

/// One page of a list of ids.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) groups: Vec<String>,
    pub(super) next: Option<Url>,
    pub(super) is_empty: bool,
}

/// Reads a page. Ids are opaque strings here.
pub(super) fn page(body: &[u8]) -> Result<Page, DocumentError> {
    let document = Document::parse(body)?;
    let groups = document
        .texts("value")?
        .ok_or(DocumentError::Missing("value"))?;
    Ok(Page {
        is_empty: groups.is_empty(),
        groups,
        next: document.url("@odata.nextLink")?,
    })
}

/// Whether an error says that there are more groups than Graph lists.
pub(super) fn is_too_many(body: &[u8]) -> bool {
    let Ok(document) = Document::parse(body) else {
        return false;
    };
    document
        .member("error")
        .and_then(|error| error.get("code"))
        .and_then(Value::as_str)
        .is_some_and(|code| code == "Directory_ResultSizeLimitExceeded")
}
