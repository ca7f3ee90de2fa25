//! Authentication: who calls.
//!
//! `Arrival → Authenticated`. The credential is consumed here and goes no further.

mod challenge;
mod principal;
mod tokens;

use std::collections::HashMap;
use std::sync::Arc;

use portcullis_config as config;
use portcullis_identity::{Issuers, Scheme};
use portcullis_policy::PrincipalKind;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::arrival::{Arrival, Credential, Facts, ShownToken};
use crate::clock;
use crate::credentials::Exchangeable;
use crate::profile::Profile;
use crate::refusal::{Reason, Refusal};

pub(crate) use challenge::Challenges;
pub(crate) use principal::kind_name;
pub use principal::{Principal, SignedIn};
use tokens::Tokens;

/// Proof that the caller is known. Holds no credential that could be shown to anybody: what it may
/// hold is good for nothing but an exchange at the caller's own issuer.
#[derive(Debug)]
pub(crate) struct Authenticated {
    principal: Arc<Principal>,
    facts: Facts,
    token: Exchangeable,
}

impl Authenticated {
    pub(crate) fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    pub(crate) fn into_parts(self) -> (Arc<Principal>, Facts, Exchangeable) {
        (self.principal, self.facts, self.token)
    }
}

/// Knows the credentials of one configuration.
#[derive(Debug)]
pub(crate) struct Authenticator {
    keys: HashMap<[u8; 32], Arc<Principal>>,
    loopback: Option<Arc<Principal>>,
    process: Arc<Principal>,
    required: bool,
    tokens: Option<Tokens>,
    /// Issuers whose tokens are exchanged for those of servers.
    exchanged: Vec<String>,
}

impl Authenticator {
    /// Builds the table of keys. `required` is the control `authentication`; `issuers` are made from
    /// the same configuration, where it has any, and tokens of those in `exchanged` are lent to the
    /// broker.
    pub(crate) fn new(
        authn: &config::Authn,
        required: bool,
        issuers: Option<Arc<Issuers>>,
        exchanged: Vec<String>,
    ) -> Self {
        let keys = authn
            .keys
            .iter()
            .map(|entry| {
                let kind = match entry.kind {
                    config::PrincipalKind::User => PrincipalKind::User,
                    config::PrincipalKind::Agent => PrincipalKind::Agent,
                    config::PrincipalKind::Workload => PrincipalKind::Workload,
                };
                let principal = Principal {
                    groups: entry.groups.clone(),
                    roles: entry.roles.clone(),
                    ..Principal::named(entry.name.clone(), kind, "api-key")
                };
                (entry.hash, Arc::new(principal))
            })
            .collect();
        let local = authn.loopback.as_deref();
        Self {
            keys,
            loopback: local.map(|name| Arc::new(user(name, "loopback"))),
            process: Arc::new(user(local.unwrap_or("local"), "stdio")),
            required,
            tokens: issuers.map(|issuers| Tokens::new(authn, issuers)),
            exchanged,
        }
    }

    /// Decides who calls, and lets go of the credential.
    ///
    /// A credential that is shown is judged, even where none would be needed: a wrong key on
    /// loopback is refused, not ignored.
    ///
    /// `at` is the endpoint that the message is for: a token is for one endpoint.
    pub(crate) async fn authenticate(
        &self,
        arrival: Arrival,
        at: Option<&Profile>,
    ) -> Result<Authenticated, Refusal> {
        let Arrival { credential, facts } = arrival;
        let mut token = Exchangeable::default();
        let principal = match credential {
            Credential::Process => Arc::clone(&self.process),
            Credential::Token(shown) => match (self.by_key(&shown), &self.tokens) {
                (Some(principal), _) => principal,
                (None, Some(tokens)) => {
                    let principal = tokens.by_token(&shown, &facts, at).await?;
                    if self.exchanges(&principal) {
                        token = Exchangeable::new(shown.token);
                    }
                    Arc::new(principal)
                }
                (None, None) => return Err(Refusal::new(Reason::CredentialInvalid)),
            },
            Credential::Unreadable => return Err(Refusal::new(Reason::CredentialInvalid)),
            Credential::None => self.without_credential(&facts)?,
        };
        Ok(Authenticated {
            principal,
            facts,
            token,
        })
    }

    fn exchanges(&self, principal: &Principal) -> bool {
        let issuer = principal.issuer();
        issuer.is_some_and(|issuer| self.exchanged.iter().any(|name| name == issuer))
    }

    /// Whether this configuration, too, could say that a caller is this principal. For those who stay
    /// after their credential is gone.
    pub(crate) fn knows(&self, principal: &Principal) -> bool {
        self.keys.values().any(|known| **known == *principal)
            || self.loopback.as_deref() == Some(principal)
            || *self.process == *principal
            || (!self.required && *principal == user("anonymous", "none"))
            || self.still_takes(principal)
    }

    /// Whether the token of a caller has not ended, and its issuer is still believed.
    fn still_takes(&self, principal: &Principal) -> bool {
        let (Some(token), Some(tokens)) = (principal.signed_in(), &self.tokens) else {
            return false;
        };
        token.expires > clock::unix_seconds() && tokens.takes(&token.issuer)
    }

    fn by_key(&self, shown: &ShownToken) -> Option<Arc<Principal>> {
        if shown.scheme != Scheme::Bearer {
            return None;
        }
        // The table is keyed by the digest, so that looking up leaks nothing about a stored key.
        let digest: [u8; 32] = Sha256::digest(shown.token.expose_secret().as_bytes()).into();
        self.keys.get(&digest).map(Arc::clone)
    }

    /// Whom a request stands for by where it comes from alone: its certificate, or this machine.
    pub(crate) fn without_token(&self, facts: &Facts) -> Option<Arc<Principal>> {
        self.without_credential(facts)
            .ok()
            .filter(|principal| principal.authentication() != "none")
    }

    fn without_credential(&self, facts: &Facts) -> Result<Arc<Principal>, Refusal> {
        if let Some(tokens) = &self.tokens
            && let Some(principal) = tokens.by_certificate(facts)
        {
            return Ok(Arc::new(principal));
        }
        let from_loopback = facts
            .remote
            .is_some_and(|peer| peer.ip().to_canonical().is_loopback());
        match &self.loopback {
            // A proxy on this machine speaks for others: its loopback address proves nothing.
            Some(local) if from_loopback && !facts.forwarded => Ok(Arc::clone(local)),
            _ if !self.required => Ok(Arc::new(user("anonymous", "none"))),
            _ => Err(Refusal::new(Reason::CredentialMissing)),
        }
    }
}

fn user(name: &str, authentication: &'static str) -> Principal {
    Principal::named(name, PrincipalKind::User, authentication)
}

#[cfg(test)]
pub(crate) mod tests;
