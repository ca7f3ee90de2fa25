//! The HTTP client that connections share: the gateway's way out, for addresses of the
//! configuration.

use std::sync::Arc;

use http::Uri;
use http::uri::Authority;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use portcullis_egress::{Client, EgressError, Naming, PeerTls, Settings};

use crate::UpstreamError;

/// HTTP/1.1 and HTTP/2 over TLS or, to this machine, in clear text, with a connection pool. It
/// follows no redirects, keeps no cookies and reads no proxy variables. Built once, cheap to clone.
#[derive(Clone, Debug)]
pub struct HttpClient(Client);

impl HttpClient {
    /// Builds the client with the settings that suit most: TLS 1.3 and the system's roots.
    ///
    /// # Errors
    /// As [`with_settings`](Self::with_settings).
    pub fn new() -> Result<Self, UpstreamError> {
        Self::with_settings(&Settings::default())
    }

    /// Builds the client. Without any root certificate every TLS connection fails.
    ///
    /// # Errors
    /// [`UpstreamError::Tls`] when a root certificate or the client certificate cannot be used.
    pub fn with_settings(settings: &Settings) -> Result<Self, UpstreamError> {
        Ok(Self(Client::new(settings).map_err(failure)?))
    }

    /// Sends through this client, sharing its settings and its pool.
    pub fn through(client: Client) -> Self {
        Self(client)
    }

    /// A client for one server that differs from the others in its TLS.
    pub(crate) fn for_peer(&self, tls: &PeerTls) -> Result<Self, UpstreamError> {
        Ok(Self(self.0.for_peer(tls).map_err(failure)?))
    }

    /// Sends one request and waits for the head of the response.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let opening = self.0.open(request, Naming::Configured);
        opening.await.map_err(failure)
    }
}

/// The address without user information, which is not sent and hides the host from a reader.
pub(crate) fn without_user(uri: Uri) -> Uri {
    let Some((_, host)) = uri
        .authority()
        .and_then(|authority| authority.as_str().rsplit_once('@'))
    else {
        return uri;
    };
    let Ok(host) = host.parse::<Authority>() else {
        return uri;
    };
    let mut parts = uri.clone().into_parts();
    parts.authority = Some(host);
    Uri::from_parts(parts).unwrap_or(uri)
}

fn failure(error: EgressError) -> UpstreamError {
    match error {
        EgressError::Refused(rule) => UpstreamError::Address { rule },
        EgressError::Pin => UpstreamError::Identity,
        EgressError::Tls(cause) => UpstreamError::Tls(cause),
        error @ EgressError::Settings { .. } => UpstreamError::Tls(Arc::new(error)),
        EgressError::Resolve(cause) | EgressError::Connect(cause) => UpstreamError::Connect(cause),
        error @ EgressError::TimedOut => UpstreamError::Connect(Arc::new(error)),
        _ => UpstreamError::Closed,
    }
}

#[cfg(test)]
mod tests;
