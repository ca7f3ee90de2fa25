//! What one process sees; replicas and databases are in `tests/it`.

use super::*;

#[test]
fn pauses_double_and_end() {
    let settings = RenewalSettings::default();
    let backoff = Backoff::default();
    let second = 1_000_000;
    let mut now_us = 0;
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
        let until_us = backoff.fail("r", None, &settings, now_us);
        assert_eq!(until_us - now_us, seconds * second);
        assert!(!backoff.is_over("r", until_us - 1));
        assert!(backoff.is_over("r", until_us));
        assert!(backoff.is_over("another", now_us));
        now_us = until_us;
    }
    backoff.forget("r");
    let asked = Some(Duration::from_secs(20));
    assert_eq!(
        backoff.fail("r", asked, &settings, now_us),
        now_us + 20 * second
    );
    // Nobody may silence us for a day.
    let asked = Some(Duration::from_secs(24 * 60 * 60));
    assert_eq!(
        backoff.fail("r", asked, &settings, now_us),
        now_us + 3600 * second
    );
}
