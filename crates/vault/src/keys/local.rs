//! Wrapping with a root key that is in this process's memory.
//!
//! ```text
//! offset  bytes
//!      0      1  format, 1
//!      1      8  fingerprint of the root key
//!      9     12  nonce
//!     21     48  AES-256-GCM(root, nonce, aad, key): 32 bytes and the tag of 16
//! ```

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};

use super::{Key, KeyError, wiped};

const FORMAT: u8 = 1;
const NONCE: usize = 12;
const FINGERPRINT: usize = 8;

/// `key` under `root`, bound to `aad`.
pub(super) fn wrap(root: &Key, key: &Key, aad: &[u8]) -> Result<Vec<u8>, KeyError> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(|_| KeyError::Randomness)?;
    let payload = Payload {
        msg: key.bytes().as_slice(),
        aad,
    };
    let sealed = Aes256Gcm::new(root.bytes().into())
        .encrypt(&Nonce::from(nonce), payload)
        .map_err(|_| KeyError::Damaged)?;
    let mut wrapped = Vec::with_capacity(1 + FINGERPRINT + NONCE + sealed.len());
    wrapped.push(FORMAT);
    wrapped.extend_from_slice(&root.fingerprint());
    wrapped.extend_from_slice(&nonce);
    wrapped.extend_from_slice(&sealed);
    Ok(wrapped)
}

/// Opens what [`wrap`] made.
pub(super) fn unwrap(root: &Key, wrapped: &[u8], aad: &[u8]) -> Result<Key, KeyError> {
    let Some((&FORMAT, rest)) = wrapped.split_first() else {
        return Err(KeyError::Damaged);
    };
    let (fingerprint, rest) = rest
        .split_first_chunk::<FINGERPRINT>()
        .ok_or(KeyError::Damaged)?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(KeyError::Damaged)?;
    if *fingerprint != root.fingerprint() {
        return Err(KeyError::Wrong);
    }
    Aes256Gcm::new(root.bytes().into())
        .decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad })
        .ok()
        .and_then(|bytes| wiped(bytes, Key::from_slice))
        .ok_or(KeyError::Damaged)
}
