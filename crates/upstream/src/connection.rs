//! One life of a connection to a server.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_mcp::{Era, Method, ProtocolVersion, message};
use tokio::task::AbortHandle;

use crate::handshake::Agreement;
use crate::lifeline::End;
use crate::link::{Link, Origin};
use crate::list_changes::ListChanges;
use crate::loose::{Hears, Loose};
use crate::outgoing::Call;
use crate::peer::{Discards, Peer};
use crate::stdio::before;
use crate::{Credentials, Exchange, UpstreamError, subscription};

/// A server that completed the handshake. It lives until the process ends, the session ends or
/// the gateway shuts it down; [`crate::Upstream`] then opens another one.
#[derive(Debug)]
pub struct Connection {
    peer: Arc<Peer>,
    link: Arc<Link>,
    agreement: Agreement,
    request_timeout: Duration,
    background: AbortHandle,
    opened: Instant,
}

/// A request of a caller, as the gateway judged it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// A checked JSON object. Its `_meta` holds no era metadata and no progress token.
    pub params: &'a str,
    /// What `Mcp-Name` must say in the modern era: the tool or prompt name, the URI or the task id.
    pub name: Option<&'a str>,
    /// The headers that mirror arguments in the modern era over HTTP: what follows `Mcp-Param-`,
    /// and the value as [`portcullis_mcp::headers::encode_value`] writes it.
    pub headers: &'a [(String, String)],
    /// Whether the caller wants progress; the token is ours.
    pub progress: bool,
    /// The least log level that the caller wants, in the modern era.
    pub log_level: Option<&'a str>,
    /// What the request is sent with over HTTP, in the place of the server's
    /// [`Spec::credentials`](crate::Spec::credentials).
    pub credentials: Option<&'a dyn Credentials>,
}

impl Connection {
    /// Takes a link on which the handshake is done and starts to watch for list changes.
    pub(crate) fn new(
        peer: Arc<Peer>,
        link: Link,
        agreement: Agreement,
        request_timeout: Duration,
    ) -> Self {
        let link = Arc::new(link);
        let watching = subscription::watch(&peer, &link, &agreement);
        Self {
            peer,
            link,
            agreement,
            request_timeout,
            background: tokio::spawn(watching).abort_handle(),
            opened: Instant::now(),
        }
    }

    /// The era that was agreed on.
    pub fn era(&self) -> Era {
        self.agreement.version.era()
    }

    /// The version that was agreed on.
    pub fn version(&self) -> ProtocolVersion {
        self.agreement.version
    }

    /// The server's capabilities: a raw JSON object, as sent.
    pub fn capabilities(&self) -> &str {
        &self.agreement.capabilities
    }

    /// What the server says it is: a raw JSON object, as sent. Not verified by anything.
    pub fn server_info(&self) -> Option<&str> {
        self.agreement.server_info.as_deref()
    }

    /// The server's instructions to a model, decoded. Untrusted text.
    pub fn instructions(&self) -> Option<&str> {
        self.agreement.instructions.as_deref()
    }

    /// Sends a request under our own id and, when wanted, our own progress token.
    ///
    /// # Errors
    /// When the request did not reach the server, or the server refused it before any message.
    pub async fn request(&self, request: Request<'_>) -> Result<Exchange, UpstreamError> {
        self.living()?;
        let call = Call {
            version: Some(self.agreement.version),
            method: request.method,
            params: request.params,
            name: request.name,
            headers: request.headers,
            progress: request.progress,
            log_level: request.log_level,
            credentials: request.credentials,
        };
        let deadline = Instant::now() + self.request_timeout;
        self.link.send(&call, Some(deadline), Origin::Caller).await
    }

    /// Opens a subscription (2026-07-28, basic/patterns/subscriptions). `params` is a checked JSON
    /// object without era metadata. The exchange has no time limit. It gives the
    /// acknowledgement, then list changes, `resources/updated` and task notifications of this
    /// subscription, at last the result.
    ///
    /// # Errors
    /// [`UpstreamError::NotInEra`] for a legacy server, else as for [`Connection::request`].
    pub async fn listen(&self, params: &str) -> Result<Exchange, UpstreamError> {
        self.living()?;
        if self.era() != Era::Modern {
            return Err(UpstreamError::NotInEra);
        }
        let version = Some(self.agreement.version);
        let call = Call::own(version, Method::SubscriptionsListen, params);
        let opened = self.link.send(&call, None, Origin::Subscription);
        let deadline = Instant::now() + self.request_timeout;
        before(Some(deadline), opened)
            .await
            .unwrap_or(Err(UpstreamError::TimedOut))
    }

    /// Answers a request of a legacy server. `text` is a complete JSON-RPC response or error with
    /// the server's own id.
    ///
    /// # Errors
    /// [`UpstreamError::NotInEra`] for a modern server, which makes no requests; else when it
    /// could not be handed to the server.
    pub async fn respond(&self, text: String) -> Result<(), UpstreamError> {
        self.living()?;
        if self.era() != Era::Legacy {
            return Err(UpstreamError::NotInEra);
        }
        self.tell(text).await
    }

    /// A reader of what belongs to no exchange. While there is none, requests of the server that
    /// belong to no exchange are refused.
    pub fn loose(&self) -> Loose {
        self.peer.loose.join(&self.peer, Hears::Everything)
    }

    /// A reader of the notifications that belong to no exchange. It is given no requests.
    pub fn announcements(&self) -> Loose {
        self.peer.loose.join(&self.peer, Hears::Notifications)
    }

    /// When a request that is made now must be answered.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.request_timeout
    }

    /// Sends a notification. `params` is a checked JSON object.
    ///
    /// # Errors
    /// When it could not be handed to the server.
    pub async fn notify(&self, method: Method, params: Option<&str>) -> Result<(), UpstreamError> {
        self.living()?;
        self.tell(message::notification(method.as_str(), params))
            .await
    }

    /// The counters of list changes.
    pub fn list_changes(&self) -> ListChanges {
        self.peer.changes.subscribe()
    }

    /// What the server sent that went nowhere.
    pub fn discards(&self) -> Discards {
        self.peer.discards.read()
    }

    /// Whether requests can still be sent.
    pub fn is_alive(&self) -> bool {
        self.peer.lifeline.is_alive()
    }

    /// Completes when the connection has ended.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        self.peer.lifeline.closed()
    }

    /// Ends the connection and waits until nothing of it is left.
    pub(crate) async fn shutdown(&self) {
        self.background.abort();
        self.link.shutdown().await;
    }

    /// How it ended, and how long it had lived by then.
    pub(crate) fn ended(&self) -> Option<(End, Duration)> {
        let end = self.peer.lifeline.ended()?;
        let lived = end.at.saturating_duration_since(self.opened);
        Some((end, lived))
    }

    async fn tell(&self, text: String) -> Result<(), UpstreamError> {
        let deadline = Instant::now() + self.request_timeout;
        before(Some(deadline), self.link.tell(text))
            .await
            .unwrap_or(Err(UpstreamError::TimedOut))
    }

    fn living(&self) -> Result<(), UpstreamError> {
        match self.peer.lifeline.ended() {
            Some(end) => Err(end.cause),
            None => Ok(()),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.background.abort();
        self.link.stop();
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}
