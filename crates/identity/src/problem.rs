//! What an operator has to mend.

use std::error::Error;
use std::fmt;

/// One thing that is wrong, with its place in the configuration. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key of the configuration, such as `authn.issuers.corp.ca`.
    pub place: String,
    /// What is wrong: a lower-case fragment.
    pub text: String,
}

impl Problem {
    pub(crate) fn new(place: impl Into<String>, text: impl Into<String>) -> Problem {
        Problem {
            place: place.into(),
            text: text.into(),
        }
    }

    /// An error with all its causes.
    pub(crate) fn of(place: impl Into<String>, error: &dyn Error) -> Problem {
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        Problem::new(place, text)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.place, self.text)
    }
}
