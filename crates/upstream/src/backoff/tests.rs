use super::*;

#[test]
fn waits_double_up_to_the_longest() {
    let start = Instant::now();
    let mut backoff = Backoff::default();
    assert_eq!(backoff.wait(start), None);
    let waits: Vec<u128> = (0..10)
        .map(|_| {
            backoff.failed(start);
            backoff.wait(start).unwrap().as_millis()
        })
        .collect();
    assert_eq!(
        waits,
        [
            250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000
        ]
    );
}

#[test]
fn the_wait_runs_out() {
    let start = Instant::now();
    let mut backoff = Backoff::default();
    backoff.failed(start);
    assert_eq!(
        backoff.wait(start + Duration::from_millis(249)),
        Some(Duration::from_millis(1))
    );
    assert_eq!(backoff.wait(start + Duration::from_millis(250)), None);
}

#[test]
fn a_minute_of_health_starts_a_new_count() {
    let start = Instant::now();
    let mut backoff = Backoff::default();
    for _ in 0..6 {
        backoff.failed(start);
    }
    let mut short = backoff;
    short.ended(HEALTHY - Duration::from_millis(1), start);
    assert_eq!(short.wait(start), Some(Duration::from_secs(16)));
    backoff.ended(HEALTHY, start);
    assert_eq!(backoff.wait(start), Some(FIRST));
    assert_eq!(backoff.failures(), 1);
}
