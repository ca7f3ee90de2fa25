//! Credentials that are not the same for every request: asked for before each, and renewed when the
//! server refuses them.
//!
//! They are added to a request on its way out and kept nowhere here. Servers without them take the
//! plain way. A credential that is bound to a key proves for each request, as late as it is sent,
//! that the gateway has the key (DPoP, RFC 9449).

use std::fmt;

use async_trait::async_trait;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};

use crate::{Cause, HttpClient, UpstreamError};

/// The header of a proof of possession. A proof replaces what else set it.
const PROOF: HeaderName = HeaderName::from_static("dpop");
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

    /// The proof of possession for one request (RFC 9449 section 7), made anew each time it is asked
    /// for; `None` for a credential that is bound to no key.
    ///
    /// # Errors
    /// As for [`Credentials::credential`].
    fn proof(&self, _method: &Method, _uri: &Uri) -> Result<Option<HeaderValue>, Cause> {
        Ok(None)
    }

    /// Hears the head of every answer to a request with this credential. Says whether the request has
    /// to be sent once more with another proof, since the server wants its nonce in it (RFC 9449
    /// section 9).
    fn answered(&self, _uri: &Uri, _status: StatusCode, _head: &HeaderMap) -> bool {
        false
    }

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
    let mut may_repeat = true;
    for _ in 1..ATTEMPTS {
        let response = send_with(client, &request, &*credential, &mut may_repeat).await?;
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
    send_with(client, &request, &*credential, &mut may_repeat).await
}

/// Sends the request with one credential, and once more if the server only wants its nonce in the
/// proof. `may_repeat` says whether that is still allowed: once for each request, whatever credentials
/// it is sent with.
async fn send_with(
    client: &HttpClient,
    request: &Request<Full<Bytes>>,
    credential: &dyn Credential,
    may_repeat: &mut bool,
) -> Result<Response<Incoming>, UpstreamError> {
    let uri = request.uri();
    let response = client.send(with(request, credential)?).await?;
    let wants_nonce = credential.answered(uri, response.status(), response.headers());
    if !wants_nonce || !std::mem::take(may_repeat) {
        return Ok(response);
    }
    let response = client.send(with(request, credential)?).await?;
    credential.answered(uri, response.status(), response.headers());
    Ok(response)
}

fn with(
    request: &Request<Full<Bytes>>,
    credential: &dyn Credential,
) -> Result<Request<Full<Bytes>>, UpstreamError> {
    let mut request = request.clone();
    for (name, value) in credential.headers() {
        request.headers_mut().insert(name, value.clone());
    }
    let proof = credential.proof(request.method(), request.uri());
    if let Some(proof) = proof.map_err(UpstreamError::Credential)? {
        request.headers_mut().insert(PROOF, proof);
    }
    Ok(request)
}
