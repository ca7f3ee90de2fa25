//! Why nobody is known to call.

use std::fmt;

use portcullis_token::Rejection;

/// Why a credential is refused. Nothing in it comes from the credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    reason: Reason,
    kind: Kind,
    issuer: Option<String>,
    cause: Option<&'static str>,
}

/// What the answer to the caller has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There is no credential: 401 with a challenge that names no error (RFC 6750 section 3).
    Missing,
    /// The credential is not good: 401.
    Invalid,
    /// The credential is good and gives no permission: 403.
    InsufficientScope,
    /// The proof needs this nonce: 401 with `DPoP-Nonce` (RFC 9449 section 9).
    UseDpopNonce {
        /// The nonce.
        nonce: String,
    },
    /// The credential may be good, and whoever knows cannot be asked: 503.
    Unavailable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Token(Rejection),
    NoCredential,
    ProofMissing,
    IssuerNotTaken,
    IssuerAmbiguous,
    IssuerUnavailable,
    IntrospectionRefused,
    GroupsUnavailable,
}

impl Reason {
    /// Those that no rule about tokens is the cause of, with what the answer has to be.
    const OWN: [(Reason, Kind); 7] = [
        (Reason::NoCredential, Kind::Missing),
        (Reason::ProofMissing, Kind::Invalid),
        (Reason::IssuerNotTaken, Kind::Invalid),
        (Reason::IssuerAmbiguous, Kind::Invalid),
        (Reason::IssuerUnavailable, Kind::Unavailable),
        (Reason::IntrospectionRefused, Kind::Unavailable),
        (Reason::GroupsUnavailable, Kind::Unavailable),
    ];
}

impl Rejected {
    /// Every way in which a credential is refused, for the reference.
    #[must_use]
    pub fn all() -> Vec<Rejected> {
        let own = Reason::OWN.into_iter();
        own.map(|(reason, kind)| Rejected::new(reason, kind))
            .chain(Rejection::ALL.iter().map(|one| Rejected::from(*one)))
            .collect()
    }

    /// There is no credential.
    #[must_use]
    pub fn missing() -> Rejected {
        Rejected::new(Reason::NoCredential, Kind::Missing)
    }

    pub(crate) fn new(reason: Reason, kind: Kind) -> Rejected {
        Rejected {
            reason,
            kind,
            issuer: None,
            cause: None,
        }
    }

    pub(crate) fn invalid(reason: Reason) -> Rejected {
        Rejected::new(reason, Kind::Invalid)
    }

    pub(crate) fn unavailable(reason: Reason, cause: &'static str) -> Rejected {
        Rejected {
            cause: Some(cause),
            ..Rejected::new(reason, Kind::Unavailable)
        }
    }

    pub(crate) fn by(self, issuer: &str) -> Rejected {
        Rejected {
            issuer: Some(issuer.to_owned()),
            ..self
        }
    }

    pub(crate) fn with_cause(self, cause: &'static str) -> Rejected {
        Rejected {
            cause: Some(cause),
            ..self
        }
    }

    pub(crate) fn with_kind(self, kind: Kind) -> Rejected {
        Rejected { kind, ..self }
    }

    /// The stable id of the reason, in kebab-case: [`Rejection::code`], or `credential-missing`,
    /// `dpop-proof-missing`, `issuer-not-taken`, `issuer-ambiguous`, `issuer-unavailable`,
    /// `introspection-refused`, `groups-unavailable`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.reason {
            Reason::Token(rejection) => rejection.code(),
            Reason::NoCredential => "credential-missing",
            Reason::ProofMissing => "dpop-proof-missing",
            Reason::IssuerNotTaken => "issuer-not-taken",
            Reason::IssuerAmbiguous => "issuer-ambiguous",
            Reason::IssuerUnavailable => "issuer-unavailable",
            Reason::IntrospectionRefused => "introspection-refused",
            Reason::GroupsUnavailable => "groups-unavailable",
        }
    }

    /// What the answer has to be.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The configured name of the issuer that the token is of, once that is known; what the token
    /// says of itself may still be untrue. For the log.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The stable id of what kept an issuer from being asked. For the log.
    #[must_use]
    pub fn cause(&self) -> Option<&'static str> {
        self.cause
    }

    /// The rule that the token or the proof breaks, for `portcullis_token::challenge`.
    #[must_use]
    pub fn rejection(&self) -> Option<Rejection> {
        match self.reason {
            Reason::Token(rejection) => Some(rejection),
            _ => None,
        }
    }

    /// The `error` of the challenge (RFC 6750 section 3.1, RFC 9449 sections 7.1 and 9); `None`
    /// where a challenge has none.
    #[must_use]
    pub fn oauth_error(&self) -> Option<&'static str> {
        match (self.reason, &self.kind) {
            (_, Kind::Missing | Kind::Unavailable) => None,
            (Reason::Token(rejection), _) => Some(rejection.oauth_error()),
            (Reason::ProofMissing, _) => Some("invalid_dpop_proof"),
            _ => Some("invalid_token"),
        }
    }

    /// What a caller may be told. An issuer that is configured for another endpoint looks like one
    /// that is not configured.
    #[must_use]
    pub fn text(&self) -> &'static str {
        match self.reason {
            Reason::Token(rejection) => rejection.text(),
            Reason::NoCredential => "a credential is needed",
            Reason::ProofMissing => "the proof of possession is missing",
            Reason::IssuerNotTaken | Reason::IssuerAmbiguous => Rejection::IssuerUnknown.text(),
            Reason::IssuerUnavailable | Reason::IntrospectionRefused => {
                "the token cannot be checked now"
            }
            Reason::GroupsUnavailable => "the groups of the caller cannot be looked up now",
        }
    }
}

impl From<Rejection> for Rejected {
    fn from(rejection: Rejection) -> Rejected {
        let kind = match rejection {
            Rejection::NoPermission => Kind::InsufficientScope,
            _ => Kind::Invalid,
        };
        Rejected::new(Reason::Token(rejection), kind)
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Rejected {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_an_id_of_its_own() {
        let codes: Vec<_> = Rejected::all().iter().map(Rejected::code).collect();
        assert_eq!(codes.len(), Rejection::ALL.len() + Reason::OWN.len());
        let distinct: std::collections::BTreeSet<_> = codes.iter().collect();
        assert_eq!(distinct.len(), codes.len());
        let is_kebab = |code: &str| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        assert!(codes.iter().all(|code| is_kebab(code)));
    }

    #[test]
    fn an_issuer_of_another_endpoint_looks_like_no_issuer() {
        let hidden = Rejected::invalid(Reason::IssuerNotTaken);
        let unknown = Rejected::from(Rejection::IssuerUnknown);
        assert_eq!(hidden.text(), unknown.text());
        assert_eq!(hidden.oauth_error(), unknown.oauth_error());
        assert_eq!(hidden.kind(), unknown.kind());
    }
}
