//! What a probe saw, and what follows from it.

use portcullis_config::Controls;
use serde::Serialize;

/// Whether something got to where it wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fate {
    /// It came through.
    Passed,
    /// It was stopped.
    Stopped,
}

impl Fate {
    pub(super) fn of(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Stopped }
    }
}

/// One thing that was tried, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Seen {
    /// What was tried, as a noun.
    pub(super) tried: String,
    pub(super) fate: Fate,
    /// How it showed, in a few words.
    pub(super) how: String,
}

impl Seen {
    pub(super) fn new(tried: impl Into<String>, fate: Fate, how: impl Into<String>) -> Self {
        Self {
            tried: tried.into(),
            fate,
            how: how.into(),
        }
    }
}

/// What a probe saw on one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observation {
    /// What has to be let through.
    pub(super) right: Seen,
    /// What has to be stopped.
    pub(super) wrong: Seen,
}

/// What is said about a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// The right thing came through, the wrong thing did not, and does without the control.
    Active,
    /// It is enabled, and that was not observed.
    NotWired,
    /// It is enabled, and has nothing to act on while another control is off.
    NotExercised,
    /// It is switched off.
    Off,
}

/// A state with its reason, where it is not plain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) state: State,
    /// What is wrong, for a state that is not as it should be.
    pub(super) fault: Option<&'static str>,
}

/// Judges a control by what was seen with it, and without it.
///
/// `without` is the wrong thing's fate on a stage that differs in nothing but this control. A probe
/// whose wrong thing is stopped there too shows nothing about the control.
pub(super) fn judge(enabled: bool, with: &Observation, without: Option<Fate>) -> Verdict {
    let (right, wrong) = (with.right.fate, with.wrong.fate);
    let (state, fault) = match (enabled, right, wrong, without) {
        (false, _, Fate::Passed, _) => (State::Off, None),
        (false, _, Fate::Stopped, _) => (
            State::Off,
            Some("the wrong thing was stopped all the same, by something else"),
        ),
        (true, Fate::Stopped, Fate::Passed, _) => (
            State::NotWired,
            Some("the wrong thing came through, and the right thing did not"),
        ),
        (true, Fate::Passed, Fate::Passed, _) => {
            (State::NotWired, Some("the wrong thing came through"))
        }
        (true, Fate::Stopped, Fate::Stopped, _) => {
            (State::NotWired, Some("the right thing was not let through"))
        }
        (true, Fate::Passed, Fate::Stopped, Some(Fate::Passed)) => (State::Active, None),
        (true, Fate::Passed, Fate::Stopped, Some(Fate::Stopped)) => (
            State::NotWired,
            Some(
                "the switch changes nothing: with the control off, the wrong thing was stopped too",
            ),
        ),
        (true, Fate::Passed, Fate::Stopped, None) => (
            State::NotWired,
            Some("what happens with the control off was not observed"),
        ),
    };
    Verdict { state, fault }
}

/// Why a control cannot be seen at work under these switches, if it cannot.
pub(super) fn unexercised(control: &str, controls: &Controls) -> Option<Verdict> {
    let fault = match control {
        "step-up" if !controls.authorization => {
            "not exercised: policies demand it, and none is asked while `authorization` is off"
        }
        _ => return None,
    };
    Some(Verdict {
        state: State::NotExercised,
        fault: Some(fault),
    })
}

#[cfg(test)]
mod tests;
