//! Which tokens a set of keys has verified, so that the same signature is computed once.
//!
//! Whether a signature is a key's depends on the token and the key alone, and which key it has to be
//! on the token and the set. So the answer may be kept for as long as the set: a set that lost or
//! replaced a key is another value, which remembers nothing. Whatever depends on time, endpoint,
//! profile or connection is judged anew for each request.

use std::fmt;
use std::sync::{Mutex, OnceLock};

/// How many tokens a set remembers, of about 40 bytes each.
const SLOTS: usize = 2_048;

type Slot = Mutex<Option<[u8; 32]>>;

/// SHA-256 digests of verified tokens, each at the place that its first bytes say. One that comes to
/// a taken place replaces what is there.
#[derive(Default)]
pub(super) struct Verified {
    /// Made with the first token, so that a set that verifies nothing takes no memory.
    slots: OnceLock<Box<[Slot]>>,
}

impl Verified {
    /// Whether this token was verified. It never waits: a place that is just being written says no.
    pub(super) fn contains(&self, digest: &[u8; 32]) -> bool {
        let slot = self.slots.get().and_then(|slots| place(slots, digest));
        let known = slot.and_then(|slot| slot.try_lock().ok());
        known.is_some_and(|known| known.as_ref() == Some(digest))
    }

    /// Remembers a token whose signature was verified. Nobody else may be remembered: a stranger
    /// could not fill the places with what is signed by nobody.
    pub(super) fn remember(&self, digest: [u8; 32]) {
        let empty = || (0..SLOTS).map(|_| Slot::default()).collect();
        let slots = self.slots.get_or_init(empty);
        if let Some(mut known) = place(slots, &digest).and_then(|slot| slot.try_lock().ok()) {
            *known = Some(digest);
        }
    }
}

fn place<'a>(slots: &'a [Slot], digest: &[u8; 32]) -> Option<&'a Slot> {
    let [first, second, ..] = *digest;
    let number = usize::from(u16::from_be_bytes([first, second]));
    slots.get(number % slots.len().max(1))
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
