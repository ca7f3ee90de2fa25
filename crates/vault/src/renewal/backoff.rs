//! Pauses after failures, for each grant.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::RenewalSettings;
use crate::key_cache::micros;

#[derive(Default)]
pub(super) struct Backoff(Mutex<HashMap<String, Pause>>);

struct Pause {
    failures: u32,
    until_us: i64,
}

impl Backoff {
    pub(super) fn is_over(&self, id: &str, now_us: i64) -> bool {
        self.until(id).is_none_or(|until_us| now_us >= until_us)
    }

    /// Until when nothing is tried for `id`.
    pub(super) fn until(&self, id: &str) -> Option<i64> {
        let pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.get(id).map(|pause| pause.until_us)
    }

    /// Begins the next pause: twice as long as the last one, and at least `asked`.
    pub(super) fn fail(
        &self,
        id: &str,
        asked: Option<Duration>,
        settings: &RenewalSettings,
        now_us: i64,
    ) -> i64 {
        let mut pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Grants that nobody asks for any more would stay for ever.
        let forgotten = now_us.saturating_sub(micros(settings.longest_pause).saturating_mul(10));
        pauses.retain(|_, pause| pause.until_us > forgotten);
        let pause = pauses.entry(id.to_owned()).or_insert(Pause {
            failures: 0,
            until_us: now_us,
        });
        let length = settings
            .first_pause
            .saturating_mul(1 << pause.failures.min(16))
            .min(settings.longest_pause)
            .max(asked.unwrap_or_default().min(Duration::from_secs(60 * 60)));
        pause.failures = pause.failures.saturating_add(1);
        pause.until_us = now_us.saturating_add(micros(length));
        pause.until_us
    }

    pub(super) fn forget(&self, id: &str) {
        let mut pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.remove(id);
    }
}
