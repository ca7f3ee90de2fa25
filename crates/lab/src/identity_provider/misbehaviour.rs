//! What a hostile or broken authorization server does.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::web::{Answer, Ending};

/// An endpoint of an authorization server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// The well-known documents.
    Metadata,
    /// The authorization endpoint.
    Authorize,
    /// The token endpoint.
    Token,
    /// The key set.
    Keys,
    /// RFC 7662.
    Introspection,
    /// RFC 7009.
    Revocation,
    /// RFC 7591.
    Registration,
}

/// One thing that an honest authorization server would not do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misbehaviour {
    /// Replaces a member of the metadata, or leaves it out: another `issuer` (mix-up), an endpoint at
    /// `http://169.254.169.254/`, no `code_challenge_methods_supported`.
    Metadata {
        /// The member.
        member: String,
        /// Its value; `None` leaves the member out.
        value: Option<Value>,
    },
    /// `iss` in the authorization response names another issuer, or is left out although the metadata announce it
    /// (RFC 9207). It holds for error responses too.
    Iss(Option<String>),
    /// `state` in the authorization response is another one (of an earlier answer, say), or is left out.
    State(Option<String>),
    /// The authorization response brings this code instead of its own: somebody else's.
    Code(String),
    /// The authorization response is an error: `access_denied`, or `server_error` for any other text.
    AuthorizationError(String),
    /// A redirect URI needs only begin with a registered one.
    RedirectByPrefix,
    /// The endpoint redirects that often on itself and then to `last`.
    Redirects {
        /// The endpoint.
        endpoint: Endpoint,
        /// Redirects on itself before the last one.
        hops: usize,
        /// Where the last one leads, such as `http://169.254.169.254/latest/meta-data/`.
        last: String,
        /// The HTTP status, such as 302 or 307.
        status: u16,
    },
    /// Tokens have these scopes too, and the response says so.
    WiderScope(Vec<String>),
    /// Replaces claims of access tokens; `null` leaves one out.
    Claims(Value),
    /// Replaces members of token responses; `null` leaves one out.
    TokenResponse(Value),
    /// Replaces members of introspection responses; `null` leaves one out.
    Introspected(Value),
    /// What happens to refresh tokens.
    Refresh(RefreshRule),
    /// The endpoint answers in a broken way.
    Broken {
        /// The endpoint.
        endpoint: Endpoint,
        /// The way.
        how: Fault,
    },
}

/// What happens to refresh tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefreshRule {
    /// A new one each time; an old one that comes again ends the family (OAuth 2.1, section 4.3.1). The honest way.
    Rotated,
    /// A new one each time, and the old ones work on.
    RotatedLeniently,
    /// Always the same one, which the response repeats.
    Kept,
    /// Always the same one, and the response does not name it (RFC 6749, section 6).
    Unnamed,
    /// It works once, and there is no new one.
    Once,
}

/// How an answer is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// A page of HTML with the status 200.
    Html,
    /// HTML, but under `application/json`.
    HtmlAsJson,
    /// Half of the answer, then the connection breaks.
    Truncated,
    /// Half of the answer, then nothing.
    Stalls,
    /// The right answer after that many milliseconds.
    Slow(u64),
    /// The right answer and that many spaces.
    Huge(u64),
    /// The right answer with its first member twice.
    DuplicateMember,
    /// Bytes that are no UTF-8.
    NotUtf8,
    /// JSON nested that deep.
    Deep(usize),
    /// That status with `Retry-After: 1` and an error.
    Status(u16),
    /// The head of an answer, then the connection breaks.
    Closes,
}

impl Fault {
    /// Breaks the answer.
    pub(super) fn apply(self, mut answer: Answer) -> Answer {
        const JSON: &str = "application/json";
        const PAGE: &str = "<!DOCTYPE html><title>Maintenance</title>";
        match self {
            Self::Html => Answer::html(StatusCode::OK, PAGE),
            Self::HtmlAsJson => Answer::new(StatusCode::OK, JSON, PAGE),
            Self::Truncated | Self::Stalls => {
                let half = answer.body.len() / 2;
                answer.body.truncate(half);
                answer.ending = if self == Self::Stalls {
                    Ending::Stall
                } else {
                    Ending::Break
                };
                answer
            }
            Self::Slow(milliseconds) => {
                answer.after = Duration::from_millis(milliseconds);
                answer
            }
            Self::Huge(bytes) => {
                answer.ending = Ending::Fill(bytes);
                answer
            }
            Self::DuplicateMember => {
                answer.body = duplicated(&answer.body);
                answer
            }
            Self::NotUtf8 => Answer::new(StatusCode::OK, JSON, &b"{\"a\":\"\xff\xfe\"}"[..]),
            Self::Deep(depth) => {
                let body = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
                Answer::new(StatusCode::OK, JSON, format!("{{\"a\":{body}}}"))
            }
            Self::Status(status) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                Answer::new(status, JSON, "{\"error\":\"temporarily_unavailable\"}")
                    .with(HeaderName::from_static("retry-after"), "1")
            }
            Self::Closes => {
                answer.body = Bytes::new();
                answer.ending = Ending::Break;
                answer
            }
        }
    }
}

/// The object with its first member once more at the end, under another value.
fn duplicated(body: &[u8]) -> Bytes {
    let members: serde_json::Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let Some((name, _)) = members.iter().next() else {
        return Bytes::copy_from_slice(body);
    };
    let second = format!(",{}:\"another\"}}", Value::from(name.as_str()));
    let mut text = String::from_utf8_lossy(body).trim_end().to_owned();
    text.pop();
    text.push_str(&second);
    text.into()
}
