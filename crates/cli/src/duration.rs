//! Times as a person writes and reads them.

use time::OffsetDateTime;
use time::macros::format_description;

/// `2026-11-22 11:46:03.512` in UTC, from unix microseconds.
pub(crate) fn timestamp(micros: i64) -> String {
    let format =
        format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:3]");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000)
        .ok()
        .and_then(|at| at.format(&format).ok())
        .unwrap_or_else(|| micros.to_string())
}

/// `90s`, `15m`, `2h` or `7d` in microseconds.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no duration; write for example 30s, 15m, 2h or 7d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let count: i64 = text.trim_end_matches(unit).parse().map_err(|_| wrong())?;
    count
        .checked_mul(seconds)
        .and_then(|seconds| seconds.checked_mul(1_000_000))
        .filter(|micros| *micros >= 0)
        .ok_or_else(wrong)
}

/// Unix microseconds now.
pub(crate) fn now() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{parse, timestamp};

    #[test]
    fn durations_are_read_and_nonsense_is_not() {
        assert_eq!(parse("90s"), Ok(90_000_000));
        assert_eq!(parse("2h"), Ok(7_200_000_000));
        assert_eq!(parse("7d"), Ok(604_800_000_000));
        for wrong in ["", "7", "d", "-1d", "1w", "99999999999999999d", "1.5h", "ä"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_timestamp_is_utc_with_milliseconds() {
        assert_eq!(timestamp(1_795_000_000_123_456), "2026-11-18 11:06:40.123");
    }
}
