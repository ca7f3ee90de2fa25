//! Request bodies: which of the formats is used, and how a body is written.

use http::HeaderValue;
use portcullis_mcp::json::{self, JsonKind, Object};

use crate::check::ArgumentError;
use crate::encode::percent_encode;
use crate::pointer::{Node, Tree};
use crate::request::scalar;
use crate::schema::Fault;

/// The name of the argument that holds the body.
pub(crate) const ARGUMENT: &str = "body";

/// The body of an operation.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) required: bool,
    content_type: HeaderValue,
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Format {
    Json,
    Form,
    Text,
}

/// Reads a Request Body Object: the body and its schema. Of several formats the first of JSON,
/// form and plain text is taken.
pub(crate) fn read<'a>(tree: &Tree<'a>, node: Node<'a>) -> Result<(Body, Option<Node<'a>>), Fault> {
    let node = tree.follow(node)?;
    let required = node.flag("required")?.unwrap_or(false);
    let Some(content) = node.get("content") else {
        return Err(node.problem("a request body needs `content`").into());
    };
    let mut offers = Vec::new();
    for (kind, media) in content.members()? {
        if let Some(format) = format(kind) {
            // `*/*` and `application/*` are no types to send.
            let sent = match kind.contains('*') {
                true => "application/json",
                false => kind,
            };
            let sent = HeaderValue::from_str(sent)
                .map_err(|_| media.problem("its name is no media type"))?;
            offers.push((format, sent, media));
        }
    }
    offers.sort_by_key(|(format, ..)| *format);
    let Some((format, content_type, media)) = offers.into_iter().next() else {
        let reason = "a body in a format other than json, form or plain text";
        return Err(Fault::Unsupported(reason.to_owned()));
    };
    media.object()?;
    let body = Body {
        required,
        content_type,
        format,
    };
    Ok((body, media.get("schema")))
}

/// Whether a media type is JSON.
pub(crate) fn is_json(kind: &str) -> bool {
    format(kind) == Some(Format::Json)
}

fn format(kind: &str) -> Option<Format> {
    let kind = kind.split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/json" | "*/*" | "application/*" => Some(Format::Json),
        "application/x-www-form-urlencoded" => Some(Format::Form),
        "text/plain" => Some(Format::Text),
        other if other.ends_with("+json") => Some(Format::Json),
        _ => None,
    }
}

impl Body {
    /// The content type and the bytes. JSON goes as the caller wrote it.
    pub(crate) fn write(&self, raw: &str) -> Result<(HeaderValue, Vec<u8>), ArgumentError> {
        let bytes = match self.format {
            Format::Json => raw.as_bytes().to_vec(),
            Format::Form => write_form(raw)?.into_bytes(),
            Format::Text => match json::as_string(raw) {
                Some(text) => text.as_bytes().to_vec(),
                None => return Err(unsendable(ARGUMENT, "it must be a string")),
            },
        };
        Ok((self.content_type.clone(), bytes))
    }
}

/// `application/x-www-form-urlencoded`: one pair for each member, several for an array.
fn write_form(raw: &str) -> Result<String, ArgumentError> {
    let members = Object::parse(raw).map_err(|_| unsendable(ARGUMENT, "it must be an object"))?;
    let mut pairs = Vec::new();
    for member in members.members() {
        let values = match json::kind(member.value) {
            JsonKind::Array => json::elements(member.value)
                .map_err(|_| ArgumentError::Malformed)?
                .iter()
                .map(|element| scalar(element.value))
                .collect(),
            _ => vec![scalar(member.value)],
        };
        for value in values {
            let value = value.ok_or_else(|| {
                unsendable(ARGUMENT, "a form holds only strings, numbers and booleans")
            })?;
            pairs.push(format!(
                "{}={}",
                percent_encode(&member.key),
                percent_encode(&value)
            ));
        }
    }
    Ok(pairs.join("&"))
}

fn unsendable(name: &str, reason: &'static str) -> ArgumentError {
    ArgumentError::Unsendable {
        name: name.to_owned(),
        reason,
    }
}
