//! A server that is a Streamable HTTP endpoint.

mod client;
mod events;
mod exchange;
mod origin;
mod post;
mod replies;
mod stream;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use client::HttpClient;
pub(crate) use client::without_user;
pub(crate) use events::Events;
pub(crate) use exchange::HttpExchange;
pub(crate) use origin::is_same;
pub(crate) use post::{Endpoint, Reply, configured, media_type, reply};
pub(crate) use replies::send as send_queued;

use http::Method as Verb;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::UpstreamError;
use crate::link::Origin;
use crate::outgoing::Call;

/// How long the DELETE of a session may take when the connection is shut down.
const GOODBYE: Duration = Duration::from_secs(2);

/// The client's end of one endpoint.
#[derive(Debug)]
pub(crate) struct HttpLink {
    endpoint: Arc<Endpoint>,
}

impl HttpLink {
    /// Serves the endpoint. `replies` are answers of our own to requests of the server.
    pub(crate) fn new(endpoint: Endpoint, replies: mpsc::Receiver<String>) -> Self {
        let endpoint = Arc::new(endpoint);
        tokio::spawn(replies::send(Arc::clone(&endpoint), replies));
        Self { endpoint }
    }

    /// POSTs a request and waits for the head of the reply, at most until `deadline`.
    pub(crate) async fn send(
        &self,
        call: &Call<'_>,
        deadline: Option<Instant>,
        origin: Origin,
    ) -> Result<HttpExchange, UpstreamError> {
        HttpExchange::send(&self.endpoint, call, deadline, origin).await
    }

    /// POSTs a notification or a response.
    pub(crate) async fn post(&self, text: String) -> Result<(), UpstreamError> {
        self.endpoint.tell(text).await
    }

    /// Follows the server's own stream (GET, legacy only) until the connection ends or the
    /// server has none.
    pub(crate) fn follow(&self) -> impl Future<Output = ()> + Send + use<> {
        stream::follow(Arc::clone(&self.endpoint))
    }

    /// Ends the connection, without telling the server.
    pub(crate) fn stop(&self) {
        self.endpoint.peer.lifeline.end(UpstreamError::Closed);
    }

    /// Ends the connection and the session on the server, when there is one.
    pub(crate) async fn shutdown(&self) {
        let alive = self.endpoint.peer.lifeline.is_alive();
        self.stop();
        if alive && self.endpoint.has_session() {
            // 405 is a fine answer, and none at all is no reason to stay.
            let _ = timeout(GOODBYE, self.endpoint.bare(Verb::DELETE, None)).await;
        }
    }
}

impl Drop for HttpLink {
    fn drop(&mut self) {
        self.stop();
    }
}
