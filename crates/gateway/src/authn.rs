//! Authentication: who calls.
//!
//! `Arrival → Authenticated`. The credential is consumed here and goes no further.

use std::collections::HashMap;
use std::sync::Arc;

use portcullis_config as config;
use portcullis_policy::PrincipalKind;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::arrival::{Arrival, Credential, Facts};
use crate::refusal::{Reason, Refusal};

/// Who calls. Built by [`Authenticator`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    id: String,
    key: Arc<str>,
    kind: PrincipalKind,
    groups: Vec<String>,
    roles: Vec<String>,
    authentication: &'static str,
}

impl Principal {
    /// The principal's name: unique among principals of its kind.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// User, agent or workload.
    pub fn kind(&self) -> PrincipalKind {
        self.kind
    }

    /// Groups it belongs to.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Roles it holds.
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// How it proved who it is: `api-key`, `loopback`, `stdio` or `none`.
    pub fn authentication(&self) -> &'static str {
        self.authentication
    }

    /// Whoever runs a command of `portcullis` itself. No message can come from it.
    pub(crate) fn operator() -> Self {
        let (id, kind) = ("portcullis".to_owned(), PrincipalKind::Workload);
        Self {
            key: key(kind, &id),
            id,
            kind,
            groups: Vec::new(),
            roles: Vec::new(),
            authentication: "operator",
        }
    }

    /// A key that no two principals share.
    pub(crate) fn key(&self) -> &Arc<str> {
        &self.key
    }
}

fn key(kind: PrincipalKind, id: &str) -> Arc<str> {
    format!("{}:{id}", kind_name(kind)).into()
}

/// The written form of a principal's kind.
pub(crate) fn kind_name(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::User => "user",
        PrincipalKind::Agent => "agent",
        PrincipalKind::Workload => "workload",
    }
}

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
                    id: entry.name.clone(),
                    key: key(kind, &entry.name),
                    kind,
                    groups: entry.groups.clone(),
                    roles: entry.roles.clone(),
                    authentication: "api-key",
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
    Principal {
        id: name.to_owned(),
        key: key(PrincipalKind::User, name),
        kind: PrincipalKind::User,
        groups: Vec::new(),
        roles: Vec::new(),
        authentication,
    }
}

#[cfg(test)]
mod tests;
