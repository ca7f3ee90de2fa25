//! From a tool's arguments to an HTTP request.

use std::fmt;

use http::{HeaderName, HeaderValue, Method};
use portcullis_mcp::json::{self, JsonKind, Object};
use serde_json::Value;

use crate::body;
use crate::check::{ArgumentError, check};
use crate::encode::percent_encode;
use crate::operation::Operation;
use crate::parameter::{Parameter, Place, Style};
use crate::path::PathFault;

/// What servers take of an address.
const MAX_ADDRESS: usize = 16 * 1024;
/// Nesting of arguments.
const MAX_DEPTH: usize = 100;

/// A request to the API. Its `Debug` shows no value.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The path, and after a `?` the query, encoded; to be put behind the base address. The path
    /// starts with a slash.
    pub path_and_query: String,
    /// The header parameters. Never one of those that frame a message, authenticate or route.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The content type and the bytes of the body.
    pub body: Option<(HeaderValue, Vec<u8>)>,
}

impl Operation {
    /// The request for these arguments, a raw JSON object.
    ///
    /// # Errors
    /// The first argument that is unknown, missing, does not fit its schema, or cannot stand in
    /// its place.
    pub fn request(&self, arguments: &str) -> Result<HttpRequest, ArgumentError> {
        let limits = json::Limits {
            max_bytes: usize::MAX,
            max_depth: MAX_DEPTH,
        };
        let malformed = |_| ArgumentError::Malformed;
        json::check(arguments.as_bytes(), &limits).map_err(malformed)?;
        let members = Object::parse(arguments).map_err(malformed)?;
        let tree: Value = serde_json::from_str(arguments).map_err(|_| ArgumentError::Malformed)?;
        check(&self.schema, &tree)?;

        let raw = |name: &str| members.get(name).map(|member| member.value);
        let mut values = Vec::new();
        for parameter in &self.parameters {
            if let Some(raw) = raw(&parameter.argument) {
                values.push((parameter, items(parameter, raw)?));
            }
        }
        let mut address = self.path(&values)?;
        let pairs = query(&values);
        if !pairs.is_empty() {
            address.push('?');
            address.push_str(&pairs.join("&"));
        }
        if address.len() > MAX_ADDRESS {
            return Err(ArgumentError::TooLong);
        }
        let body = match (&self.body, raw(body::ARGUMENT)) {
            (Some(body), Some(raw)) => Some(body.write(raw)?),
            _ => None,
        };
        Ok(HttpRequest {
            method: self.method.clone(),
            path_and_query: address,
            headers: headers(&values)?,
            body,
        })
    }

    fn path(&self, values: &[(&Parameter, Vec<String>)]) -> Result<String, ArgumentError> {
        let of = |name: &str| {
            let value = values
                .iter()
                .find(|(parameter, _)| parameter.place == Place::Path && parameter.wire == name);
            value.map(|(_, items)| items.clone()).unwrap_or_default()
        };
        self.template.expand(of).map_err(|(name, fault)| {
            let parameter = self
                .parameters
                .iter()
                .find(|parameter| parameter.place == Place::Path && parameter.wire == name);
            ArgumentError::Unsendable {
                name: parameter.map_or_else(String::new, |found| found.argument.clone()),
                reason: match fault {
                    PathFault::Empty => "it stands in the path and must not be empty",
                    PathFault::Unsafe => "it stands in the path and would change it",
                },
            }
        })
    }
}

fn query(values: &[(&Parameter, Vec<String>)]) -> Vec<String> {
    let mut pairs = Vec::new();
    for (parameter, items) in values {
        if parameter.place != Place::Query || items.is_empty() {
            continue;
        }
        let name = percent_encode(&parameter.wire);
        let mut encoded = items.iter().map(|item| percent_encode(item));
        match parameter.style {
            Style::Joined(separator) => {
                let joined = encoded.collect::<Vec<_>>().join(separator);
                pairs.push(format!("{name}={joined}"));
            }
            Style::Repeated => pairs.extend(encoded.map(|item| format!("{name}={item}"))),
            Style::Json => pairs.extend(encoded.next().map(|item| format!("{name}={item}"))),
        }
    }
    pairs
}

fn headers(
    values: &[(&Parameter, Vec<String>)],
) -> Result<Vec<(HeaderName, HeaderValue)>, ArgumentError> {
    let mut out = Vec::new();
    for (parameter, items) in values {
        if parameter.place != Place::Header || items.is_empty() {
            continue;
        }
        let unsendable = |reason| ArgumentError::Unsendable {
            name: parameter.argument.clone(),
            reason,
        };
        if items.len() > 1 && items.iter().any(|item| item.contains(',')) {
            return Err(unsendable(
                "an item of a list in a header must not hold a comma",
            ));
        }
        let name = HeaderName::from_bytes(parameter.wire.as_bytes())
            .map_err(|_| unsendable("its name is no header name"))?;
        let text = items.join(",");
        let visible = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let value = HeaderValue::from_str(&text)
            .ok()
            .filter(|_| visible)
            .ok_or_else(|| unsendable("a header holds only visible ascii characters"))?;
        out.push((name, value));
    }
    Ok(out)
}

/// The texts of one argument, not encoded.
fn items(parameter: &Parameter, raw: &str) -> Result<Vec<String>, ArgumentError> {
    if parameter.style == Style::Json {
        return Ok(vec![raw.to_owned()]);
    }
    let found = match json::kind(raw) {
        JsonKind::Array => json::elements(raw)
            .map_err(|_| ArgumentError::Malformed)?
            .iter()
            .map(|element| scalar(element.value))
            .collect(),
        _ => scalar(raw).map(|item| vec![item]),
    };
    found.ok_or_else(|| ArgumentError::Wrong {
        name: parameter.argument.clone(),
        expected: "a string, a number, a boolean or a list of them".to_owned(),
    })
}

/// What a scalar says; numbers as they are written. `None` for null, arrays and objects.
pub(crate) fn scalar(raw: &str) -> Option<String> {
    match json::kind(raw) {
        JsonKind::String => json::as_string(raw).map(|text| text.into_owned()),
        JsonKind::Number | JsonKind::Bool => Some(raw.trim().to_owned()),
        JsonKind::Object | JsonKind::Array | JsonKind::Null => None,
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("headers", &headers)
            .field("body", &self.body.as_ref().map(|(_, bytes)| bytes.len()))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
