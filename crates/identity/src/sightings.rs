//! From which network a token came last.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many tokens are remembered: 256 KiB.
const SLOTS: usize = 32 * 1024;

/// Remembers for recent tokens the network that each came from.
///
/// A token has one place, which another token may take: what is forgotten is an event that nobody
/// sees, never a refusal. So it needs no lock and no more memory than it has.
pub(crate) struct Sightings {
    hasher: RandomState,
    /// A mark of the token in the upper half, of the network in the lower. 0 is empty.
    slots: Box<[AtomicU64]>,
}

impl Sightings {
    pub(crate) fn new() -> Sightings {
        Sightings {
            hasher: RandomState::new(),
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Whether the token came from another network last time. `name` is the token's name at its
    /// issuer. A network is an IPv4 address, behind which may be many, or the first 64 bits of an
    /// IPv6 address, behind which is one host or one site.
    pub(crate) fn moved(&self, issuer: &str, name: &str, address: IpAddr) -> bool {
        let token = self.hasher.hash_one((issuer, name));
        let network = match address.to_canonical() {
            IpAddr::V4(address) => self.hasher.hash_one(address.to_bits()),
            IpAddr::V6(address) => self.hasher.hash_one(address.to_bits() >> 64),
        };
        let index = usize::try_from(token % SLOTS as u64).unwrap_or_default();
        let Some(slot) = self.slots.get(index) else {
            return false;
        };
        let seen = token & !LOWER | network & LOWER;
        let before = slot.load(Ordering::Relaxed);
        if before == seen {
            return false;
        }
        slot.store(seen, Ordering::Relaxed);
        before != 0 && before & !LOWER == token & !LOWER
    }
}

const LOWER: u64 = 0xffff_ffff;

#[cfg(test)]
mod tests;
