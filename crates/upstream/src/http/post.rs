//! One endpoint: the requests that go to it and what its statuses mean.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method as Verb, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use portcullis_mcp::headers::{PARAM_PREFIX, encode_value};
use portcullis_mcp::{Era, ProtocolVersion};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::{HttpClient, origin, without_user};
use crate::outgoing::Call;
use crate::peer::Peer;
use crate::{Credentials, StartupFailure, UpstreamError, credentials};

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
// The names of `portcullis_mcp::headers` in the lower case that a constant needs.
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// What is read of the body of an error.
const MAX_ERROR_BODY: usize = 64 * 1024;
const MAX_SESSION_ID: usize = 1024;
/// How long a notification or an answer to the server may take.
const TELL_TIMEOUT: Duration = Duration::from_secs(10);

/// An MCP endpoint and the session with it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) peer: Arc<Peer>,
    client: HttpClient,
    url: Uri,
    configured: HeaderMap,
    credentials: Option<Arc<dyn Credentials>>,
    session: OnceLock<HeaderValue>,
}

/// The body of a successful reply.
pub(crate) enum Reply {
    Json(Incoming),
    Events(Incoming),
    /// Success without a body that could hold an answer.
    Empty,
}

impl Endpoint {
    /// An endpoint without a session yet.
    pub(crate) fn new(
        peer: Arc<Peer>,
        client: HttpClient,
        url: Uri,
        configured: &[(HeaderName, SecretString)],
        credentials: Option<Arc<dyn Credentials>>,
    ) -> Result<Self, UpstreamError> {
        let scheme_fits = matches!(url.scheme_str(), Some("http" | "https"));
        if !scheme_fits || url.host().is_none_or(str::is_empty) {
            return Err(StartupFailure::Address.into());
        }
        Ok(Self {
            peer,
            client,
            url: without_user(url),
            configured: self::configured(configured)?,
            credentials,
            session: OnceLock::new(),
        })
    }

    pub(crate) fn has_session(&self) -> bool {
        self.session.get().is_some()
    }

    /// Keeps the session id of an `initialize` reply (2025-11-25, Session Management: visible
    /// ASCII only; anything else is not an id and is not sent back).
    pub(crate) fn open_session(&self, response: &Response<Incoming>) {
        let id = response.headers().get(SESSION_ID).filter(|id| {
            let bytes = id.as_bytes();
            (1..=MAX_SESSION_ID).contains(&bytes.len())
                && bytes.iter().all(|byte| (0x21..=0x7e).contains(byte))
        });
        if let Some(id) = id {
            let mut id = id.clone();
            id.set_sensitive(true);
            let _ = self.session.set(id);
        }
    }

    /// POSTs the request with this id and gives the head of the reply.
    pub(crate) async fn call(
        &self,
        call: &Call<'_>,
        id: u64,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let text = call.text(id, &self.peer.client.modern)?;
        let mut head = self.head(call.version);
        if call.era() == Era::Modern {
            head.insert(METHOD, value(call.method.as_str())?);
            if let Some(name) = call.name {
                head.insert(NAME, value(&encode_value(name))?);
            }
            for (suffix, text) in call.headers {
                let name = HeaderName::from_bytes([PARAM_PREFIX, suffix].concat().as_bytes());
                let text = HeaderValue::from_str(text);
                let (Ok(name), Ok(text)) = (name, text) else {
                    return Err(UpstreamError::Header);
                };
                head.insert(name, text);
            }
        }
        self.send(self.post(head, text)?, call.credentials).await
    }

    /// POSTs a notification, or an answer to a request of the server.
    pub(crate) async fn tell(&self, text: String) -> Result<(), UpstreamError> {
        self.tell_with(text, None).await
    }

    /// The same with other credentials than those of the server, if there are any.
    pub(crate) async fn tell_with(
        &self,
        text: String,
        credentials: Option<&dyn Credentials>,
    ) -> Result<(), UpstreamError> {
        let request = self.post(self.head(self.peer.version()), text)?;
        let response = timeout(TELL_TIMEOUT, self.send(request, credentials))
            .await
            .map_err(|_| UpstreamError::TimedOut)??;
        match response.status() {
            status if status.is_success() => Ok(()),
            // Servers answer 400 to single notifications and answers that they do not like; only
            // 404 is clear enough to give the session up for.
            StatusCode::NOT_FOUND if self.has_session() => {
                Err(self.failure(StatusCode::NOT_FOUND, None))
            }
            status => Err(UpstreamError::Http { status, code: None }),
        }
    }

    /// A request without a body: GET opens the server's stream, DELETE ends the session.
    pub(crate) async fn bare(
        &self,
        verb: Verb,
        last_event: Option<&str>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let mut head = self.head(self.peer.version());
        head.insert(ACCEPT, HeaderValue::from_static(EVENTS));
        if let Some(id) = last_event {
            head.insert(
                LAST_EVENT_ID,
                value(id).map_err(|_| UpstreamError::Unanswered)?,
            );
        }
        let mut request = Request::new(Full::default());
        *request.method_mut() = verb;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = head;
        self.send(request, None).await
    }

    /// What a status that is not success means. In a session, 404 says that the server forgot
    /// it; widespread servers say 400 for that. The modern era has no such state, but there a
    /// bare 400, 404 or 405 says that the endpoint speaks another era than it used to.
    pub(crate) fn failure(&self, status: StatusCode, code: Option<i64>) -> UpstreamError {
        let forgotten = matches!(status.as_u16(), 400 | 404 | 405);
        let error = match status.as_u16() {
            401 => UpstreamError::Unauthorized,
            300..=399 => UpstreamError::Redirect {
                status,
                foreign: false,
            },
            400 | 404 if self.has_session() => UpstreamError::SessionEnded,
            _ => UpstreamError::Http { status, code },
        };
        if forgotten && self.peer.version().is_some() {
            self.peer.lifeline.end(error.clone());
        }
        error
    }

    /// Sends a request. A server that sends us to another origin is not the one that was registered;
    /// a redirect within the origin is a response like others.
    async fn send(
        &self,
        request: Request<Full<Bytes>>,
        credentials: Option<&dyn Credentials>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let source = credentials.or(self.credentials.as_deref());
        let response = credentials::send(&self.client, request, source).await?;
        let status = response.status();
        let location = response.headers().get(LOCATION);
        match location.filter(|_| status.is_redirection()) {
            Some(location) if origin::is_left(&self.url, location.as_bytes()) => {
                Err(UpstreamError::Redirect {
                    status,
                    foreign: true,
                })
            }
            _ => Ok(response),
        }
    }

    fn post(
        &self,
        mut head: HeaderMap,
        text: String,
    ) -> Result<Request<Full<Bytes>>, UpstreamError> {
        head.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        let mut request = Request::new(Full::new(Bytes::from(text)));
        *request.method_mut() = Verb::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = head;
        Ok(request)
    }

    /// Headers that every request has: the configured ones, then ours in place of any of them.
    /// Nothing here comes from a caller.
    fn head(&self, version: Option<ProtocolVersion>) -> HeaderMap {
        let mut head = self.configured.clone();
        head.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
        head.entry(USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!(
                "portcullis/",
                env!("CARGO_PKG_VERSION")
            )));
        if let Some(version) = version {
            head.insert(PROTOCOL_VERSION, HeaderValue::from_static(version.as_str()));
            if let Some(session) = self.session.get().filter(|_| version.era() == Era::Legacy) {
                head.insert(SESSION_ID, session.clone());
            }
        }
        head
    }
}

/// The configured headers, without those that only we set.
pub(crate) fn configured(
    headers: &[(HeaderName, SecretString)],
) -> Result<HeaderMap, StartupFailure> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let mut value =
            HeaderValue::from_str(value.expose_secret()).map_err(|_| StartupFailure::Header)?;
        value.set_sensitive(true);
        if !is_framing(name) {
            map.append(name, value);
        }
    }
    Ok(map)
}

/// The content type in lower case, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase())
}

/// The reply's body by its content type.
pub(crate) fn reply(response: Response<Incoming>) -> Result<Reply, UpstreamError> {
    let kind = media_type(response.headers());
    let status = response.status();
    match kind.as_deref() {
        Some(JSON) => Ok(Reply::Json(response.into_body())),
        Some(EVENTS) => Ok(Reply::Events(response.into_body())),
        _ if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) => Ok(Reply::Empty),
        _ => Err(UpstreamError::ContentType),
    }
}

/// The whole body, up to `limit` bytes.
pub(crate) async fn collect(body: Incoming, limit: usize) -> Result<Bytes, UpstreamError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(UpstreamError::TooLarge),
        Err(_) => Err(UpstreamError::Closed),
    }
}

/// The beginning of an error's body; nothing when it cannot be read.
pub(crate) async fn error_body(response: Response<Incoming>) -> Bytes {
    collect(response.into_body(), MAX_ERROR_BODY)
        .await
        .unwrap_or_default()
}

/// Headers of HTTP framing and of the protocol, which configuration cannot set.
fn is_framing(name: &HeaderName) -> bool {
    let name = name.as_str();
    *name == HOST
        || name.starts_with("mcp-")
        || matches!(
            name,
            "connection"
                | "content-length"
                | "content-type"
                | "accept"
                | "keep-alive"
                | "te"
                | "trailer"
                | "transfer-encoding"
                | "upgrade"
                | "last-event-id"
        )
}

fn value(text: &str) -> Result<HeaderValue, UpstreamError> {
    HeaderValue::from_str(text).map_err(|_| StartupFailure::Header.into())
}

#[cfg(test)]
mod tests;
