//! Credentials that are not the same for every request: asked for before each, and renewed when the
//! server refuses them.
//!
//! They are added to a request on its way out and kept nowhere here. Servers without them take the
//! plain way.

use std::fmt;

use async_trait::async_trait;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};

use crate::{Cause, HttpClient, UpstreamError};

/// How often one request is sent in all: again with a renewed credential, and again with one that
/// may do more.
const ATTEMPTS: usize = 3;

/// Gives the credential for each request to one server.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// The credential for the next request.
    ///
    /// # Errors
    /// Why there is none. It comes back in [`UpstreamError::Credential`], so it must hold no secret.
    async fn credential(&self) -> Result<Box<dyn Credential>, Cause>;
}

/// What one request is sent with.
#[async_trait]
pub trait Credential: Send + Sync {
    /// Headers that replace others of the same names. Their values should be marked as sensitive.
    fn headers(&self) -> &HeaderMap;

    /// The server answered `status`, 401 or 403, and the values of `WWW-Authenticate`. Gives what the
    /// request is sent with once more; `None` when that would change nothing.
    ///
    /// # Errors
    /// What has to happen before another request can succeed, as for [`Credentials::credential`].
    async fn rejected(
        &self,
        status: StatusCode,
        challenges: &[HeaderValue],
    ) -> Result<Option<Box<dyn Credential>>, Cause>;
}

impl fmt::Debug for dyn Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// Sends a request with a credential of `source`, if there is one. What the server does not let in
/// it has not worked on, so that sending it again repeats nothing.
pub(crate) async fn send(
    client: &HttpClient,
    request: Request<Full<Bytes>>,
    source: Option<&dyn Credentials>,
) -> Result<Response<Incoming>, UpstreamError> {
    let Some(source) = source else {
        return client.send(request).await;
    };
    let credential = source.credential().await;
    let mut credential = credential.map_err(UpstreamError::Credential)?;
    for _ in 1..ATTEMPTS {
        let response = client.send(with(&request, credential.headers())).await?;
        let status = response.status();
        if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Ok(response);
        }
        let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let challenges: Vec<HeaderValue> = challenges.cloned().collect();
        let other = credential.rejected(status, &challenges).await;
        match other.map_err(UpstreamError::Credential)? {
            Some(other) => credential = other,
            None => return Ok(response),
        }
    }
    client.send(with(&request, credential.headers())).await
}

fn with(request: &Request<Full<Bytes>>, headers: &HeaderMap) -> Request<Full<Bytes>> {
    let mut request = request.clone();
    for (name, value) in headers {
        request.headers_mut().insert(name, value.clone());
    }
    request
}
