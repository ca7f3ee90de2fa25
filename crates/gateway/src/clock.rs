//! The wall clock, read in one place.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since the Unix epoch. A clock set before 1970 reads as zero.
pub(crate) fn unix_micros() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}

/// Whole seconds since the Unix epoch.
pub(crate) fn unix_seconds() -> i64 {
    unix_micros() / 1_000_000
}
