//! What a server is called with.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use portcullis_oauth::{ProofError, ProvenRequest};
use portcullis_vault::Secret;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use url::Url;

use crate::needed::{Needed, Reason};
use crate::server::Possession;

/// A header that proves to a server on whose behalf it is called. `Debug` does not show its value.
#[derive(Clone)]
pub struct Credential {
    /// The header's name.
    pub name: HeaderName,
    /// Its whole value. A valid header value.
    pub value: SecretString,
    /// When it ends, unix microseconds, if that is known.
    pub expires_us: Option<i64>,
    token: Secret,
    scopes: Vec<String>,
    /// `None`: a bearer token.
    possession: Option<Possession>,
}

impl Credential {
    /// A bearer token (RFC 6750), or one that is bound to a key (RFC 9449).
    pub(crate) fn new(
        token: Secret,
        scopes: Vec<String>,
        expires_us: Option<i64>,
        possession: Option<Possession>,
    ) -> Result<Self, Needed> {
        let text = token.expose_str().ok();
        let text = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
        let text = text.ok_or(Needed::Refused {
            reason: Reason::AnswerUnusable,
        })?;
        let scheme = match possession {
            Some(_) => "DPoP",
            None => "Bearer",
        };
        let value = Zeroizing::new(format!("{scheme} {text}"));
        Ok(Self {
            name: header::AUTHORIZATION,
            value: SecretString::from(value.as_str()),
            expires_us,
            token,
            scopes,
            possession,
        })
    }

    /// The value as a header value that is marked as sensitive.
    ///
    /// # Errors
    /// Never, in fact: the value was checked when it was made.
    pub fn header_value(&self) -> Result<HeaderValue, header::InvalidHeaderValue> {
        use secrecy::ExposeSecret as _;

        let mut value = HeaderValue::from_str(self.value.expose_secret())?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Whether each request needs a proof beside the header.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.possession.is_some()
    }

    /// The `DPoP` header for one request with a bound credential, made at `now` (seconds since 1970);
    /// `None` for others. It is good for this method and address, and once.
    ///
    /// # Errors
    /// [`ProofError::Signature`]
    pub fn prove(
        &self,
        method: &str,
        url: &Url,
        now: u64,
    ) -> Result<Option<HeaderValue>, ProofError> {
        let Some(Possession { key, nonces }) = &self.possession else {
            return Ok(None);
        };
        let nonce = nonces.latest(url);
        let request = ProvenRequest {
            method,
            url,
            token: self.token.expose_str().ok(),
            nonce: nonce.as_deref(),
        };
        key.prove(&request, now).map(Some)
    }

    /// Hears the head of an answer to a request with it, and remembers the server's nonce. Says
    /// whether the server wants the request again with that nonce (RFC 9449 section 9).
    pub fn answered(&self, url: &Url, status: StatusCode, head: &HeaderMap) -> bool {
        let Some(Possession { nonces, .. }) = &self.possession else {
            return false;
        };
        nonces.hear(url, head) && status == StatusCode::UNAUTHORIZED && wants_nonce(head)
    }

    /// The scopes that it was granted with.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    pub(crate) fn token(&self) -> &Secret {
        &self.token
    }
}

fn wants_nonce(head: &HeaderMap) -> bool {
    let values = head.get_all(header::WWW_AUTHENTICATE).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts
        .filter_map(|text| portcullis_token::challenge::parse(text).ok())
        .flatten()
        .any(|challenge| {
            challenge.is("DPoP") && challenge.parameter("error") == Some("use_dpop_nonce")
        })
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("name", &self.name)
            .field("expires_us", &self.expires_us)
            .field("is_bound", &self.is_bound())
            .finish_non_exhaustive()
    }
}
