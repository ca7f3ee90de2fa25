//! An issuer's public keys (RFC 7517), prepared once so that checking a signature reads no key.

mod jwk;
mod verified;

use std::fmt;

use aws_lc_rs::signature::ParsedPublicKey;
use portcullis_mcp::json::{self, JsonKind, Limits, Object};

use crate::algorithm::{Algorithm, KeyKind};
use crate::jwt::Jws;
use crate::rejection::Rejection;
use verified::Verified;

pub use jwk::KeyFault;
pub(crate) use jwk::PublicKey;

/// Longest document that is read, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 512 * 1024;

/// Most keys in one document.
pub const MAX_KEYS: usize = 256;

/// The usable keys of one JWK Set.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<VerificationKey>,
    skipped: Vec<SkippedKey>,
    verified: Verified,
}

/// A key that can check signatures, with everything that its JWK says about it.
pub struct VerificationKey {
    id: Option<String>,
    kind: KeyKind,
    issuer: Option<String>,
    prepared: Vec<(Algorithm, ParsedPublicKey)>,
}

/// A key of the document that is not used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its `kid`.
    pub id: Option<String>,
    /// Why.
    pub fault: KeyFault,
}

/// Why a document is not a JWK Set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not one strict JSON object.
    #[error("the key set is not a strict json object")]
    Malformed,
    /// No array `keys`.
    #[error("the key set has no list of keys")]
    NoKeys,
    /// More than [`MAX_KEYS`].
    #[error("the key set has more than {MAX_KEYS} keys")]
    TooMany,
}

impl KeySet {
    /// Reads a JWK Set. Keys that cannot be used are left out and noted in [`KeySet::skipped`].
    ///
    /// # Errors
    /// The document is no JWK Set. A set without a usable key is none.
    pub fn parse(bytes: &[u8]) -> Result<KeySet, KeySetError> {
        let limits = Limits {
            max_bytes: MAX_DOCUMENT_BYTES,
            max_depth: 16,
        };
        let text = json::check(bytes, &limits).map_err(|_| KeySetError::Malformed)?;
        let document = Object::parse(text).map_err(|_| KeySetError::Malformed)?;
        let list = document.get("keys").ok_or(KeySetError::NoKeys)?;
        let list = json::elements(list.value).map_err(|_| KeySetError::NoKeys)?;
        if list.len() > MAX_KEYS {
            return Err(KeySetError::TooMany);
        }
        let mut set = KeySet {
            keys: Vec::new(),
            skipped: Vec::new(),
            verified: Verified::default(),
        };
        for element in list {
            if json::kind(element.value) != JsonKind::Object {
                return Err(KeySetError::Malformed);
            }
            let jwk = Object::parse(element.value).map_err(|_| KeySetError::Malformed)?;
            match VerificationKey::read(&jwk) {
                Ok(key) => set.keys.push(key),
                Err(fault) => set.skipped.push(SkippedKey {
                    id: jwk
                        .string("kid")
                        .ok()
                        .flatten()
                        .map(|id| id.chars().take(128).collect()),
                    fault,
                }),
            }
        }
        Ok(set)
    }

    /// The one key for a token with this `kid` and algorithm. Without a `kid`, the only key that
    /// fits the algorithm.
    ///
    /// # Errors
    /// [`Rejection::KeyUnknown`] when none fits, [`Rejection::KeyAmbiguous`] when several do.
    pub fn find(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&VerificationKey, Rejection> {
        let mut fitting = self.keys.iter().filter(|key| {
            key.prepared(algorithm).is_some() && (key_id.is_none() || key.id.as_deref() == key_id)
        });
        let found = fitting.next().ok_or(Rejection::KeyUnknown)?;
        match fitting.next() {
            None => Ok(found),
            Some(_) => Err(Rejection::KeyAmbiguous),
        }
    }

    /// The one key for this token ([`KeySet::find`]), if it has signed it. What was verified once is
    /// remembered for as long as this set is used.
    pub(crate) fn signer(
        &self,
        jws: &Jws<'_>,
        algorithm: Algorithm,
    ) -> Result<&VerificationKey, Rejection> {
        let key = self.find(jws.header.key_id.as_deref(), algorithm)?;
        let prepared = key.prepared(algorithm).ok_or(Rejection::KeyUnknown)?;
        let digest = jws.digest();
        if self.verified.contains(&digest) {
            return Ok(key);
        }
        if !jws.is_signed_by(prepared) {
            return Err(Rejection::SignatureWrong);
        }
        self.verified.remember(digest);
        Ok(key)
    }

    /// Whether a usable key has this `kid`: a cache that answers no may ask the issuer again.
    #[must_use]
    pub fn contains(&self, key_id: &str) -> bool {
        self.keys
            .iter()
            .any(|key| key.id.as_deref() == Some(key_id))
    }

    /// The usable keys.
    #[must_use]
    pub fn keys(&self) -> &[VerificationKey] {
        &self.keys
    }

    /// The keys that are not used.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }
}

impl VerificationKey {
    fn read(jwk: &Object<'_>) -> Result<VerificationKey, KeyFault> {
        let key = PublicKey::read(jwk)?;
        let text = |name| match jwk.string(name) {
            Ok(value) => Ok(value.map(std::borrow::Cow::into_owned)),
            Err(_) => Err(KeyFault::Malformed),
        };
        if text("use")?.is_some_and(|value| value != "sig") {
            return Err(KeyFault::NotForSignatures);
        }
        if let Some(operations) = jwk.get("key_ops") {
            let operations = json::elements(operations.value).map_err(|_| KeyFault::Malformed)?;
            let verify = |raw| json::as_string(raw).is_some_and(|word| word == "verify");
            if !operations.iter().any(|operation| verify(operation.value)) {
                return Err(KeyFault::NotForSignatures);
            }
        }
        let only = match text("alg")? {
            None => None,
            Some(name) => Some(Algorithm::parse(&name).ok_or(KeyFault::AlgorithmUnsupported)?),
        };
        let mut prepared = Vec::new();
        for algorithm in Algorithm::ALL {
            if algorithm.key_kind() == key.kind() && only.is_none_or(|only| only == algorithm) {
                prepared.push((algorithm, key.prepare(algorithm)?));
            }
        }
        if prepared.is_empty() {
            return Err(KeyFault::AlgorithmUnsupported);
        }
        Ok(VerificationKey {
            id: text("kid")?,
            kind: key.kind(),
            issuer: text("issuer")?,
            prepared,
        })
    }

    /// Its `kid`.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The issuer that it is for, where its JWK says so (Entra).
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The key as that algorithm uses it; `None` when it must not.
    pub(crate) fn prepared(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        self.prepared
            .iter()
            .find(|(of, _)| *of == algorithm)
            .map(|(_, key)| key)
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
