//! Receipts: what the gateway did to a message, told to the host in `_meta`.
//!
//! Alterations are visible. The key lies under a prefix of our own, which is taken out of
//! everything that a server sends, so that no server can write a receipt.

use std::borrow::Cow;

use portcullis_mcp::error::WireError;
use portcullis_mcp::json::quote;
use portcullis_mcp::meta::{self, RECEIPT_PREFIX};
use portcullis_mcp::version::Era;
use portcullis_shield::{Finding, Verdict};

/// The member of `_meta` that holds the receipt.
pub(crate) const KEY: &str = "io.portcullis/receipt";
/// Who answers, in the modern era (2026-07-28, `ResultMetaObject`).
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// What a receipt tells.
#[derive(Debug)]
pub(crate) struct Receipt<'a> {
    pub(crate) entry: &'a str,
    pub(crate) server: Option<&'a str>,
    pub(crate) definition: Option<&'a str>,
    pub(crate) policies: &'a [String],
    pub(crate) verdict: Verdict,
    pub(crate) findings: &'a [Finding],
}

/// Our own name and version as an MCP `Implementation`.
pub(crate) fn server_info() -> String {
    format!(
        "{{\"name\":\"portcullis\",\"title\":\"Portcullis\",\"version\":{}}}",
        quote(env!("CARGO_PKG_VERSION"))
    )
}

/// Takes out what only the gateway may say.
pub(crate) fn clean(result: &str) -> Result<Cow<'_, str>, WireError> {
    meta::strip(result, |key| {
        key.starts_with(RECEIPT_PREFIX) || key == SERVER_INFO
    })
}

/// Writes the receipt into a result that [`clean`] has seen.
pub(crate) fn attach<'a>(
    result: &'a str,
    era: Era,
    receipt: Option<&Receipt<'_>>,
) -> Result<Cow<'a, str>, WireError> {
    let info = server_info();
    let text = receipt.map(Receipt::to_json);
    let mut entries: Vec<(&str, &str)> = Vec::with_capacity(2);
    if era == Era::Modern {
        entries.push((SERVER_INFO, &info));
    }
    if let Some(text) = &text {
        entries.push((KEY, text));
    }
    if entries.is_empty() {
        return Ok(Cow::Borrowed(result));
    }
    meta::set(result, &entries)
}

impl Receipt<'_> {
    fn to_json(&self) -> String {
        let mut json = format!(
            "{{\"entry\":{},\"verdict\":{}",
            quote(self.entry),
            quote(self.verdict.as_str())
        );
        for (key, value) in [("server", self.server), ("definition", self.definition)] {
            if let Some(value) = value {
                json.push_str(&format!(",\"{key}\":{}", quote(value)));
            }
        }
        if !self.policies.is_empty() {
            let policies: Vec<String> = self.policies.iter().map(|policy| quote(policy)).collect();
            json.push_str(&format!(",\"policies\":[{}]", policies.join(",")));
        }
        if !self.findings.is_empty() {
            let findings: Vec<String> = self
                .findings
                .iter()
                .take(32)
                .map(|finding| {
                    format!(
                        "{{\"rule\":{},\"severity\":{},\"note\":{}}}",
                        quote(finding.rule),
                        quote(finding.severity.as_str()),
                        quote(&finding.note)
                    )
                })
                .collect();
            json.push_str(&format!(
                ",\"findings\":[{}],\"findingCount\":{}",
                findings.join(","),
                self.findings.len()
            ));
        }
        json.push('}');
        json
    }
}

#[cfg(test)]
mod tests;
