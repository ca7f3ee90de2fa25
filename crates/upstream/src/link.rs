//! The way to a server, whatever it is made of.

use std::pin::Pin;
use std::time::Instant;

use crate::http::HttpLink;
use crate::openapi::OpenApiLink;
use crate::outgoing::Call;
use crate::sse::SseLink;
use crate::stdio::StdioLink;
use crate::{Exchange, UpstreamError};

/// The way to the server.
#[derive(Debug)]
pub(crate) enum Link {
    Stdio(StdioLink),
    Http(HttpLink),
    Sse(SseLink),
    OpenApi(Box<OpenApiLink>),
}

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A caller of the gateway.
    Caller,
    /// A caller's subscription: it gets what names it, for as long as it is open.
    Subscription,
    /// The connection itself: a probe, a handshake, its own subscription to list changes.
    Internal,
}

impl Link {
    /// Sends a request. Waits for room on the way, at most until `deadline`.
    pub(crate) async fn send(
        &self,
        call: &Call<'_>,
        deadline: Option<Instant>,
        origin: Origin,
    ) -> Result<Exchange, UpstreamError> {
        match self {
            Self::Stdio(link) => Ok(link.send(call, deadline, origin).await?.into()),
            Self::Http(link) => Ok(link.send(call, deadline, origin).await?.into()),
            Self::Sse(link) => Ok(link.send(call, deadline, origin).await?.into()),
            Self::OpenApi(link) => Ok(link.send(call, deadline).await?.into()),
        }
    }

    /// Sends a notification, or the answer to a request of the server.
    pub(crate) async fn tell(&self, text: String) -> Result<(), UpstreamError> {
        match self {
            Self::Stdio(link) => link.write(text).await,
            Self::Http(link) => link.post(text).await,
            Self::Sse(link) => link.post(text).await,
            // An API takes no messages: it asks nothing, and a request ends with its answer.
            Self::OpenApi(_) => Ok(()),
        }
    }

    /// Reads what a legacy server sends outside of any exchange, where that needs a stream of its
    /// own. Completes when there is no such stream (any more).
    pub(crate) fn follow(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self {
            // It comes on the one channel by itself.
            Self::Stdio(_) | Self::Sse(_) => Box::pin(std::future::ready(())),
            Self::OpenApi(_) => Box::pin(std::future::ready(())),
            Self::Http(link) => Box::pin(link.follow()),
        }
    }

    /// Ends the connection and waits until nothing of it is left.
    pub(crate) async fn shutdown(&self) {
        match self {
            Self::Stdio(link) => link.shutdown().await,
            Self::Http(link) => link.shutdown().await,
            Self::Sse(link) => link.stop(),
            Self::OpenApi(link) => link.stop(),
        }
    }

    /// Asks the connection to end; does not wait.
    pub(crate) fn stop(&self) {
        match self {
            Self::Stdio(link) => link.stop(),
            Self::Http(link) => link.stop(),
            Self::Sse(link) => link.stop(),
            Self::OpenApi(link) => link.stop(),
        }
    }
}
