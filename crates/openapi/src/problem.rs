//! What is wrong with a document.

use std::fmt;

/// Most problems that are told of one document.
const MOST: usize = 100;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: a JSON pointer (RFC 6901); empty for the document as a whole.
    pub pointer: String,
    /// What: a lower-case fragment.
    pub message: String,
}

/// A document that cannot be served. Holds every problem at once, up to a hundred.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} problem{} in the openapi document", .problems.len(), if .problems.len() == 1 { "" } else { "s" })]
pub struct OpenApiError {
    /// The problems, in the order of reading. Never empty.
    pub problems: Vec<Problem>,
}

/// Problems as they are found.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problem {
    pub(crate) fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => f.write_str(&self.message),
            pointer => write!(f, "{pointer}: {}", self.message),
        }
    }
}

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        if self.0.len() < MOST {
            self.0.push(problem);
        }
    }

    /// The value, unless there was a problem.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, OpenApiError> {
        match self.0.is_empty() {
            true => Ok(value),
            false => Err(self.into_error()),
        }
    }

    pub(crate) fn into_error(self) -> OpenApiError {
        OpenApiError { problems: self.0 }
    }
}

impl From<Problem> for OpenApiError {
    fn from(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}
