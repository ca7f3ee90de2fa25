//! What the gateway signs about itself: client assertions (RFC 7523 section 2.2, OpenID Connect's
//! `private_key_jwt`, Entra's certificate credentials).

mod key;

use portcullis_mcp::json::quote;
use secrecy::SecretString;

use crate::encoding::base64url;

pub use key::{SigningKey, SigningKeyError};

/// The longest life of an assertion, in seconds.
pub const MAX_LIFETIME: u64 = 600;

/// `client_assertion_type` of a request with an assertion.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a client assertion says.
#[derive(Clone, Copy, Debug)]
pub struct ClientAssertion<'a> {
    /// The client: `iss` and `sub`.
    pub client_id: &'a str,
    /// The token endpoint, or the issuer where it asks for that: `aud`.
    pub audience: &'a str,
    /// A value that is never used twice: `jti`.
    pub token_id: &'a str,
    /// Seconds since 1970: `iat` and `nbf`.
    pub now: u64,
    /// Seconds until `exp`; at most [`MAX_LIFETIME`] are granted.
    pub lifetime: u64,
}

/// The key could not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key could not sign")]
pub struct SigningError;

impl ClientAssertion<'_> {
    /// Signs it: a compact JWS. ECDSA and PSS signatures are salted by the cryptographic library, so
    /// that two of the same assertion may differ.
    ///
    /// # Errors
    /// The key could not sign.
    pub fn sign(&self, key: &SigningKey) -> Result<SecretString, SigningError> {
        let client = quote(self.client_id);
        let claims = format!(
            r#"{{"iss":{client},"sub":{client},"aud":{},"jti":{},"iat":{now},"nbf":{now},"exp":{}}}"#,
            quote(self.audience),
            quote(self.token_id),
            self.now.saturating_add(self.lifetime.min(MAX_LIFETIME)),
            now = self.now,
        );
        let signed = format!(
            "{}.{}",
            base64url(key.header().as_bytes()),
            base64url(claims.as_bytes())
        );
        let signature = base64url(&key.sign(signed.as_bytes())?);
        Ok(format!("{signed}.{signature}").into())
    }
}

#[cfg(test)]
mod tests;
