//! What services gave, for a short time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use portcullis_config::SecretRef;
use secrecy::SecretString;

use super::ReferenceError;
use crate::Clock;

/// A service is asked again after this time. Microseconds, as all times here.
const FRESH: i64 = 60_000_000;
/// What is younger than this is new also for one who was refused with the one before.
const NEW: i64 = 1_000_000;
/// So long an outage is bridged with what was read before.
const STALE: i64 = 15 * 60_000_000;
/// So long after a failure nobody asks again.
const PAUSE: i64 = 5_000_000;

/// How old a secret may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A minute.
    Fresh,
    /// A second: what was there before did not work.
    New,
}

pub(super) struct Cache {
    clock: Clock,
    // As many as the configuration names.
    slots: Mutex<HashMap<SecretRef, Arc<tokio::sync::Mutex<Slot>>>>,
}

#[derive(Default)]
struct Slot {
    held: Option<(SecretString, i64)>,
    failed: Option<(ReferenceError, i64)>,
}

impl Cache {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            slots: Mutex::default(),
        }
    }

    /// The secret, from memory or from `fetch`. Those who want the same wait for one fetch.
    pub(super) async fn read(
        &self,
        reference: &SecretRef,
        wanted: Wanted,
        fetch: impl AsyncFnOnce() -> Result<SecretString, ReferenceError>,
    ) -> Result<SecretString, ReferenceError> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(reference.clone()).or_default())
        };
        let mut slot = slot.lock().await;
        let now_us = (self.clock)();
        let age = match wanted {
            Wanted::Fresh => FRESH,
            Wanted::New => NEW,
        };
        if let Some((secret, _)) = slot.held_for(age, now_us) {
            return Ok(secret.clone());
        }
        let is_paused = |failed: &&(ReferenceError, i64)| is_within(failed.1, PAUSE, now_us);
        let read = match slot.failed.as_ref().filter(is_paused) {
            Some((error, _)) => Err(error.clone()),
            None => {
                let read = fetch().await;
                slot.failed = read.as_ref().err().map(|error| (error.clone(), now_us));
                read
            }
        };
        match read {
            Ok(secret) => {
                slot.held = Some((secret.clone(), now_us));
                Ok(secret)
            }
            Err(error) if error.is_temporary() => match slot.held_for(STALE, now_us) {
                Some((secret, _)) if wanted == Wanted::Fresh => {
                    tracing::warn!(%reference, %error, "going on with a secret in memory");
                    Ok(secret.clone())
                }
                _ => Err(error),
            },
            Err(error) => {
                slot.held = None;
                Err(error)
            }
        }
    }
}

impl Slot {
    fn held_for(&self, age: i64, now_us: i64) -> Option<&(SecretString, i64)> {
        let held = self.held.as_ref()?;
        is_within(held.1, age, now_us).then_some(held)
    }
}

/// A clock that was set back makes nothing younger.
fn is_within(since_us: i64, age: i64, now_us: i64) -> bool {
    (0..age).contains(&now_us.saturating_sub(since_us))
}
