//! A refusal together with what an operator needs to find its cause.

use std::error::Error;
use std::fmt::Write as _;

use portcullis_store::StoreError;
use portcullis_vault::envelope::EnvelopeError;

use crate::answer::OauthError;
use crate::fault::Fault;

/// What is said, and the cause that is only logged.
pub(crate) struct Refused<T> {
    pub(crate) is: T,
    pub(crate) cause: Option<Box<dyn Error + Send + Sync>>,
}

impl<T> Refused<T> {
    pub(crate) fn because(is: T, cause: impl Error + Send + Sync + 'static) -> Self {
        Self {
            is,
            cause: Some(Box::new(cause)),
        }
    }

    /// The cause and its sources, for the log.
    pub(crate) fn detail(&self) -> String {
        let cause = self.cause.as_deref();
        cause.map_or_else(String::new, |cause| chain(cause))
    }
}

impl<T> From<T> for Refused<T> {
    fn from(is: T) -> Self {
        Self { is, cause: None }
    }
}

macro_rules! ours {
    ($($error:ty),*) => {
        $(
            impl From<$error> for Refused<Fault> {
                fn from(cause: $error) -> Self {
                    Self::because(Fault::UNAVAILABLE, cause)
                }
            }

            impl From<$error> for Refused<OauthError> {
                fn from(cause: $error) -> Self {
                    Self::because(OauthError::server("the gateway has a problem"), cause)
                }
            }
        )*
    };
}

ours!(StoreError, EnvelopeError, getrandom::Error);

/// An error and its sources on one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        // A string takes everything that is written to it.
        let _ = write!(line, ": {error}");
        source = error.source();
    }
    line
}
