//! Which proofs were used, for as long as they could be used again.

use std::collections::{BTreeSet, HashSet};

use super::Proof;
use crate::encoding::sha256;
use crate::rejection::Rejection;

/// Remembers proofs by a digest of their key and `jti`. It holds a bounded number: when it is full,
/// nothing is admitted rather than something forgotten.
#[derive(Debug)]
pub struct ReplayWindow {
    capacity: usize,
    /// The latest time at which proofs were forgotten.
    horizon: u64,
    seen: HashSet<[u8; 32]>,
    by_end: BTreeSet<(u64, [u8; 32])>,
}

impl ReplayWindow {
    /// A window for at most `capacity` proofs, of about 150 bytes each.
    #[must_use]
    pub fn new(capacity: usize) -> ReplayWindow {
        ReplayWindow {
            capacity,
            horizon: 0,
            seen: HashSet::new(),
            by_end: BTreeSet::new(),
        }
    }

    /// Remembers a proof that is new. `now` is in seconds since 1970; when it steps back, what may
    /// have been forgotten already is too old.
    ///
    /// # Errors
    /// [`Rejection::ProofReplayed`], [`Rejection::ProofWindowFull`], [`Rejection::ProofTooOld`].
    pub fn admit(&mut self, proof: &Proof, now: u64) -> Result<(), Rejection> {
        self.horizon = self.horizon.max(now);
        self.forget();
        if proof.good_until < self.horizon {
            return Err(Rejection::ProofTooOld);
        }
        let name = [proof.key_thumbprint.as_bytes(), b"\0", proof.id.as_bytes()].concat();
        let digest = sha256(&name);
        if self.seen.contains(&digest) {
            return Err(Rejection::ProofReplayed);
        }
        if self.seen.len() >= self.capacity {
            return Err(Rejection::ProofWindowFull);
        }
        self.seen.insert(digest);
        self.by_end.insert((proof.good_until, digest));
        Ok(())
    }

    /// Drops proofs that are too old to be accepted.
    fn forget(&mut self) {
        while let Some((end, digest)) = self.by_end.first().copied()
            && end < self.horizon
        {
            self.by_end.pop_first();
            self.seen.remove(&digest);
        }
    }

    /// How many proofs it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}
