//! What time it is, as a value that tests replace.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The two readings of time that this crate needs. They are apart, because the wall clock may be
/// set back, and a key that its issuer took away must not live longer for that.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Seconds since 1970, for the times that tokens and documents state.
    fn unix_seconds(&self) -> u64;

    /// Time since some fixed moment. Never goes back. For the age of what is kept.
    fn elapsed(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose [`Clock::elapsed`] starts now.
    pub fn new() -> Self {
        SystemClock {
            started: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn unix_seconds(&self) -> u64 {
        let elapsed = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        elapsed.as_secs()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that a test moves.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct FixedClock(std::sync::Mutex<Duration>);

#[cfg(test)]
impl FixedClock {
    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

#[cfg(test)]
impl Clock for FixedClock {
    fn unix_seconds(&self) -> u64 {
        1_800_000_000 + self.elapsed().as_secs()
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}
