//! Nonces that need no memory: a MAC of the time (RFC 9449 section 8).

use aws_lc_rs::hmac;

use crate::encoding::{base64url, from_base64url};

/// Separates these MACs from others under the same key.
const LABEL: &[u8] = b"portcullis dpop nonce v1\0";

/// Makes nonces and knows them again. Replicas that share the key know each other's.
pub struct NonceKey {
    key: hmac::Key,
    slot_seconds: u64,
}

impl NonceKey {
    /// `key` should be 32 random bytes. A nonce changes every `slot_seconds` (at least 1) and is
    /// accepted for at least that long, and for less than twice as long.
    #[must_use]
    pub fn new(key: &[u8], slot_seconds: u64) -> NonceKey {
        NonceKey {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            slot_seconds: slot_seconds.max(1),
        }
    }

    /// The nonce to hand out now: 43 characters of base64url.
    #[must_use]
    pub fn current(&self, now: u64) -> String {
        base64url(hmac::sign(&self.key, &message(now / self.slot_seconds)).as_ref())
    }

    /// Whether a nonce is this slot's or the last one's.
    #[must_use]
    pub fn accepts(&self, nonce: &str, now: u64) -> bool {
        let Some(tag) = from_base64url(nonce) else {
            return false;
        };
        let slot = now / self.slot_seconds;
        [Some(slot), slot.checked_sub(1)]
            .into_iter()
            .flatten()
            .any(|slot| hmac::verify(&self.key, &message(slot), &tag).is_ok())
    }
}

fn message(slot: u64) -> Vec<u8> {
    [LABEL, &slot.to_be_bytes()].concat()
}

impl std::fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NonceKey")
            .field("slot_seconds", &self.slot_seconds)
            .finish_non_exhaustive()
    }
}
