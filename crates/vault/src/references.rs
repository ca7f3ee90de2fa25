//! References to secrets (`env:`, `file:`, `keyring:`, `vault:`, `azkv:`), resolved.
//!
//! What is on this machine is read each time. What a service has is kept for a minute, asked for
//! once however many want it, and used for a quarter of an hour while the service is down.

mod cache;
mod local;
mod remote;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use portcullis_config::{SecretRef, Secrets};
use portcullis_egress::Client;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::Clock;
use crate::configured::EntraTokens;
use crate::keys::{KeyError, SecretSource};
use crate::secret::Secret;
use cache::Cache;
use local::Local;
use remote::{Hashicorp, KeyVault};

/// Resolves references to secrets. A clone is cheap and shares what was read.
#[derive(Clone)]
pub struct References(Arc<Inner>);

struct Inner {
    local: Local,
    remote: Option<Remote>,
}

struct Remote {
    hashicorp: Option<Hashicorp>,
    key_vault: Option<KeyVault>,
    cache: Cache,
}

/// A reference gave no secret. Names the reference, never what is there. A clone is cheap.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the secret {reference} cannot be read")]
pub struct ReferenceError {
    reference: SecretRef,
    #[source]
    cause: Arc<ReferenceCause>,
}

/// Why a reference gave no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceCause {
    /// The environment variable is not set, or is not UTF-8.
    #[error("the environment variable is not set")]
    Unset,
    /// There is something, and it is empty.
    #[error("it is empty")]
    Empty,
    /// What is there is not text, or longer than 64 KiB.
    #[error("it is no text of a secret's length")]
    NotText,
    /// The file cannot be read.
    #[error("the file cannot be read")]
    File(#[source] std::io::Error),
    /// This build has no access to the system's keyring.
    #[error("this build of portcullis has no keyring; build it with its default features")]
    NoKeyring,
    /// The keyring is locked, or has no such entry.
    #[error("the system's keyring has no such entry, or is locked")]
    Keyring(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The `[secrets]` section does not say where the service is.
    #[error("`[secrets]` does not name the service")]
    NotConfigured,
    /// It is neither in the environment nor in a file, and there was no time to ask for it.
    #[error("it is not on this machine")]
    Elsewhere,
    /// The service has no such secret, or the secret no such field.
    #[error("there is no such secret, or it has no such field")]
    Missing,
    /// The service is down, sealed, or asks for patience.
    #[error("the service cannot be reached")]
    Unavailable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// The service answered no.
    #[error("the service refuses (status {status})")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// The service cannot be asked, or its answer is not understood.
    #[error("the service cannot be asked for it")]
    Service(#[source] KeyError),
    /// The credential for the service cannot be had.
    #[error("there is no credential for the service")]
    Credential(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An address in `[secrets]` or `[vault]` is no URL. Names the key, not the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address")]
pub struct AddressError(pub(crate) &'static str);

impl ReferenceError {
    pub(crate) fn new(reference: &SecretRef, cause: ReferenceCause) -> Self {
        Self {
            reference: reference.clone(),
            cause: Arc::new(cause),
        }
    }

    /// The reference.
    #[must_use]
    pub fn reference(&self) -> &SecretRef {
        &self.reference
    }

    /// Why there is no secret.
    #[must_use]
    pub fn cause(&self) -> &ReferenceCause {
        &self.cause
    }

    /// Whether the same may succeed later, with nothing changed by hand.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match &*self.cause {
            ReferenceCause::Unavailable(_) | ReferenceCause::Credential(_) => true,
            ReferenceCause::Service(error) => error.is_temporary(),
            _ => false,
        }
    }
}

impl References {
    /// Reads from this machine only: `env:`, `file:` (relative to `base`) and `keyring:`. The
    /// others are [`ReferenceCause::NotConfigured`].
    #[must_use]
    pub fn local(base: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Inner {
            local: Local::new(base.into()),
            remote: None,
        }))
    }

    /// Reads from this machine and from the services of the `[secrets]` section. `base` is the
    /// folder of the configuration file.
    ///
    /// # Errors
    /// An address is no URL, which a checked configuration does not have.
    pub fn new(
        secrets: &Secrets,
        base: &Path,
        client: &Client,
        clock: Clock,
    ) -> Result<Self, AddressError> {
        let address = |text: &str, key| {
            let url = Url::parse(text).map_err(|_| AddressError(key))?;
            match url.cannot_be_a_base() {
                true => Err(AddressError(key)),
                false => Ok(url),
            }
        };
        // The services' own credentials are on this machine.
        let own = Self::local(base);
        let hashicorp = match &secrets.vault {
            Some(vault) => {
                let server = address(&vault.address, "secrets.vault-address")?;
                Some(Hashicorp::new(server, vault, client.clone(), &own))
            }
            None => None,
        };
        let key_vault = match &secrets.key_vault {
            Some(vault) => {
                let server = address(&vault.address, "secrets.key-vault")?;
                let tokens = EntraTokens::new(
                    &vault.client,
                    own.clone(),
                    client.clone(),
                    Arc::clone(&clock),
                );
                Some(KeyVault::new(server, client.clone(), Arc::new(tokens)))
            }
            None => None,
        };
        Ok(Self(Arc::new(Inner {
            local: own.0.local.clone(),
            remote: Some(Remote {
                hashicorp,
                key_vault,
                cache: Cache::new(clock),
            }),
        })))
    }

    /// The secret at `reference`: from this machine as it is now, from a service at most a minute
    /// old. A line break at its end is not part of it.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn read(&self, reference: &SecretRef) -> Result<SecretString, ReferenceError> {
        self.resolve(reference, cache::Wanted::Fresh).await
    }

    /// The same for one who was just refused with what [`read`](Self::read) gave: somebody may
    /// have put another secret there. What is older than a second is asked for again.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn read_again(&self, reference: &SecretRef) -> Result<SecretString, ReferenceError> {
        self.resolve(reference, cache::Wanted::New).await
    }

    /// The secret at `reference`, an `env:` or a `file:`, for one who cannot wait for others.
    ///
    /// # Errors
    /// Why there is none; [`ReferenceCause::Elsewhere`] for every other kind of reference.
    pub fn read_here(&self, reference: &SecretRef) -> Result<SecretString, ReferenceError> {
        let read = self.0.local.read_here(reference);
        let secret = read.map_err(|cause| ReferenceError::new(reference, cause))?;
        checked(reference, secret)
    }

    /// The secret at `reference` for a key provider, which asks each time.
    #[must_use]
    pub fn source(&self, reference: &SecretRef) -> Arc<dyn SecretSource> {
        Arc::new(Source {
            references: self.clone(),
            reference: reference.clone(),
        })
    }

    /// The folder to which relative files belong.
    #[must_use]
    pub fn base(&self) -> &Path {
        self.0.local.base()
    }

    async fn resolve(
        &self,
        reference: &SecretRef,
        wanted: cache::Wanted,
    ) -> Result<SecretString, ReferenceError> {
        let failed = |cause| ReferenceError::new(reference, cause);
        let is_remote = matches!(reference, SecretRef::Vault { .. } | SecretRef::KeyVault(_));
        let secret = match &self.0.remote {
            _ if !is_remote => self.0.local.read(reference).await.map_err(failed)?,
            Some(remote) => remote.read(reference, wanted).await?,
            None => return Err(failed(ReferenceCause::NotConfigured)),
        };
        checked(reference, secret)
    }
}

fn checked(reference: &SecretRef, secret: SecretString) -> Result<SecretString, ReferenceError> {
    match secret.expose_secret().is_empty() {
        true => Err(ReferenceError::new(reference, ReferenceCause::Empty)),
        false => Ok(secret),
    }
}

impl Remote {
    async fn read(
        &self,
        reference: &SecretRef,
        wanted: cache::Wanted,
    ) -> Result<SecretString, ReferenceError> {
        let fetch = async || {
            let read = match (reference, &self.hashicorp, &self.key_vault) {
                (SecretRef::Vault { path, field }, Some(vault), _) => vault.read(path, field).await,
                (SecretRef::KeyVault(name), _, Some(vault)) => vault.read(name).await,
                _ => Err(ReferenceCause::NotConfigured),
            };
            read.map_err(|cause| ReferenceError::new(reference, cause))
        };
        self.cache.read(reference, wanted, fetch).await
    }
}

impl fmt::Debug for References {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("References")
    }
}

struct Source {
    references: References,
    reference: SecretRef,
}

#[async_trait]
impl SecretSource for Source {
    async fn secret(&self) -> Result<Secret, KeyError> {
        let secret = self.references.read(&self.reference).await;
        match secret {
            Ok(secret) => Ok(Secret::from(secret.expose_secret())),
            Err(error) => Err(KeyError::Credential(Some(error.into()))),
        }
    }
}

#[cfg(test)]
mod tests;
