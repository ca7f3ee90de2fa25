//! Authentication: who calls.
//!
//! `Arrival → Authenticated`. The credential is consumed here and goes no further.

mod principal;

use std::collections::HashMap;
use std::sync::Arc;

use portcullis_config as config;
use portcullis_policy::PrincipalKind;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::arrival::{Arrival, Credential, Facts};
use crate::refusal::{Reason, Refusal};

pub(crate) use principal::kind_name;
pub use principal::{Principal, SignedIn};

/// Proof that the caller is known. Holds no credential.
#[derive(Debug)]
pub(crate) struct Authenticated {
    principal: Arc<Principal>,
    facts: Facts,
}

impl Authenticated {
    pub(crate) fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    pub(crate) fn into_parts(self) -> (Arc<Principal>, Facts) {
        (self.principal, self.facts)
    }
}

/// Knows the credentials of one configuration.
#[derive(Debug)]
pub(crate) struct Authenticator {
    keys: HashMap<[u8; 32], Arc<Principal>>,
    loopback: Option<Arc<Principal>>,
    process: Arc<Principal>,
    required: bool,
}

impl Authenticator {
    /// Builds the table of keys. `required` is the control `authentication`.
    pub(crate) fn new(authn: &config::Authn, required: bool) -> Self {
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
        }
    }

    /// Decides who calls, and lets go of the credential.
    ///
    /// A credential that is shown is judged, even where none would be needed: a wrong key on
    /// loopback is refused, not ignored.
    pub(crate) fn authenticate(&self, arrival: Arrival) -> Result<Authenticated, Refusal> {
        let Arrival { credential, facts } = arrival;
        let principal = match credential {
            Credential::Process => Arc::clone(&self.process),
            Credential::Bearer(token) => self.by_key(&token)?,
            Credential::Unreadable => return Err(Refusal::new(Reason::CredentialInvalid)),
            Credential::None => self.without_credential(&facts)?,
        };
        Ok(Authenticated { principal, facts })
    }

    /// Whether this configuration, too, could say that a caller is this principal. For those who stay
    /// after their credential is gone.
    pub(crate) fn knows(&self, principal: &Principal) -> bool {
        self.keys.values().any(|known| **known == *principal)
            || self.loopback.as_deref() == Some(principal)
            || *self.process == *principal
            || (!self.required && *principal == user("anonymous", "none"))
    }

    fn by_key(&self, token: &SecretString) -> Result<Arc<Principal>, Refusal> {
        // The table is keyed by the digest, so that looking up leaks nothing about a stored key.
        let digest: [u8; 32] = Sha256::digest(token.expose_secret().as_bytes()).into();
        self.keys
            .get(&digest)
            .map(Arc::clone)
            .ok_or_else(|| Refusal::new(Reason::CredentialInvalid))
    }

    fn without_credential(&self, facts: &Facts) -> Result<Arc<Principal>, Refusal> {
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
