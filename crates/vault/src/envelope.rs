//! The form of a sealed record.
//!
//! Format 1. A data key is made for each sealing and never used again.
//!
//! ```text
//! offset  bytes
//!      0      1  format, 1
//!      1     16  place: the first 16 bytes of SHA-256(A)
//!     17     12  nonce of the data key
//!     29     48  AES-256-GCM(key-encryption key, nonce, "portcullis data key" ‖ A, data key)
//!     77     12  nonce of the content
//!     89   n+16  AES-256-GCM(data key, nonce, "portcullis content" ‖ A, content)
//! ```
//!
//! `A`, the associated data, says which record this is. It is the concatenation of the format
//! (one byte) and of record id, tenant, principal, server, issuer, kind and id of the
//! key-encryption key, each in UTF-8 behind its length in bytes (32 bits, big-endian). A sealed
//! content that is put into another record opens nowhere; the *place* only tells why.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use portcullis_store::CredentialKey;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::keys::Key;
use crate::secret::Secret;

const FORMAT: u8 = 1;
const PLACE: usize = 16;
const NONCE: usize = 12;
const WRAPPED: usize = 48;
const DATA_KEY: &[u8] = b"portcullis data key";
const CONTENT: &[u8] = b"portcullis content";

/// Which record something is sealed for.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The record's id.
    pub id: &'a str,
    /// What it is for.
    pub key: &'a CredentialKey,
    /// The key-encryption key it is sealed under.
    pub key_id: &'a str,
}

impl Binding<'_> {
    fn associated_data(&self) -> Vec<u8> {
        let CredentialKey {
            tenant,
            principal,
            server,
            issuer,
            kind,
        } = self.key;
        let mut data = vec![FORMAT];
        for field in [
            self.id,
            tenant,
            principal,
            server,
            issuer,
            kind,
            self.key_id,
        ] {
            // No field of a record comes near 4 GiB; one that did would still be bound by its
            // own bytes.
            let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
            data.extend_from_slice(&length.to_be_bytes());
            data.extend_from_slice(field.as_bytes());
        }
        data
    }
}

/// Why something was not sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The system gave no randomness.
    #[error("the system gives no randomness")]
    Randomness,
    /// The content is too long for AES-GCM.
    #[error("the content is too long")]
    TooLong,
    /// Sealed by a release that writes another format.
    #[error("the format {0} is not known")]
    Format(u8),
    /// It was sealed for another record, or under another key.
    #[error("it was sealed for another record")]
    Moved,
    /// It was changed, or cut, after it was sealed.
    #[error("it is damaged")]
    Damaged,
}

/// Seals `content` for one record.
///
/// # Errors
/// [`EnvelopeError::Randomness`], [`EnvelopeError::TooLong`].
pub fn seal(key: &Key, binding: &Binding<'_>, content: &Secret) -> Result<Vec<u8>, EnvelopeError> {
    let place = binding.associated_data();
    let data_key = Key::random().map_err(|_| EnvelopeError::Randomness)?;
    let length = 1 + PLACE + NONCE + WRAPPED + NONCE + content.expose().len() + 16;
    let mut sealed = Vec::with_capacity(length);
    sealed.push(FORMAT);
    sealed.extend_from_slice(&digest(&place));
    for (key, label, message) in [
        (key, DATA_KEY, data_key.bytes().as_slice()),
        (&data_key, CONTENT, content.expose()),
    ] {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| EnvelopeError::Randomness)?;
        let payload = Payload {
            msg: message,
            aad: &[label, &place].concat(),
        };
        let cipher = Aes256Gcm::new(key.bytes().into());
        let ciphertext = cipher
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| EnvelopeError::TooLong)?;
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
    }
    Ok(sealed)
}

/// Opens what was sealed for that record.
///
/// # Errors
/// [`EnvelopeError::Format`], [`EnvelopeError::Moved`], [`EnvelopeError::Damaged`].
pub fn open(key: &Key, binding: &Binding<'_>, sealed: &[u8]) -> Result<Secret, EnvelopeError> {
    let (&format, rest) = sealed.split_first().ok_or(EnvelopeError::Damaged)?;
    if format != FORMAT {
        return Err(EnvelopeError::Format(format));
    }
    let place = binding.associated_data();
    let (sealed_for, rest) = rest
        .split_first_chunk::<PLACE>()
        .ok_or(EnvelopeError::Damaged)?;
    let parts = || {
        let (key_nonce, rest) = rest.split_first_chunk::<NONCE>()?;
        let (wrapped, rest) = rest.split_first_chunk::<WRAPPED>()?;
        let (nonce, content) = rest.split_first_chunk::<NONCE>()?;
        let data_key = decrypt(key, key_nonce, DATA_KEY, &place, wrapped)?;
        let data_key = Key::from_slice(&data_key)?;
        decrypt(&data_key, nonce, CONTENT, &place, content)
    };
    match parts() {
        // Whatever the cipher says: both must agree.
        Some(content) if *sealed_for == digest(&place) => Ok(Secret::from(content)),
        _ if *sealed_for != digest(&place) => Err(EnvelopeError::Moved),
        _ => Err(EnvelopeError::Damaged),
    }
}

fn decrypt(
    key: &Key,
    nonce: &[u8; NONCE],
    label: &[u8],
    place: &[u8],
    ciphertext: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let payload = Payload {
        msg: ciphertext,
        aad: &[label, place].concat(),
    };
    Aes256Gcm::new(key.bytes().into())
        .decrypt(&Nonce::from(*nonce), payload)
        .ok()
        .map(Zeroizing::new)
}

fn digest(place: &[u8]) -> [u8; PLACE] {
    let mut short = [0; PLACE];
    short
        .iter_mut()
        .zip(Sha256::digest(place))
        .for_each(|(to, from)| *to = from);
    short
}

#[cfg(test)]
mod tests;
