//! What a request shows, what its endpoint takes, and what comes of it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use portcullis_config::{Config, Profile};
use portcullis_token::Identity;
use secrecy::SecretString;

use crate::certificate::Certificate;

/// The credential of one request. `Debug` shows no header and no URL.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The scheme of the `Authorization` header.
    pub scheme: Scheme,
    /// What follows it.
    pub token: &'a SecretString,
    /// The value of the one `DPoP` header. More than one is none of the caller's to join: refuse
    /// the request before.
    pub proof: Option<&'a str>,
    /// The request's method, as sent.
    pub method: &'a str,
    /// The request's absolute URL as the client knows it.
    pub url: &'a str,
    /// The client's certificate, verified by the listener or by a proxy that is trusted for it.
    pub certificate: Option<&'a Certificate>,
    /// From where the request comes, as far as that can be believed.
    pub address: Option<IpAddr>,
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown")
            .field("scheme", &self.scheme)
            .field("has_proof", &self.proof.is_some())
            .field("has_certificate", &self.certificate.is_some())
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// How a token is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `Bearer` (RFC 6750).
    Bearer,
    /// `DPoP` (RFC 9449), with a proof.
    Dpop,
}

impl Scheme {
    /// The scheme of this name; case does not matter.
    #[must_use]
    pub fn parse(name: &str) -> Option<Scheme> {
        if name.eq_ignore_ascii_case("bearer") {
            Some(Scheme::Bearer)
        } else if name.eq_ignore_ascii_case("dpop") {
            Some(Scheme::Dpop)
        } else {
            None
        }
    }
}

/// What one endpoint takes: issuers, and for each the audiences under which its tokens may be for
/// this endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    audiences: BTreeMap<String, Vec<String>>,
}

impl Endpoint {
    /// The endpoint of a profile.
    #[must_use]
    pub fn of(config: &Config, profile: &Profile) -> Endpoint {
        let issuers = config.authn.issuers.iter();
        Endpoint::new(
            issuers
                .filter(|(name, _)| profile.takes(name))
                .map(|(name, issuer)| (name.clone(), config.audiences(profile, issuer))),
        )
    }

    /// Names of issuers, each with the audiences that its tokens may have.
    #[must_use]
    pub fn new(issuers: impl IntoIterator<Item = (String, Vec<String>)>) -> Endpoint {
        Endpoint {
            audiences: issuers.into_iter().collect(),
        }
    }

    /// The names of the issuers.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.audiences.keys().map(String::as_str)
    }

    /// The audiences of an issuer's tokens; `None` when they are not taken.
    #[must_use]
    pub fn audiences(&self, issuer: &str) -> Option<&[String]> {
        self.audiences.get(issuer).map(Vec::as_slice)
    }
}

/// A caller that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// Who calls.
    pub identity: Identity,
    /// Whether the same token came from another network last time. It may have been stolen, or
    /// its owner may have moved: an event for the audit trail, no reason to refuse.
    pub moved: bool,
}
