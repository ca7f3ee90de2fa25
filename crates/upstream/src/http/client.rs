//! The one HTTP client that all connections share.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};

use crate::UpstreamError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Silent streams stay open for long; a peer that is gone is noticed by probes of the system.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// A server's response head may be this long.
const MAX_HEAD: usize = 64 * 1024;

/// HTTP/1.1 and HTTP/2 over TLS (aws-lc-rs, the system's roots) or in clear text, with a
/// connection pool. It follows no redirects, keeps no cookies and reads no proxy variables.
/// Built once, cheap to clone.
#[derive(Clone)]
pub struct HttpClient(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl HttpClient {
    /// Builds the client. A system without any root certificate gives a client for which every
    /// TLS connection fails.
    ///
    /// # Errors
    /// [`UpstreamError::Tls`] when the TLS provider offers no usable protocol version.
    pub fn new() -> Result<Self, UpstreamError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| UpstreamError::Tls(Arc::new(error)))?;
        let tls = match builder.clone().with_native_roots() {
            Ok(builder) => builder,
            Err(error) => {
                tracing::warn!(target: "upstream", %error, "no root certificates, https servers cannot be reached");
                builder.with_root_certificates(RootCertStore::empty())
            }
        }
        .with_no_client_auth();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        http.set_keepalive(Some(KEEPALIVE));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .http1_max_buf_size(MAX_HEAD)
            .http2_max_header_list_size(MAX_HEAD as u32)
            .build(connector);
        Ok(Self(client))
    }

    /// Sends one request and waits for the head of the response.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        self.0.request(request).await.map_err(|error| {
            let is_connect = error.is_connect();
            let is_tls = causes(&error).any(is_tls);
            let cause = Arc::new(error);
            match (is_tls, is_connect) {
                (true, _) => UpstreamError::Tls(cause),
                (false, true) => UpstreamError::Connect(cause),
                (false, false) => UpstreamError::Closed,
            }
        })
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpClient")
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// The TLS library's errors travel inside of `io::Error`, whose `source` skips them.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    if error.is::<rustls::Error>() {
        return true;
    }
    match error.downcast_ref().and_then(std::io::Error::get_ref) {
        Some(inner) => is_tls(inner),
        None => false,
    }
}
