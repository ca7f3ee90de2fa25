//! Proofs of possession (RFC 9449), as a client makes them.

mod nonces;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use portcullis_mcp::json::quote;
use secrecy::zeroize::Zeroizing;
use sha2::{Digest as _, Sha256};
use url::Url;

pub use nonces::Nonces;

use crate::random;

/// The only algorithm of these keys, as metadata name it.
pub const PROOF_ALGORITHM: &str = "ES256";

/// A P-256 key that tokens are bound to. A refresh token of a public client is good with its key
/// only, so the two are kept together. `Debug` does not show it.
pub struct ProofKey {
    pair: EcdsaKeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
    jwk: String,
    thumbprint: String,
}

/// The request that a proof is for.
#[derive(Clone, Copy)]
pub struct ProvenRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The address; query and fragment do not stand in the proof.
    pub url: &'a Url,
    /// The access token that goes with it; none at a token endpoint.
    pub token: Option<&'a str>,
    /// The server's latest nonce (`DPoP-Nonce`).
    pub nonce: Option<&'a str>,
}

/// Why there is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The bytes are no P-256 key.
    #[error("not a key for proofs")]
    Key,
    /// The key cannot sign, or the system gave no random bytes.
    #[error("the proof cannot be signed")]
    Signature,
}

impl ProofKey {
    /// A new key.
    ///
    /// # Errors
    /// [`ProofError::Signature`] when the system gives no random bytes.
    pub fn generate() -> Result<Self, ProofError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|_| ProofError::Signature)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| ProofError::Signature)?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    /// What [`ProofKey::to_pkcs8`] gave.
    ///
    /// # Errors
    /// [`ProofError::Key`]
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, ProofError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
            .map_err(|_| ProofError::Key)?;
        // An uncompressed point: 4, then x and y.
        let point = pair.public_key().as_ref().strip_prefix(&[4]);
        let (x, y) = point
            .and_then(|point| point.split_at_checked(32))
            .ok_or(ProofError::Key)?;
        // The members that count, in the order of RFC 7638 section 3.
        let jwk = format!(
            r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
            URL_SAFE_NO_PAD.encode(x),
            URL_SAFE_NO_PAD.encode(y)
        );
        Ok(Self {
            thumbprint: URL_SAFE_NO_PAD.encode(Sha256::digest(&jwk)),
            jwk,
            pair,
            pkcs8: Zeroizing::new(pkcs8.to_vec()),
        })
    }

    /// The key in PKCS#8, to be sealed.
    pub fn to_pkcs8(&self) -> &Zeroizing<Vec<u8>> {
        &self.pkcs8
    }

    /// The thumbprint of the public key (RFC 7638), which bound tokens hold as `cnf.jkt`.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// A proof for one request, made at `now` (seconds since 1970): the value of its `DPoP` header.
    ///
    /// # Errors
    /// [`ProofError::Signature`]
    pub fn prove(&self, request: &ProvenRequest<'_>, now: u64) -> Result<HeaderValue, ProofError> {
        let mut target = request.url.clone();
        target.set_query(None);
        target.set_fragment(None);
        let jti = random::token().map_err(|_| ProofError::Signature)?;
        let mut claims = format!(
            r#"{{"jti":"{jti}","htm":{},"htu":{},"iat":{now}"#,
            quote(request.method),
            quote(target.as_str())
        );
        if let Some(token) = request.token {
            let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(token));
            claims += &format!(r#","ath":"{hash}""#);
        }
        if let Some(nonce) = request.nonce {
            claims += &format!(r#","nonce":{}"#, quote(nonce));
        }
        claims.push('}');
        let header = format!(
            r#"{{"typ":"dpop+jwt","alg":"{PROOF_ALGORITHM}","jwk":{}}}"#,
            self.jwk
        );
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = self
            .pair
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map_err(|_| ProofError::Signature)?;
        let proof = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        HeaderValue::try_from(proof).map_err(|_| ProofError::Signature)
    }
}

impl std::fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProofKey")
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
