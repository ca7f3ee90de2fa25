use portcullis_config::{CONTROLS, Controls};

use super::Fate::{Passed, Stopped};
use super::{Fate, Observation, Seen, State, judge, unexercised};

fn observed(right: Fate, wrong: Fate) -> Observation {
    Observation {
        right: Seen::new("the right thing", right, ""),
        wrong: Seen::new("the wrong thing", wrong, ""),
    }
}

#[track_caller]
fn check(
    enabled: bool,
    right: Fate,
    wrong: Fate,
    without: Option<Fate>,
    state: State,
    faulty: bool,
) {
    let verdict = judge(enabled, &observed(right, wrong), without);
    assert_eq!(
        (verdict.state, verdict.fault.is_some()),
        (state, faulty),
        "{verdict:?}"
    );
}

#[test]
fn active_takes_all_three_observations() {
    check(true, Passed, Stopped, Some(Passed), State::Active, false);
}

#[test]
fn a_wrong_thing_that_comes_through_is_not_wired() {
    for without in [None, Some(Passed), Some(Stopped)] {
        check(true, Passed, Passed, without, State::NotWired, true);
        check(true, Stopped, Passed, without, State::NotWired, true);
    }
}

#[test]
fn a_gateway_that_lets_nothing_through_is_not_active() {
    for without in [None, Some(Passed), Some(Stopped)] {
        check(true, Stopped, Stopped, without, State::NotWired, true);
    }
}

#[test]
fn a_switch_without_effect_is_not_active() {
    check(true, Passed, Stopped, Some(Stopped), State::NotWired, true);
    check(true, Passed, Stopped, None, State::NotWired, true);
}

#[test]
fn a_control_that_is_off_is_off_whatever_was_seen() {
    for right in [Passed, Stopped] {
        check(false, right, Passed, None, State::Off, false);
        check(false, right, Stopped, None, State::Off, true);
    }
}

#[test]
fn only_what_needs_another_control_is_not_exercised_without_it() {
    let all_on = Controls::default();
    let unasked = Controls {
        authorization: false,
        ..Controls::default()
    };
    for control in CONTROLS {
        assert_eq!(unexercised(control.name, &all_on), None);
        let verdict = unexercised(control.name, &unasked);
        assert_eq!(verdict.is_some(), control.name == "step-up");
        assert!(verdict.is_none_or(|verdict| verdict.state == State::NotExercised));
    }
}
