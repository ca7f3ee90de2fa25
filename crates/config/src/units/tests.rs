use std::time::Duration;

use super::{duration, long_duration, show_duration, show_size, size};

#[test]
fn durations() {
    for (text, expected) in [
        ("500ms", Some(500)),
        ("30s", Some(30_000)),
        ("5m", Some(300_000)),
        ("24h", Some(86_400_000)),
        ("25h", None),
        ("0s", None),
        ("30", None),
        ("s", None),
        ("-1s", None),
        ("1.5s", None),
        ("30 s", None),
        ("30S", None),
        ("99999999999999999999s", None),
        ("18446744073709551615h", None),
    ] {
        assert_eq!(
            duration(text),
            expected.map(Duration::from_millis),
            "{text}"
        );
    }
}

#[test]
fn sizes() {
    for (text, expected) in [
        ("0B", Some(0)),
        ("512B", Some(512)),
        ("64KiB", Some(65_536)),
        ("4MiB", Some(4_194_304)),
        ("1GiB", Some(1_073_741_824)),
        ("4MB", None),
        ("4mib", None),
        ("4", None),
        ("18446744073709551615GiB", None),
    ] {
        assert_eq!(size(text), expected, "{text}");
    }
    for bytes in [1, 1000, 1024, 3 << 20, 1 << 30] {
        assert_eq!(size(&show_size(bytes)), Some(bytes));
    }
}

#[test]
fn long_durations_may_be_in_days() {
    const DAY: u64 = 86_400;
    for (text, expected) in [
        ("90d", Some(90 * DAY)),
        ("366d", Some(366 * DAY)),
        ("48h", Some(2 * DAY)),
        ("60s", Some(60)),
        ("367d", None),
        ("0d", None),
        ("1dd", None),
        ("1hd", None),
        ("d", None),
        ("8785h", None),
        ("99999999999999999999d", None),
    ] {
        assert_eq!(
            long_duration(text),
            expected.map(Duration::from_secs),
            "{text}"
        );
    }
    for text in ["60s", "61s", "1500ms", "90m", "24h"] {
        let duration = duration(text).unwrap();
        assert_eq!(super::duration(&show_duration(duration)), Some(duration));
    }
    assert_eq!(show_duration(Duration::from_secs(60)), "1m");
}
