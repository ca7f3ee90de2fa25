//! What the policies answer.

/// The answer to one query, with the names of the policies that decided it,
/// sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a decision that nobody looks at protects nothing"]
pub enum Decision {
    /// At least one policy permits, none forbids and none failed.
    Permit {
        /// The policies that permit.
        policies: Vec<String>,
    },
    /// It would be permitted after a stronger or a newer sign-in, and only then.
    StepUp(StepUp),
    /// Everything else.
    Deny(Denial),
}

/// What a caller must do before a call that is permitted otherwise: policies that forbid it carry
/// `@step_up`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepUp {
    /// The policies that demand it, sorted.
    pub policies: Vec<String>,
    /// The values of their `@step_up`: authentication contexts or classes, sorted, each once. Empty
    /// when only the age of the sign-in is in question.
    pub contexts: Vec<String>,
    /// The least of their `@step_up_max_age`: seconds that may have passed since the sign-in.
    pub max_age: Option<u32>,
}

impl Decision {
    /// Whether the call is permitted.
    #[must_use]
    pub fn is_permit(&self) -> bool {
        matches!(self, Self::Permit { .. })
    }

    /// Whether the caller may know that the target is there: it may use it now, or after a stronger
    /// sign-in.
    #[must_use]
    pub fn shows(&self) -> bool {
        matches!(self, Self::Permit { .. } | Self::StepUp(_))
    }
}

/// Why a query was denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No policy permits it.
    NoPermit,
    /// Policies forbid it.
    Forbidden {
        /// The policies that forbid.
        policies: Vec<String>,
    },
    /// A policy could not be evaluated, or the query does not fit the schema.
    ///
    /// Cedar skips a policy that fails, a `forbid` included. Its answer is then
    /// the answer of other policies than those that were loaded, so it counts
    /// as a denial whatever it is.
    Error {
        /// The policies that failed; empty when the query does not fit.
        policies: Vec<String>,
    },
}

impl Denial {
    /// The stable id of the reason.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NoPermit => "no-permit",
            Self::Forbidden { .. } => "forbidden",
            Self::Error { .. } => "policy-error",
        }
    }

    /// The policies that decided, sorted; empty where no policy did.
    #[must_use]
    pub fn policies(&self) -> &[String] {
        match self {
            Self::NoPermit => &[],
            Self::Forbidden { policies } | Self::Error { policies } => policies,
        }
    }
}
