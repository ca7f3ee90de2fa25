//! Proofs of possession of a key (RFC 9449), as a resource server checks them.

mod nonce;
mod replay;

use portcullis_mcp::json::Object;
use url::Url;

use crate::algorithm::Algorithm;
use crate::claims::Claims;
use crate::encoding::{base64url, sha256};
use crate::jwt::{HeaderUse, Jws, is_media_type};
use crate::keys::{KeyFault, PublicKey};
use crate::rejection::Rejection;

pub use nonce::NonceKey;
pub use replay::ReplayWindow;

/// How long a proof is good, in seconds, unless configured otherwise.
pub const DEFAULT_MAX_AGE: u64 = 60;

/// How far ahead a client's clock may be, in seconds, unless configured otherwise.
pub const DEFAULT_SKEW: u64 = 10;

/// Longest `jti`, in bytes.
const MAX_ID: usize = 512;

/// The algorithms for proofs, unless configured otherwise.
pub const ALGORITHMS: [Algorithm; 5] = [
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
    Algorithm::Ps256,
    Algorithm::Rs256,
];

/// The request that a proof must be for.
#[derive(Clone, Copy, Debug)]
pub struct ProofExpected<'a> {
    /// The request's method, as sent.
    pub method: &'a str,
    /// The request's absolute URL as the client knows it; query and fragment do not count.
    pub url: &'a str,
    /// Algorithms that are accepted.
    pub algorithms: &'a [Algorithm],
    /// Seconds since 1970.
    pub now: u64,
    /// Most seconds since the proof's `iat`.
    pub max_age: u64,
    /// Most seconds that `iat` may be ahead.
    pub skew: u64,
    /// Where nonces come from; `None` when none is demanded.
    pub nonces: Option<&'a NonceKey>,
}

/// A proof that holds for one request and one access token. That it is new is for
/// [`ReplayWindow::admit`] to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    key_thumbprint: String,
    id: String,
    issued: u64,
    good_until: u64,
}

impl Proof {
    /// The thumbprint of its key (RFC 7638), which the token's `cnf.jkt` must be.
    #[must_use]
    pub fn key_thumbprint(&self) -> &str {
        &self.key_thumbprint
    }

    /// Its `jti`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its `iat`.
    #[must_use]
    pub fn issued(&self) -> u64 {
        self.issued
    }

    /// The last second in which it would be accepted.
    #[must_use]
    pub fn good_until(&self) -> u64 {
        self.good_until
    }
}

/// Verifies a proof: the value of the one `DPoP` header. `token` is the access token of the same
/// request, as sent.
///
/// # Errors
/// The first cause, in this order: form, type, algorithm, key, signature, method, URL, time, token
/// hash, nonce (RFC 9449 section 4.3).
pub fn verify(proof: &str, token: &str, expected: &ProofExpected<'_>) -> Result<Proof, Rejection> {
    let jws = Jws::read(proof, HeaderUse::Proof).map_err(|_| Rejection::ProofMalformed)?;
    let key = signing_key(&jws, expected.algorithms)?;
    let malformed = Rejection::ProofClaimMalformed;
    let claims = Claims::read(&jws.payload).map_err(|_| malformed)?;
    let text = |name| claims.text(name).map_err(|_| malformed);
    let id = text("jti")?.ok_or(malformed)?;
    if id.is_empty() || id.len() > MAX_ID {
        return Err(malformed);
    }
    if text("htm")?.ok_or(malformed)? != expected.method {
        return Err(Rejection::ProofMethodWrong);
    }
    if !is_same_target(&text("htu")?.ok_or(malformed)?, expected.url) {
        return Err(Rejection::ProofUrlWrong);
    }
    let issued = claims
        .date("iat")
        .map_err(|_| malformed)?
        .ok_or(malformed)?;
    let good_until = issued.saturating_add(expected.max_age);
    if expected.now > good_until {
        return Err(Rejection::ProofTooOld);
    }
    if issued > expected.now.saturating_add(expected.skew) {
        return Err(Rejection::ProofInFuture);
    }
    let hash = text("ath")?.ok_or(Rejection::ProofTokenHashMissing)?;
    if hash != base64url(&sha256(token.as_bytes())) {
        return Err(Rejection::ProofTokenHashWrong);
    }
    if let Some(nonces) = expected.nonces {
        let nonce = text("nonce")?.ok_or(Rejection::ProofNonceMissing)?;
        if !nonces.accepts(&nonce, expected.now) {
            return Err(Rejection::ProofNonceWrong);
        }
    }
    Ok(Proof {
        key_thumbprint: key.thumbprint(),
        id: id.into_owned(),
        issued,
        good_until,
    })
}

/// The key in a proof's header, by which the proof is signed.
fn signing_key(jws: &Jws<'_>, algorithms: &[Algorithm]) -> Result<PublicKey, Rejection> {
    let header = &jws.header;
    match &header.token_type {
        Some(name) if is_media_type(name, "dpop+jwt") => {}
        _ => return Err(Rejection::ProofTypeWrong),
    }
    let algorithm = Algorithm::parse(&header.algorithm)
        .filter(|algorithm| algorithms.contains(algorithm))
        .ok_or(Rejection::ProofAlgorithmNotAllowed)?;
    let malformed = Rejection::ProofKeyMalformed;
    let jwk = header.key.as_deref().ok_or(malformed)?;
    let jwk = Object::parse(jwk).map_err(|_| malformed)?;
    let key = PublicKey::read(&jwk).map_err(|fault| match fault {
        KeyFault::Private => Rejection::ProofKeyPrivate,
        KeyFault::Symmetric => Rejection::ProofKeySymmetric,
        _ => malformed,
    })?;
    let prepared = key.prepare(algorithm).map_err(|_| malformed)?;
    if jws.is_signed_by(&prepared) {
        Ok(key)
    } else {
        Err(Rejection::ProofSignatureWrong)
    }
}

/// The thumbprint of a public key's JWK (RFC 7638 with SHA-256), in base64url.
///
/// # Errors
/// What is wrong with the key; a private one has no public thumbprint.
pub fn thumbprint(jwk: &[u8]) -> Result<String, KeyFault> {
    let malformed = KeyFault::Malformed;
    let text = crate::claims::strict_object(
        jwk,
        crate::jwt::MAX_TOKEN_BYTES,
        Rejection::ProofKeyMalformed,
    )
    .map_err(|_| malformed)?;
    let jwk = Object::parse(text).map_err(|_| malformed)?;
    Ok(PublicKey::read(&jwk)?.thumbprint())
}

/// Whether `htu`, which has no query and no fragment, is the URL without its own, after the
/// normalisation of RFC 3986 section 6.2.2 and 6.2.3.
fn is_same_target(said: &str, requested: &str) -> bool {
    let (Ok(said), Ok(mut requested)) = (Url::parse(said), Url::parse(requested)) else {
        return false;
    };
    requested.set_query(None);
    requested.set_fragment(None);
    said.has_host() && said == requested
}

#[cfg(test)]
mod tests;
