//! The one client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use crate::connect::{Connector, Shared};
use crate::error::EgressError;
use crate::guard::{Guard, Naming};
use crate::redirect::{self, Hop};
use crate::settings::{PeerTls, Settings};
use crate::target::{Target, normalised};
use crate::tls::client_config;

const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The head of an answer may be this long.
const MAX_HEAD: u32 = 64 * 1024;
const PRODUCT: HeaderValue =
    HeaderValue::from_static(concat!("portcullis/", env!("CARGO_PKG_VERSION")));

/// The bounds of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the look-up of the name to the last byte of the answer, over all redirects.
    pub timeout: Duration,
    /// The longest body of an answer, in bytes.
    pub max_body: usize,
    /// How many redirects are followed. With none, an answer that redirects is handed out as it is.
    pub redirects: u8,
}

impl Default for Limits {
    /// Ten seconds, one MiB, no redirects.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            max_body: 1024 * 1024,
            redirects: 0,
        }
    }
}

/// HTTP/1.1 and HTTP/2 with a connection pool, behind the guard. Cheap to clone; clones share the
/// pool.
#[derive(Clone)]
pub struct Client {
    settings: Arc<Settings>,
    configured: Pool,
    found: Pool,
}

type Pool = legacy::Client<Connector, Full<Bytes>>;

impl Client {
    /// Builds a client. Without any root certificate every TLS connection fails.
    ///
    /// # Errors
    /// [`EgressError::Settings`] when a root certificate or the client certificate cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, EgressError> {
        let shared = Arc::new(Shared {
            guard: Guard {
                is_strict: settings.guard,
                allow: settings.allow.clone(),
            },
            resolver: Arc::clone(&settings.resolver),
            tls: Arc::new(client_config(settings)?),
            connect_timeout: settings.connect_timeout,
        });
        let pool = |naming| {
            legacy::Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_TIMEOUT)
                .http1_max_buf_size(MAX_HEAD as usize)
                .http2_max_header_list_size(MAX_HEAD)
                .build(Connector {
                    naming,
                    shared: Arc::clone(&shared),
                })
        };
        Ok(Self {
            settings: Arc::new(settings.clone()),
            configured: pool(Naming::Configured),
            found: pool(Naming::Found),
        })
    }

    /// A client for one host that the operator configured, with a pool of its own.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn for_peer(&self, peer: &PeerTls) -> Result<Self, EgressError> {
        Self::new(&self.settings.for_peer(peer))
    }

    /// Sends one request and reads its answer to the end, whatever its status is.
    ///
    /// Redirects are followed as far as `limits` say. Each address on the way is judged anew, as
    /// [`Naming::Found`] from the first other origin on. Another origin gets neither the body of a
    /// request nor its headers, but for those that say what is accepted.
    ///
    /// # Errors
    /// [`EgressError::Refused`] with the rule when the guard refuses an address; the others as
    /// they say.
    pub async fn send(
        &self,
        request: Request<Bytes>,
        naming: Naming,
        limits: &Limits,
    ) -> Result<Response<Bytes>, EgressError> {
        timeout(limits.timeout, self.follow(request, naming, limits))
            .await
            .map_err(|_| EgressError::TimedOut)?
    }

    /// Sends one request and waits for the head of the answer only. No redirect is followed, and
    /// time and size are the caller's to limit.
    ///
    /// The address must be in normal form: what the guard judges is what the request names. User
    /// information in it is refused.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn open(
        &self,
        request: Request<Full<Bytes>>,
        naming: Naming,
    ) -> Result<Response<Incoming>, EgressError> {
        let pool = match naming {
            Naming::Configured => &self.configured,
            Naming::Found => &self.found,
        };
        pool.request(request).await.map_err(EgressError::of_request)
    }

    async fn follow(
        &self,
        request: Request<Bytes>,
        mut naming: Naming,
        limits: &Limits,
    ) -> Result<Response<Bytes>, EgressError> {
        let (head, body) = request.into_parts();
        let (url, _) = normalised(&head.uri)?;
        let mut hop = Hop {
            method: head.method,
            url,
            headers: head.headers,
            body,
        };
        hop.headers.entry(USER_AGENT).or_insert(PRODUCT);
        let mut left = limits.redirects;
        loop {
            let response = self.open(hop.request()?, naming).await?;
            let Some(location) = redirect::location(&response).filter(|_| limits.redirects > 0)
            else {
                return collect(response, limits.max_body).await;
            };
            left = left.checked_sub(1).ok_or(EgressError::TooManyRedirects)?;
            let is_foreign = hop.redirect(response.status(), location)?;
            Target::of(&hop.url)?;
            if is_foreign {
                naming = Naming::Found;
            }
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

async fn collect(
    response: Response<Incoming>,
    limit: usize,
) -> Result<Response<Bytes>, EgressError> {
    let (head, body) = response.into_parts();
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(Response::from_parts(head, collected.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(EgressError::TooLarge { limit }),
        Err(error) => Err(EgressError::Broken(Arc::from(error))),
    }
}
