use std::time::Duration;

use super::{duration, show_size, size};

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
