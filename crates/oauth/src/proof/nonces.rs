//! The nonces of servers (RFC 9449 sections 8 and 9).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use url::Url;

/// Most bytes of a nonce.
const MAX_NONCE: usize = 1024;
/// Most origins that are remembered. A server and its authorization server are two.
const ORIGINS: usize = 16;

/// The latest nonce of each origin: it goes into the next proof for that origin, and for no other.
/// Nonces are no secrets.
#[derive(Debug, Default)]
pub struct Nonces(Mutex<HashMap<String, String>>);

impl Nonces {
    /// The latest nonce of the origin of this address.
    #[must_use]
    pub fn latest(&self, url: &Url) -> Option<String> {
        self.lock().get(&origin(url)).cloned()
    }

    /// Remembers the nonce that came with an answer from this address, in the place of an older
    /// one. Says whether there was one.
    pub fn hear(&self, url: &Url, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all("dpop-nonce").iter();
        let (Some(nonce), None) = (values.next(), values.next()) else {
            return false;
        };
        let Some(nonce) = nonce.to_str().ok().filter(|nonce| is_nonce(nonce)) else {
            return false;
        };
        let mut nonces = self.lock();
        let origin = origin(url);
        if nonces.len() >= ORIGINS && !nonces.contains_key(&origin) {
            // What is forgotten costs one more request.
            let any = nonces.keys().next().cloned();
            any.and_then(|any| nonces.remove(&any));
        }
        nonces.insert(origin, nonce.to_owned());
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// `1*NQCHAR` (RFC 9449 section 8.1).
fn is_nonce(text: &str) -> bool {
    let is_allowed = |byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    (1..=MAX_NONCE).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests;
