//! The result of a tool from the answer of an API.

use http::{HeaderMap, StatusCode};
use portcullis_mcp::json::{self, JsonKind, Limits, quote};

use crate::http::media_type;

/// What is shown of the body of an error, in bytes.
pub(crate) const MAX_ERROR_BODY: usize = 16 * 1024;

/// The head of an API's answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    /// In lower case, without parameters.
    pub(crate) media_type: Option<String>,
    /// Whether the tool has an output schema.
    pub(crate) returns_object: bool,
}

impl Head {
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, returns_object: bool) -> Self {
        Self {
            status,
            media_type: media_type(headers),
            returns_object,
        }
    }

    /// The result of `tools/call`, raw JSON.
    pub(crate) fn result(&self, body: &[u8], limits: &Limits) -> String {
        if !self.status.is_success() {
            return self.unsuccessful(body);
        }
        if body.is_empty() {
            return self.plain(&format!("HTTP {}, without content", self.status.as_u16()));
        }
        if self.is_json() {
            return match json::check(body, limits) {
                Ok(text) => self.json(text),
                // What two readers could read differently is not passed on.
                Err(error) => failure(&format!("the api answered with json that is {error}")),
            };
        }
        match std::str::from_utf8(body) {
            Ok(text) if self.is_text() => self.plain(text),
            _ => failure(&format!(
                "the api answered with {} bytes of {}, which is not text and not passed on",
                body.len(),
                self.shown_type()
            )),
        }
    }

    fn json(&self, text: &str) -> String {
        if json::kind(text) != JsonKind::Object {
            return self.plain(text);
        }
        format!(
            r#"{{"resultType":"complete","content":[{}],"structuredContent":{text},"isError":false}}"#,
            content(text)
        )
    }

    /// Success as text. A tool with an output schema promised an object.
    fn plain(&self, text: &str) -> String {
        match self.returns_object {
            true => failure(&format!(
                "the api did not answer with the json object that its description promises\n\n{text}"
            )),
            false => success(text),
        }
    }

    fn unsuccessful(&self, body: &[u8]) -> String {
        let status = self.status.as_u16();
        let reason = self.status.canonical_reason().unwrap_or_default();
        let line = format!("HTTP {status} {reason}");
        let line = line.trim_end();
        if self.status.is_redirection() {
            return failure(&format!("{line}: a redirect, which is not followed"));
        }
        let shown = body.get(..MAX_ERROR_BODY).unwrap_or(body);
        if shown.is_empty() || !(self.is_text() || self.is_json()) {
            return failure(line);
        }
        failure(&format!("{line}\n\n{}", String::from_utf8_lossy(shown)))
    }

    fn is_json(&self) -> bool {
        let kind = self.media_type.as_deref().unwrap_or_default();
        kind == "application/json" || kind.ends_with("+json")
    }

    fn is_text(&self) -> bool {
        let Some(kind) = self.media_type.as_deref() else {
            return true;
        };
        kind.starts_with("text/")
            || kind.ends_with("+xml")
            || matches!(
                kind,
                "application/xml"
                    | "application/javascript"
                    | "application/yaml"
                    | "application/x-yaml"
                    | "application/x-ndjson"
                    | "application/jsonl"
                    | "application/x-www-form-urlencoded"
            )
    }

    /// The type for a person; it is the API's own word, so odd characters are left out.
    fn shown_type(&self) -> String {
        let kind = self.media_type.as_deref().unwrap_or("an unnamed type");
        kind.chars()
            .filter(|c| c.is_ascii_alphanumeric() || " !#$&-^_.+/".contains(*c))
            .take(100)
            .collect()
    }
}

/// A result that says what went wrong.
pub(crate) fn failure(text: &str) -> String {
    format!(
        r#"{{"resultType":"complete","content":[{}],"isError":true}}"#,
        content(text)
    )
}

fn success(text: &str) -> String {
    format!(
        r#"{{"resultType":"complete","content":[{}],"isError":false}}"#,
        content(text)
    )
}

fn content(text: &str) -> String {
    format!(r#"{{"type":"text","text":{}}}"#, quote(text))
}

#[cfg(test)]
mod tests;
