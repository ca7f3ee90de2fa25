//! Answers that are no pages.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION, PRAGMA, REFERRER_POLICY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

const ANY: HeaderValue = HeaderValue::from_static("*");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A public document.
pub(crate) fn document(body: String) -> Response<Bytes> {
    let mut answer = json(StatusCode::OK, body);
    let headers = answer.headers_mut();
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    );
    answer
}

/// JSON that nobody keeps.
pub(crate) fn json(status: StatusCode, body: String) -> Response<Bytes> {
    let mut answer = plain(status, Bytes::from(body));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    answer
}

/// An error of an endpoint that clients call (RFC 6749 section 5.2, RFC 7591 section 3.2.2).
pub(crate) struct OauthError {
    pub(crate) status: StatusCode,
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
}

impl OauthError {
    pub(crate) const fn new(error: &'static str, description: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            description,
        }
    }

    /// The client did not say who it is in a way that is taken here.
    pub(crate) const fn invalid_client(description: &'static str) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_client",
            description,
        }
    }

    /// It may work later.
    pub(crate) const fn unavailable(description: &'static str) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            error: "temporarily_unavailable",
            description,
        }
    }

    /// The fault is ours.
    pub(crate) const fn server(description: &'static str) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            error: "server_error",
            description,
        }
    }

    /// The stable id for the log.
    pub(crate) fn rule(&self) -> &'static str {
        rule(self.error)
    }

    pub(crate) fn answer(&self) -> Response<Bytes> {
        let body: Value = json!({ "error": self.error, "error_description": self.description });
        let mut answer = json(self.status, body.to_string());
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"portcullis\"");
            answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}

/// The stable id of an error of the protocol, as our logs and pages name it.
pub(crate) fn rule(error: &str) -> &'static str {
    match error {
        "access_denied" => "oauth-access-denied",
        "consent_required" => "oauth-consent-required",
        "invalid_client" => "oauth-invalid-client",
        "invalid_client_metadata" => "oauth-invalid-client-metadata",
        "invalid_grant" => "oauth-invalid-grant",
        "invalid_redirect_uri" => "oauth-invalid-redirect-uri",
        "invalid_request" => "oauth-invalid-request",
        "invalid_scope" => "oauth-invalid-scope",
        "invalid_target" => "oauth-invalid-target",
        "request_not_supported" => "oauth-request-not-supported",
        "request_uri_not_supported" => "oauth-request-uri-not-supported",
        "server_error" => "oauth-server-error",
        "temporarily_unavailable" => "oauth-temporarily-unavailable",
        "unsupported_grant_type" => "oauth-unsupported-grant-type",
        "unsupported_response_type" => "oauth-unsupported-response-type",
        _ => "oauth-error",
    }
}

/// Sends the browser on. Nothing of where it has been goes with it.
pub(crate) fn redirect(location: &str) -> Option<Response<Bytes>> {
    let mut answer = plain(StatusCode::FOUND, Bytes::new());
    let location = HeaderValue::from_str(location).ok()?;
    answer.headers_mut().insert(LOCATION, location);
    Some(answer)
}

pub(crate) fn not_found() -> Response<Bytes> {
    plain(StatusCode::NOT_FOUND, Bytes::from_static(b"not found\n"))
}

pub(crate) fn method_not_allowed(allowed: &'static str) -> Response<Bytes> {
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, Bytes::new());
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

/// The answer to a browser that asks before a script of another origin may ask.
pub(crate) fn preflight(allowed: &'static str) -> Response<Bytes> {
    let mut answer = for_any_origin(plain(StatusCode::NO_CONTENT, Bytes::new()));
    let headers = answer.headers_mut();
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(allowed),
    );
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("content-type, mcp-protocol-version"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    answer
}

/// Lets scripts of any origin read an answer, also one that says no: no cookie plays a part in it.
pub(crate) fn for_any_origin(mut answer: Response<Bytes>) -> Response<Bytes> {
    answer
        .headers_mut()
        .insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    answer
}

/// What every answer has in common.
pub(crate) fn plain(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    *answer.headers_mut() = headers;
    answer
}
