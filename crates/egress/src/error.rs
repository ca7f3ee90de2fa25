//! Everything that can go wrong on the way out.

use std::error::Error;
use std::io;
use std::sync::Arc;

use hyper_util::client::legacy;
use rustls::{CertificateError, OtherError};

use crate::guard::Rule;
use crate::tls::NotPinned;

/// A cause from a library, shared between clones.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why there is no answer. `Display` holds neither an address nor anything that was sent or
/// received.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EgressError {
    /// The guard does not let a request go there. Nothing was sent.
    #[error("the address is refused by the rule {0}")]
    Refused(Rule),
    /// The name has no address.
    #[error("the name of the host was not found")]
    Resolve(#[source] Cause),
    /// No connection to any address of the host.
    #[error("no connection to the host")]
    Connect(#[source] Cause),
    /// The certificate was not accepted, by us or by the host, or no version is in common.
    #[error("no secure connection to the host")]
    Tls(#[source] Cause),
    /// The certificate is valid, but its key is none of those that are pinned.
    #[error("the key of the host is not one of those pinned for it")]
    Pin,
    /// No complete answer in time.
    #[error("the host did not answer in time")]
    TimedOut,
    /// The body of the answer is over its limit.
    #[error("the answer is over the limit of {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// More redirects than are followed.
    #[error("the host redirects too often")]
    TooManyRedirects,
    /// A redirect without a usable address.
    #[error("the host redirects to no usable address")]
    BadRedirect,
    /// The connection broke, or what came over it was not HTTP.
    #[error("the connection to the host broke")]
    Broken(#[source] Cause),
    /// The client cannot be built from its settings.
    #[error("the settings of the client are not usable: {what}")]
    Settings {
        /// Which of them.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: Cause,
    },
}

impl EgressError {
    /// The rule that refused the address, when one did.
    pub fn rule(&self) -> Option<Rule> {
        match self {
            Self::Refused(rule) => Some(*rule),
            _ => None,
        }
    }

    /// Why a TLS handshake failed.
    pub(crate) fn of_handshake(error: io::Error) -> Self {
        match error.get_ref().map(|inner| inner.downcast_ref()) {
            Some(Some(inner)) => Self::of_tls(inner),
            Some(None) | None => Self::Connect(Arc::new(error)),
        }
    }

    /// What the HTTP client says, in our terms.
    pub(crate) fn of_request(error: legacy::Error) -> Self {
        if let Some(ours) = causes(&error).find_map(|cause| cause.downcast_ref::<Self>()) {
            return ours.clone();
        }
        // TLS 1.3 lets a client send before the host has judged its certificate: what the host
        // thinks of it is read later.
        if let Some(tls) = causes(&error).find_map(tls_error) {
            return Self::of_tls(tls);
        }
        // HTTP/2 keeps no more of an error than its kind and its text. A socket knows no invalid
        // data; TLS calls so what it does not accept.
        if causes(&error).any(is_invalid_data) {
            return Self::Tls(Arc::new(error));
        }
        Self::Broken(Arc::new(error))
    }

    fn of_tls(error: &rustls::Error) -> Self {
        if let rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) = error
            && inner.is::<NotPinned>()
        {
            return Self::Pin;
        }
        Self::Tls(Arc::new(error.clone()))
    }

    pub(crate) fn settings(what: &'static str, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Settings {
            what,
            source: Arc::new(source),
        }
    }
}

impl From<Rule> for EgressError {
    fn from(rule: Rule) -> Self {
        Self::Refused(rule)
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// The TLS library's errors travel inside of `io::Error`, whose `source` skips them.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    error.downcast_ref().or_else(|| {
        let inner = error.downcast_ref::<io::Error>()?.get_ref()?;
        tls_error(inner)
    })
}

fn is_invalid_data(error: &(dyn Error + 'static)) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::InvalidData)
}
