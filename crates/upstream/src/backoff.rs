//! How long a server is left alone after it failed.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);
/// A connection that lived this long was healthy: its end starts a new count.
pub(crate) const HEALTHY: Duration = Duration::from_secs(60);

/// Counts failures in a row and says when the next attempt may be made. The time is passed in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    not_before: Option<Instant>,
}

impl Backoff {
    /// An attempt failed, or a connection ended, at `at`.
    pub(crate) fn failed(&mut self, at: Instant) {
        let doublings = self.failures.min(16);
        let wait = FIRST.saturating_mul(1 << doublings).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(at + wait);
    }

    /// A connection that was open for `lived` ended at `at`.
    pub(crate) fn ended(&mut self, lived: Duration, at: Instant) {
        if lived >= HEALTHY {
            self.failures = 0;
        }
        self.failed(at);
    }

    /// Failures in a row so far.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// The time left until the next attempt, `None` when it may be made now.
    pub(crate) fn wait(&self, now: Instant) -> Option<Duration> {
        let left = self.not_before?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests;
