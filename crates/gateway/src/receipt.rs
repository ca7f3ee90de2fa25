//! Receipts: what the gateway did to a message, told to the host in `_meta`.
//!
//! Alterations are visible. The key lies under a prefix of our own, which is taken out of
//! everything that a server sends, so that no server can write a receipt.

use std::borrow::Cow;

use portcullis_mcp::error::WireError;
use portcullis_mcp::json::{self, JsonKind, Member, Object, Span, Splice, quote};
use portcullis_mcp::meta::RECEIPT_PREFIX;
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

/// Rewrites the `_meta` of a result: what only the gateway may say is taken out, whoever wrote it,
/// and then said by the gateway.
pub(crate) fn write<'a>(
    result: &Object<'a>,
    splice: &mut Splice<'a>,
    era: Era,
    receipt: Option<&Receipt<'_>>,
) -> Result<(), WireError> {
    let mut said: Vec<(&str, String)> = Vec::with_capacity(2);
    if era == Era::Modern {
        said.push((SERVER_INFO, server_info()));
    }
    said.extend(receipt.map(|receipt| (KEY, receipt.to_json())));
    let whole = Span {
        start: 0,
        end: result.text().len(),
    };
    let Some(meta) = result.get("_meta") else {
        if !said.is_empty() {
            splice.set_member(whole, "_meta", object(&said))?;
        }
        return Ok(());
    };
    let members = Object::parse(meta.value)?;
    let kept =
        |member: &&Member<'_>| !member.key.starts_with(RECEIPT_PREFIX) && member.key != SERVER_INFO;
    if said.is_empty() && members.members().iter().all(|member| kept(&member)) {
        return Ok(());
    }
    let mut rewritten = Splice::new(meta.value);
    let inside = Span {
        start: 0,
        end: meta.value.len(),
    };
    for member in members.members().iter().filter(|member| !kept(member)) {
        rewritten.remove_member(inside, &member.key)?;
    }
    for (key, value) in said {
        rewritten.set_member(inside, key, value)?;
    }
    splice.replace(meta.value_span, rewritten.finish().into_owned());
    Ok(())
}

/// Takes our own keys out of every `_meta` of a text that a server sent, however deep it stands:
/// content blocks and definitions have one too.
pub(crate) fn without_forged(text: &str) -> Result<Cow<'_, str>, WireError> {
    // The prefix can only be written out, or with escapes; few texts have either.
    let written = RECEIPT_PREFIX.trim_end_matches('/');
    if !text.contains(written) && !text.contains("\\u") {
        return Ok(Cow::Borrowed(text));
    }
    let mut splice = Splice::new(text);
    let whole = Span {
        start: 0,
        end: text.len(),
    };
    take_out(text, whole, false, &mut splice)?;
    Ok(splice.finish())
}

fn take_out<'a>(
    text: &'a str,
    value: Span,
    is_meta: bool,
    splice: &mut Splice<'a>,
) -> Result<(), WireError> {
    match json::kind(value.of(text)) {
        JsonKind::Object => {
            for member in Object::parse(value.of(text))?.members() {
                if is_meta && member.key.starts_with(RECEIPT_PREFIX) {
                    splice.remove_member(value, &member.key)?;
                } else {
                    let inner = member.value_span.within(value.start);
                    take_out(text, inner, member.key == "_meta", splice)?;
                }
            }
        }
        JsonKind::Array => {
            for element in json::elements(value.of(text))? {
                take_out(text, element.span.within(value.start), false, splice)?;
            }
        }
        JsonKind::String | JsonKind::Number | JsonKind::Bool | JsonKind::Null => {}
    }
    Ok(())
}

fn object(members: &[(&str, String)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(key, value)| format!("{}:{value}", quote(key)))
        .collect();
    format!("{{{}}}", members.join(","))
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
