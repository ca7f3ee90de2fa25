//! What must not be believed any more, although it has not expired.
//!
//! Revocations are in the store, where every replica finds them. This keeps what is in force as one
//! immutable value, so that a message reads it without a lock, and tells those who wait for long that
//! there is something new.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use portcullis_policy::PrincipalKind;
use portcullis_store::{Revocation, RevocationKind, RevocationStore, StoreError};
use tokio::sync::watch;

use crate::authn::Principal;
use crate::clock;

/// The revocations in force.
pub(crate) struct Revocations {
    store: Arc<dyn RevocationStore>,
    generation: AtomicI64,
    in_force: ArcSwap<Vec<Revocation>>,
    changed: watch::Sender<u64>,
}

impl Revocations {
    pub(crate) async fn open(store: Arc<dyn RevocationStore>) -> Result<Self, StoreError> {
        let revocations = Self {
            store,
            generation: AtomicI64::new(i64::MIN),
            in_force: ArcSwap::default(),
            changed: watch::Sender::new(0),
        };
        revocations.refresh().await?;
        Ok(revocations)
    }

    /// Takes over what other processes revoked; `true` when there was something.
    pub(crate) async fn refresh(&self) -> Result<bool, StoreError> {
        // Read first: what is revoked in between is read again the next time.
        let generation = self.store.revocation_generation().await?;
        if generation == self.generation.load(Ordering::Acquire) {
            return Ok(false);
        }
        let in_force = self.store.revocations(clock::unix_micros()).await?;
        self.in_force.store(Arc::new(in_force));
        self.generation.store(generation, Ordering::Release);
        self.changed
            .send_modify(|count| *count = count.wrapping_add(1));
        Ok(true)
    }

    /// Whether a caller is revoked: itself, the application it uses, or its very token.
    ///
    /// A token that was issued after the revocation is believed again ([`Revocation::stops`]).
    pub(crate) fn stops(&self, principal: &Principal) -> bool {
        let in_force = self.in_force.load();
        if in_force.is_empty() {
            return false;
        }
        let token = principal.signed_in();
        let issued = token.and_then(|token| token.issued);
        let kind = match principal.kind() {
            PrincipalKind::User => RevocationKind::User,
            PrincipalKind::Agent => RevocationKind::Agent,
            PrincipalKind::Workload => RevocationKind::Workload,
        };
        let actors = token.into_iter().flat_map(|token| &token.actors);
        let client = token.and_then(|token| token.client.as_deref());
        find(&in_force, kind, principal.id(), issued)
            || client.is_some_and(|id| find(&in_force, RevocationKind::Client, id, issued))
            || actors
                .into_iter()
                .any(|id| find(&in_force, RevocationKind::Agent, id, issued))
            || token.is_some_and(|token| {
                let mut names = token.token.iter().chain([&token.digest]);
                names.any(|name| find(&in_force, RevocationKind::Token, name, None))
            })
    }

    /// Whether anything is revoked.
    pub(crate) fn are_any(&self) -> bool {
        !self.in_force.load().is_empty()
    }

    /// Whether a server is revoked.
    pub(crate) fn stops_server(&self, server: &str) -> bool {
        let in_force = self.in_force.load();
        !in_force.is_empty() && find(&in_force, RevocationKind::Server, server, None)
    }

    /// Completes with every change. For those who wait for long.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

/// Whether something of that time of issue (unix seconds) is revoked. Revocations are few.
fn find(in_force: &[Revocation], kind: RevocationKind, key: &str, issued: Option<i64>) -> bool {
    in_force
        .iter()
        .filter(|revocation| revocation.kind == kind && revocation.key == key)
        .any(|revocation| revocation.stops(issued, clock::unix_micros()))
}

#[cfg(test)]
mod tests;
