//! The root key in the operating system's keyring.

use std::sync::Arc;

use async_trait::async_trait;
use keyring_core::{CredentialStore, Entry, Error as EntryError};

use super::file::hex;
use super::{Key, KeyError, KeyId, KeyProvider, local, wiped};

/// 32 random bytes in an entry of the keyring.
pub struct KeyringKey {
    id: KeyId,
    root: Key,
}

impl KeyringKey {
    /// Reads the entry `service`/`name` of `store`, or makes it when there is none.
    ///
    /// Keyrings know no "make unless it exists". Two processes that make it at the same moment
    /// may end with one key each, of which the later one stays; the vault of the other says at
    /// its next start that its key is missing. Make it once before several are started.
    ///
    /// # Errors
    /// [`KeyError::Keyring`] when the keyring is locked or refuses, [`KeyError::Length`] when
    /// the entry holds something else.
    pub async fn open_or_create(
        store: Arc<CredentialStore>,
        service: &str,
        name: &str,
    ) -> Result<Self, KeyError> {
        Self::read(store, service, name, read_or_make).await
    }

    /// Reads the entry `service`/`name` of `store`.
    ///
    /// # Errors
    /// As [`open_or_create`](Self::open_or_create), and [`KeyError::Keyring`] when there is no such
    /// entry.
    pub async fn open(
        store: Arc<CredentialStore>,
        service: &str,
        name: &str,
    ) -> Result<Self, KeyError> {
        Self::read(store, service, name, |entry| {
            entry.get_secret().map_err(failed)
        })
        .await
    }

    async fn read(
        store: Arc<CredentialStore>,
        service: &str,
        name: &str,
        read: fn(&Entry) -> Result<Vec<u8>, KeyError>,
    ) -> Result<Self, KeyError> {
        let (service, name) = (service.to_owned(), name.to_owned());
        // Keyrings talk to a service of the desktop, or ask the person in front of it.
        let root = tokio::task::spawn_blocking(move || {
            let entry = store.build(&service, &name, None).map_err(failed)?;
            wiped(read(&entry)?, Key::from_slice).ok_or(KeyError::Length)
        });
        let root = root.await;
        let root = root.map_err(|error| KeyError::Keyring(error.into()))??;
        Ok(Self {
            id: KeyId::new(format!("keyring:{}", hex(&root.fingerprint()))),
            root,
        })
    }

    /// The keyring of this operating system: Keychain, Credential Manager, or Secret Service.
    ///
    /// # Errors
    /// [`KeyError::Keyring`] when there is none.
    #[cfg(feature = "keyring")]
    pub async fn system_store() -> Result<Arc<CredentialStore>, KeyError> {
        let found = tokio::task::spawn_blocking(|| {
            keyring::v1::Entry::store_status()
                .is_ok()
                .then(keyring_core::get_default_store)
        })
        .await;
        found
            .map_err(|error| KeyError::Keyring(error.into()))?
            .flatten()
            .ok_or_else(|| KeyError::Keyring("there is no keyring here".into()))
    }
}

fn read_or_make(entry: &Entry) -> Result<Vec<u8>, KeyError> {
    match entry.get_secret() {
        Err(EntryError::NoEntry) => entry
            .set_secret(Key::random()?.bytes())
            .and_then(|()| entry.get_secret()),
        other => other,
    }
    .map_err(failed)
}

/// Some of the keyring's errors hold what they read, so only their kind goes on.
fn failed(error: EntryError) -> KeyError {
    let kind = match error {
        EntryError::PlatformFailure(source) | EntryError::NoStorageAccess(source) => {
            return KeyError::Keyring(source);
        }
        EntryError::BadEncoding(_) | EntryError::BadDataFormat(..) => "the entry cannot be read",
        EntryError::Ambiguous(_) => "there is more than one such entry",
        EntryError::TooLong(..) | EntryError::Invalid(..) => "the entry's name is not accepted",
        EntryError::NoEntry => "there is no such entry",
        _ => "the keyring refuses",
    };
    KeyError::Keyring(kind.into())
}

#[async_trait]
impl KeyProvider for KeyringKey {
    fn id(&self) -> &KeyId {
        &self.id
    }

    async fn wrap(&self, key: &Key, aad: &[u8]) -> Result<Vec<u8>, KeyError> {
        local::wrap(&self.root, key, aad)
    }

    async fn unwrap(&self, wrapped: &[u8], aad: &[u8]) -> Result<Key, KeyError> {
        local::unwrap(&self.root, wrapped, aad)
    }
}
