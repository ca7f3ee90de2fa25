//! What scripts of other origins may ask an MCP endpoint and read of its answers (WHATWG Fetch,
//! "CORS protocol").
//!
//! Only origins that the configuration names, each by itself, and never with the browser's own
//! credentials: a script has to have a token.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use portcullis_config::Config;

use super::edge;
use super::write::{self, Body};

const VERBS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
/// What clients send, but for the headers that mirror arguments.
const SENT: &str = "authorization, content-type, dpop, last-event-id, mcp-method, mcp-name, mcp-protocol-version, mcp-session-id";
const MIRRORED: &str = "mcp-param-";
const READ: HeaderValue = HeaderValue::from_static("Mcp-Session-Id, WWW-Authenticate, DPoP-Nonce");

/// An origin whose scripts may read what is answered.
pub(super) struct Reader(HeaderValue);

impl Reader {
    /// The origin of a request, if it has one and the configuration names it.
    pub(super) fn of(headers: &HeaderMap, config: &Config) -> Option<Self> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let (Some(origin), None) = (origins.next(), origins.next()) else {
            return None;
        };
        edge::is_named(origin.to_str().ok()?, config).then(|| Self(origin.clone()))
    }

    /// The answer to a browser that asks before the script may; `None` for any other request.
    pub(super) fn preflight(&self, head: &Parts) -> Option<Response<Body>> {
        let is_one = head.method == Method::OPTIONS
            && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !is_one {
            return None;
        }
        let mut answer = write::plain(StatusCode::NO_CONTENT);
        let headers = answer.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, VERBS);
        if let Ok(sent) = HeaderValue::from_str(&allowed(&head.headers)) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, sent);
        }
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        headers.append(
            VARY,
            HeaderValue::from_static("Access-Control-Request-Headers"),
        );
        Some(self.may_read(answer))
    }

    /// The answer with what lets the script read it.
    pub(super) fn may_read(&self, mut answer: Response<Body>) -> Response<Body> {
        let headers = answer.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.0.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, READ);
        headers.append(VARY, HeaderValue::from_static("Origin"));
        answer
    }
}

/// The headers that clients send, and of those that are asked for the ones that mirror arguments.
fn allowed(headers: &HeaderMap) -> String {
    let mut allowed = SENT.to_owned();
    for value in headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
        for name in value.to_str().unwrap_or_default().split(',') {
            let name = name.trim().to_ascii_lowercase();
            let is_token = http::HeaderName::from_bytes(name.as_bytes()).is_ok();
            if is_token && name.starts_with(MIRRORED) {
                allowed.push_str(", ");
                allowed.push_str(&name);
            }
        }
    }
    allowed
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[track_caller]
    fn check(asked: &str, expected: &str) {
        let request = Request::options("/mcp").header(ACCESS_CONTROL_REQUEST_HEADERS, asked);
        let (head, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(allowed(&head.headers), format!("{SENT}{expected}"));
    }

    #[test]
    fn only_headers_of_the_protocol_are_allowed() {
        check("", "");
        check("authorization,x-anything,cookie", "");
        check(
            "mcp-param-region, Mcp-Param-Size",
            ", mcp-param-region, mcp-param-size",
        );
        check("mcp-param-a b", "");
    }
}
