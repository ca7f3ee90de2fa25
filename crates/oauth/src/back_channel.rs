//! Requests from this gateway straight to an authorization server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use portcullis_egress::{Client, EgressError, Limits, Naming};
use secrecy::SecretString;
use url::Url;

use crate::client_auth::{ClientAuthError, ClientIdentity};
use crate::form::Form;
use crate::metadata::AuthorizationServer;

const DPOP: HeaderName = HeaderName::from_static("dpop");
/// Longest time that one request takes, when nothing else is set.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of an answer. Tokens with many groups are some ten kilobytes.
const MAX_ANSWER: usize = 256 * 1024;
/// Longest wait that a server may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// One authorization server, and who this gateway is there. A clone is cheap.
#[derive(Clone)]
pub struct BackChannel {
    http: Client,
    issuer: Arc<str>,
    identity: Arc<ClientIdentity>,
    named: Named,
    timeout: Duration,
}

/// Who named the server's endpoints.
#[derive(Clone)]
enum Named {
    Fixed(Naming),
    Document(Arc<AuthorizationServer>),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// This gateway could not authenticate.
    #[error("no client authentication")]
    Authentication(#[from] ClientAuthError),
    /// The endpoint's address cannot stand in a request.
    #[error("the endpoint's address is not usable")]
    Address,
    /// The request did not get there, or no whole answer came back.
    #[error("the authorization server cannot be asked")]
    Unreachable(#[source] EgressError),
}

/// An answer, and what must not be quoted from it.
pub(crate) struct Answer {
    pub(crate) response: Response<Bytes>,
    pub(crate) sent: Vec<SecretString>,
}

impl BackChannel {
    /// The server that this metadata is about.
    pub fn new(
        http: Client,
        server: Arc<AuthorizationServer>,
        identity: Arc<ClientIdentity>,
    ) -> Self {
        Self {
            http,
            issuer: server.issuer.as_str().into(),
            identity,
            named: Named::Document(server),
            timeout: TIMEOUT,
        }
    }

    /// A server without metadata. `issuer` identifies it (RFC 8414), byte for byte; `naming` says
    /// who named its endpoints.
    pub fn without_metadata(
        http: Client,
        issuer: &str,
        identity: Arc<ClientIdentity>,
        naming: Naming,
    ) -> Self {
        Self {
            http,
            issuer: issuer.into(),
            identity,
            named: Named::Fixed(naming),
            timeout: TIMEOUT,
        }
    }

    /// How long one request may take; ten seconds when not set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The server's issuer identifier.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Who this gateway is at the server.
    pub fn identity(&self) -> &ClientIdentity {
        &self.identity
    }

    /// Posts a form to one of the server's endpoints, authenticated as this client. No redirect is
    /// followed. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// [`CallError`]; an answer with an error status is an answer.
    pub async fn post(
        &self,
        endpoint: &Url,
        form: Form,
        now: u64,
    ) -> Result<Response<Bytes>, CallError> {
        let answer = self.send(endpoint, form, None, now).await?;
        Ok(answer.response)
    }

    pub(crate) async fn send(
        &self,
        endpoint: &Url,
        mut form: Form,
        proof: Option<HeaderValue>,
        now: u64,
    ) -> Result<Answer, CallError> {
        let mut headers = HeaderMap::new();
        headers.extend(proof.map(|proof| (DPOP, proof)));
        self.identity
            .authenticate(&mut form, &mut headers, &self.issuer, endpoint, now)
            .await?;
        let (body, sent) = form.finish();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(endpoint.as_str())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(body)
            .map_err(|_| CallError::Address)?;
        request.headers_mut().extend(headers);
        let limits = Limits {
            timeout: self.timeout,
            max_body: MAX_ANSWER,
            redirects: 0,
        };
        let naming = match &self.named {
            Named::Fixed(naming) => *naming,
            Named::Document(server) => server.naming(endpoint),
        };
        let response = self
            .http
            .send(request, naming, &limits)
            .await
            .map_err(CallError::Unreachable)?;
        Ok(Answer { response, sent })
    }
}

impl fmt::Debug for BackChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackChannel")
            .field("issuer", &self.issuer)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// How long the server asks to wait, at most an hour. Only the form in seconds is read.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// Whether the answer says that it is JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}
