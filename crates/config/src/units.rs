//! Durations and sizes as people write them.

use std::time::Duration;

const DAY: u64 = 24 * 60 * 60 * 1000;

/// `"500ms"`, `"30s"`, `"5m"`, `"2h"`: above zero, at most a day.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    within(text, DAY)
}

/// A duration that may also be in days: `"90d"`, above zero, at most a year.
pub(crate) fn long_duration(text: &str) -> Option<Duration> {
    match text.strip_suffix('d') {
        Some(days) => {
            let (days, unit) = split(days)?;
            let days = Some(days).filter(|days| unit.is_empty() && (1..=366).contains(days))?;
            Some(Duration::from_millis(days * DAY))
        }
        None => within(text, 366 * DAY),
    }
}

fn within(text: &str, most: u64) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let milliseconds = number.checked_mul(match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => return None,
    })?;
    (1..=most)
        .contains(&milliseconds)
        .then(|| Duration::from_millis(milliseconds))
}

/// `"512B"`, `"64KiB"`, `"4MiB"`, `"1GiB"`, in bytes. `MB` and its kin are refused, since people
/// differ about what they mean.
pub(crate) fn size(text: &str) -> Option<usize> {
    let (number, unit) = split(text)?;
    let bytes = number.checked_mul(match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    })?;
    usize::try_from(bytes).ok()
}

/// A duration in the largest unit that divides it.
pub(crate) fn show_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    for (unit, one) in [("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if milliseconds >= one && milliseconds.is_multiple_of(one) {
            return format!("{}{unit}", milliseconds / one);
        }
    }
    format!("{milliseconds}ms")
}

/// A size in the largest unit that divides it.
pub(crate) fn show_size(bytes: usize) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        let one = 1usize << shift;
        if bytes >= one && bytes.is_multiple_of(one) {
            return format!("{}{unit}", bytes / one);
        }
    }
    format!("{bytes}B")
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit))
}

#[cfg(test)]
mod tests;
