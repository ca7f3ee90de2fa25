use std::task::Poll;
use std::time::{Duration, Instant};

use super::{Activity, FIRST, IDLE, STALLED};

/// What is left of a connection's time so long after now.
fn left(activity: &Activity, after: Duration) -> Duration {
    activity.left(Instant::now() + after)
}

#[test]
fn a_silent_connection_is_given_up_soon() {
    let activity = Activity::new(Instant::now());
    assert!(!left(&activity, FIRST - Duration::from_secs(1)).is_zero());
    assert!(left(&activity, FIRST).is_zero());
}

#[test]
fn a_connection_that_was_used_is_kept_for_longer() {
    let activity = Activity::new(Instant::now());
    drop(activity.request());
    assert!(!left(&activity, IDLE - Duration::from_secs(1)).is_zero());
    assert!(left(&activity, IDLE + Duration::from_secs(1)).is_zero());
}

#[test]
fn a_request_may_take_its_time() {
    let activity = Activity::new(Instant::now());
    let first = activity.request();
    let second = activity.request();
    let long = Duration::from_secs(3_600);
    assert!(!left(&activity, long).is_zero());
    drop(first);
    assert!(!left(&activity, long).is_zero());
    drop(second);
    assert!(left(&activity, long).is_zero());
}

#[test]
fn a_client_that_takes_nothing_is_given_up_even_while_it_is_answered() {
    let activity = Activity::new(Instant::now());
    let _busy = activity.request();
    activity.wrote(&Poll::<()>::Pending);
    assert!(!left(&activity, STALLED - Duration::from_secs(1)).is_zero());
    assert!(left(&activity, STALLED + Duration::from_secs(1)).is_zero());
    // It took some after all.
    activity.wrote(&Poll::Ready(()));
    assert!(!left(&activity, STALLED + Duration::from_secs(1)).is_zero());
}

#[test]
fn what_a_client_takes_counts_from_when_it_took_it() {
    let begun = Instant::now().checked_sub(STALLED).unwrap();
    let activity = Activity::new(begun);
    let _busy = activity.request();
    activity.wrote(&Poll::<()>::Pending);
    activity.wrote(&Poll::Ready(()));
    activity.wrote(&Poll::<()>::Pending);
    assert!(!left(&activity, Duration::ZERO).is_zero());
}
