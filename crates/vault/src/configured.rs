//! The vault that a configuration describes.

mod entra_tokens;
mod registration;

use std::sync::Arc;

use portcullis_config::{self as config, SecretRef, VaultKey};
use portcullis_egress::Client;
use portcullis_store::{StoreError, VaultStore};
use secrecy::ExposeSecret as _;

pub use entra_tokens::EntraTokens;
pub use registration::client_identity;

use crate::error::VaultError;
use crate::key_cache::CacheLimits;
use crate::keys::{
    Azure, AzureKey, Cost, FileKey, KeyError, KeyProvider, Passphrase, Transit, TransitKey,
};
use crate::references::{ReferenceError, References};
use crate::secret::Secret;
use crate::vault::{Providers, Vault};
use crate::{Clock, KeyId};

/// What opening a vault needs besides its section of the configuration.
#[derive(Clone)]
pub struct Surroundings {
    /// Resolves references; its folder is that of the configuration file.
    pub references: References,
    /// Asks key services.
    pub client: Client,
    /// What time it is.
    pub clock: Clock,
}

/// Why the configured vault cannot be opened. Holds no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfiguredError {
    /// The root key cannot be had.
    #[error("the root key of the vault cannot be used")]
    Key(#[source] KeyError),
    /// The passphrase cannot be read.
    #[error("the passphrase of the vault cannot be read")]
    Passphrase(#[source] ReferenceError),
    /// The root key is in the system's keyring, which this build does not know.
    #[error("this build of portcullis has no keyring; build it with its default features")]
    NoKeyring,
    /// The file of the root key is gone, and the store has keys that need it.
    #[error("the vault has keys that need the key file {}, and there is none", path.display())]
    KeyFileGone {
        /// Where it was looked for.
        path: std::path::PathBuf,
    },
    /// The new root key is the one that is in use, or cannot be told from it.
    #[error("the new root key cannot be told from the present one ({0})")]
    SameKey(KeyId),
    /// The store failed.
    #[error("the vault's store cannot be used")]
    Store(#[from] StoreError),
    /// The vault said no.
    #[error("the vault cannot be opened")]
    Vault(#[from] VaultError),
}

/// Opens the configured vault in `store`. The first time this makes the key file, or the entry of
/// the keyring; when the store has keys already, a missing one is an error and none is made.
///
/// # Errors
/// [`ConfiguredError`], but not [`ConfiguredError::SameKey`].
pub async fn open(
    section: &config::Vault,
    store: Arc<dyn VaultStore>,
    limits: CacheLimits,
    surroundings: &Surroundings,
) -> Result<Vault, ConfiguredError> {
    let creation = match store.vault_keys().await?.is_empty() {
        true => Creation::Allowed,
        false => Creation::Refused,
    };
    let provider = provider(&section.key, creation, surroundings).await?;
    let clock = Arc::clone(&surroundings.clock);
    Ok(Vault::open(store, Providers::one(provider), limits, clock).await?)
}

/// Opens the vault with another root key than the configured one, which opens what it sealed until
/// now. [`Vault::rotate`] then moves everything to `successor`, and whoever has only the present
/// root key cannot open the vault any more. A key file or an entry of the keyring is made.
///
/// # Errors
/// [`ConfiguredError`]; [`ConfiguredError::SameKey`] also for two passphrases, since a stored key
/// does not say which one wrapped it.
pub async fn open_with_successor(
    section: &config::Vault,
    successor: &VaultKey,
    store: Arc<dyn VaultStore>,
    limits: CacheLimits,
    surroundings: &Surroundings,
) -> Result<Vault, ConfiguredError> {
    let present = provider(&section.key, Creation::Refused, surroundings).await?;
    let current = provider(successor, Creation::Allowed, surroundings).await?;
    if present.id() == current.id() {
        return Err(ConfiguredError::SameKey(present.id().clone()));
    }
    let providers = Providers {
        current,
        former: vec![present],
    };
    let clock = Arc::clone(&surroundings.clock);
    Ok(Vault::open(store, providers, limits, clock).await?)
}

/// Whether a root key that is not there is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It is made, where it is a file or an entry of the keyring.
    Allowed,
    /// Its absence is an error.
    Refused,
}

/// The provider of one root key.
///
/// # Errors
/// [`ConfiguredError::Key`], [`ConfiguredError::Passphrase`], [`ConfiguredError::NoKeyring`],
/// [`ConfiguredError::KeyFileGone`].
pub async fn provider(
    key: &VaultKey,
    creation: Creation,
    surroundings: &Surroundings,
) -> Result<Arc<dyn KeyProvider>, ConfiguredError> {
    match key {
        VaultKey::File(path) => file_key(path, creation, surroundings).await,
        VaultKey::Keyring { service, name } => keyring_key(service, name, creation).await,
        VaultKey::Passphrase(reference) => {
            let phrase = surroundings.references.read(reference).await;
            let phrase = phrase.map_err(ConfiguredError::Passphrase)?;
            let phrase = Secret::from(phrase.expose_secret());
            Ok(Arc::new(Passphrase::new(phrase, Cost::default())))
        }
        VaultKey::Transit {
            url,
            token,
            namespace,
        } => {
            let key = TransitKey::parse(url, namespace.as_deref()).map_err(ConfiguredError::Key)?;
            let token = surroundings.references.source(token);
            let client = surroundings.client.clone();
            Ok(Arc::new(Transit::new(key, client, token)))
        }
        VaultKey::AzureKey { url, client } => {
            let key = AzureKey::parse(url).map_err(ConfiguredError::Key)?;
            let tokens = EntraTokens::new(
                client,
                surroundings.references.clone(),
                surroundings.client.clone(),
                Arc::clone(&surroundings.clock),
            );
            let client = surroundings.client.clone();
            Ok(Arc::new(Azure::new(key, client, Arc::new(tokens))))
        }
    }
}

/// The root key as the configuration file writes it, for people.
#[must_use]
pub fn shown(key: &VaultKey) -> String {
    match key {
        VaultKey::File(path) => format!("file:{path}"),
        VaultKey::Keyring { service, name } => format!("keyring:{service}/{name}"),
        VaultKey::Passphrase(reference) => format!("passphrase:{reference}"),
        VaultKey::Transit { url, .. } => format!("transit:{url}"),
        VaultKey::AzureKey { url, .. } => format!("azkv:{url}"),
    }
}

/// The references to secrets that a root key needs.
#[must_use]
pub fn references_of(key: &VaultKey) -> Vec<&SecretRef> {
    match key {
        VaultKey::Passphrase(reference)
        | VaultKey::Transit {
            token: reference, ..
        } => vec![reference],
        VaultKey::AzureKey { client, .. } => portcullis_oauth::secret_of(&client.client)
            .into_iter()
            .collect(),
        VaultKey::File(_) | VaultKey::Keyring { .. } => Vec::new(),
    }
}

async fn file_key(
    path: &str,
    creation: Creation,
    surroundings: &Surroundings,
) -> Result<Arc<dyn KeyProvider>, ConfiguredError> {
    let path = surroundings.references.base().join(path);
    let opened = tokio::task::spawn_blocking(move || {
        let opened = match creation {
            Creation::Allowed => FileKey::open_or_create(&path),
            Creation::Refused => FileKey::open(&path),
        };
        opened.map_err(|error| match error {
            KeyError::File { source, .. }
                if creation == Creation::Refused
                    && source.kind() == std::io::ErrorKind::NotFound =>
            {
                ConfiguredError::KeyFileGone { path }
            }
            error => ConfiguredError::Key(error),
        })
    });
    let opened = opened.await;
    let opened =
        opened.map_err(|error| ConfiguredError::Key(KeyError::Unavailable(Some(error.into()))))?;
    Ok(Arc::new(opened?))
}

#[cfg(feature = "keyring")]
async fn keyring_key(
    service: &str,
    name: &str,
    creation: Creation,
) -> Result<Arc<dyn KeyProvider>, ConfiguredError> {
    use crate::keys::KeyringKey;
    let store = KeyringKey::system_store()
        .await
        .map_err(ConfiguredError::Key)?;
    let key = match creation {
        Creation::Allowed => KeyringKey::open_or_create(store, service, name).await,
        Creation::Refused => KeyringKey::open(store, service, name).await,
    };
    Ok(Arc::new(key.map_err(ConfiguredError::Key)?))
}

#[cfg(not(feature = "keyring"))]
async fn keyring_key(
    _: &str,
    _: &str,
    _: Creation,
) -> Result<Arc<dyn KeyProvider>, ConfiguredError> {
    Err(ConfiguredError::NoKeyring)
}

#[cfg(test)]
mod tests;
