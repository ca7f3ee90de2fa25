//! JSON documents of others: fetched within limits, read strictly.

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use portcullis_egress::{Client, EgressError, Limits, Naming};
use portcullis_mcp::json::{self, JsonError};
use serde_json::{Map, Value};
use url::{Host, Url};

/// Metadata, keys and answers of issuers are flat; sixteen levels are plenty.
const MAX_DEPTH: usize = 16;

/// Why a document could not be had, or is not what was asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// It could not be fetched: refused by the guard, not reachable, too slow, too large.
    #[error("could not be fetched")]
    Fetch(#[source] EgressError),
    /// The address cannot be asked for.
    #[error("address is not a valid request target")]
    Address,
    /// The answer's status is not 200.
    #[error("answered with status {0}")]
    Status(u16),
    /// The answer is not declared to be JSON where that is demanded.
    #[error("is not declared to be json")]
    ContentType,
    /// The text is not strict JSON.
    #[error("is not strict json")]
    NotJson(#[source] JsonError),
    /// The JSON is not an object.
    #[error("is not a json object")]
    NotAnObject,
    /// A member has another type than its definition says.
    #[error("member {name} is not {expected}")]
    Member {
        /// The member.
        name: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// A member is missing.
    #[error("member {0} is missing")]
    Missing(&'static str),
}

impl DocumentError {
    /// The stable id of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            DocumentError::Fetch(_) => "document-unreachable",
            DocumentError::Address => "document-address",
            DocumentError::Status(_) => "document-status",
            DocumentError::ContentType => "document-type",
            DocumentError::NotJson(_) => "document-not-json",
            DocumentError::NotAnObject => "document-not-an-object",
            DocumentError::Member { .. } => "document-member",
            DocumentError::Missing(_) => "document-member-missing",
        }
    }
}

/// Fetches `url` with `GET`; any status but 200 is an error.
pub(crate) async fn fetch(
    client: &Client,
    url: &Url,
    naming: Naming,
    limits: &Limits,
) -> Result<Response<Bytes>, DocumentError> {
    let mut request = request(Method::GET, url, Bytes::new())?;
    request
        .headers_mut()
        .insert(ACCEPT, HeaderValue::from_static("application/json"));
    let response = client
        .send(request, naming, limits)
        .await
        .map_err(DocumentError::Fetch)?;
    if response.status() != StatusCode::OK {
        return Err(DocumentError::Status(response.status().as_u16()));
    }
    Ok(response)
}

/// A request without headers.
pub(crate) fn request(
    method: Method,
    url: &Url,
    body: Bytes,
) -> Result<Request<Bytes>, DocumentError> {
    // What follows `#` is for whoever reads the document, never for its server.
    let mut target = url.clone();
    target.set_fragment(None);
    Request::builder()
        .method(method)
        .uri(target.as_str())
        .body(body)
        .map_err(|_| DocumentError::Address)
}

/// Whether a bearer of secrets or promises may be asked for there: https, or http on this machine.
pub(crate) fn is_secure(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(url),
        _ => false,
    }
}

/// Whether the host is this machine: `localhost`, 127.0.0.0/8, ::1.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A JSON object that was read strictly: no duplicate keys at any level, bounded depth.
#[derive(Debug)]
pub(crate) struct Document(Map<String, Value>);

impl Document {
    /// Reads `body`. Its size was bounded when it was fetched.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, DocumentError> {
        let limits = json::Limits {
            max_bytes: body.len(),
            max_depth: MAX_DEPTH,
        };
        let text = json::check(body, &limits).map_err(DocumentError::NotJson)?;
        match serde_json::from_str(text) {
            Ok(Value::Object(members)) => Ok(Document(members)),
            _ => Err(DocumentError::NotAnObject),
        }
    }

    /// A string. `null` counts as absent, as some issuers write it.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<&str>, DocumentError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(name, "a string")),
        }
    }

    /// A string that has to be there.
    pub(crate) fn required_text(&self, name: &'static str) -> Result<&str, DocumentError> {
        self.text(name)?.ok_or(DocumentError::Missing(name))
    }

    /// An array of strings.
    pub(crate) fn texts(&self, name: &'static str) -> Result<Option<Vec<String>>, DocumentError> {
        let Some(value) = self.0.get(name).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let strings = value.as_array().and_then(|items| {
            items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect()
        });
        match strings {
            Some(strings) => Ok(Some(strings)),
            None => Err(wrong(name, "an array of strings")),
        }
    }

    /// A boolean; absent is `false`.
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, DocumentError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(wrong(name, "a boolean")),
        }
    }

    /// A whole number of seconds; fractions are cut, as RFC 7519 allows them in dates.
    pub(crate) fn seconds(&self, name: &'static str) -> Result<Option<i64>, DocumentError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(seconds), _) => Ok(Some(seconds)),
                // 2^53: beyond it a float no longer says which second is meant.
                (None, Some(seconds)) if seconds.abs() < 9_007_199_254_740_992.0 => {
                    Ok(Some(seconds.floor() as i64))
                }
                _ => Err(wrong(name, "a time in seconds")),
            },
            Some(_) => Err(wrong(name, "a time in seconds")),
        }
    }

    /// An absolute address.
    pub(crate) fn url(&self, name: &'static str) -> Result<Option<Url>, DocumentError> {
        self.text(name)?
            .map(|text| Url::parse(text).map_err(|_| wrong(name, "an absolute url")))
            .transpose()
    }

    /// Whether there is a member of this name, whatever it holds.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A member, whatever it holds.
    pub(crate) fn member(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

fn wrong(name: &'static str, expected: &'static str) -> DocumentError {
    DocumentError::Member { name, expected }
}

#[cfg(test)]
mod tests;
