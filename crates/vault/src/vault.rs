//! The vault: what is put in, and what comes out.

mod rotation;
mod status;

use std::sync::Arc;

use portcullis_store::{
    CredentialFilter, CredentialKey, CredentialRecord, CredentialState, Resealed, SealedCredential,
    VaultKey, VaultStore,
};

pub use rotation::{Progress, Rotated};
pub use status::{KeyStatus, Status};

use crate::Clock;
use crate::envelope::{self, Binding};
use crate::error::VaultError;
use crate::key_cache::{CacheLimits, KeyCache};
use crate::keys::{Key, KeyError, KeyId, KeyProvider};
use crate::secret::Secret;

/// How often a change is tried that others come before.
const ATTEMPTS: usize = 16;

/// The root keys: one that wraps new keys, and others that open old ones.
#[derive(Clone)]
pub struct Providers {
    /// Wraps new keys of the vault.
    pub current: Arc<dyn KeyProvider>,
    /// Were current before. [`Vault::rotate`] moves everything away from them.
    pub former: Vec<Arc<dyn KeyProvider>>,
}

impl Providers {
    /// One provider and no former ones.
    #[must_use]
    pub fn one(current: Arc<dyn KeyProvider>) -> Self {
        Self {
            current,
            former: Vec::new(),
        }
    }

    /// The provider of that root. Each is asked only for what it wrapped itself.
    pub(crate) fn of(&self, root: &KeyId) -> Option<&dyn KeyProvider> {
        std::iter::once(&self.current)
            .chain(&self.former)
            .find(|provider| provider.id() == root)
            .map(|provider| &**provider)
    }
}

/// A credential that was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What is known about it.
    pub record: CredentialRecord,
    /// The credential.
    pub secret: Secret,
}

/// Seals credentials into a store and opens them again. Any number of replicas may share a store.
pub struct Vault {
    store: Arc<dyn VaultStore>,
    providers: Providers,
    cache: KeyCache,
    clock: Clock,
}

impl Vault {
    /// Opens the vault in `store`, and makes its first key when it has none. A vault that has
    /// keys never gets another one silently: a root key that is not theirs is an error here.
    ///
    /// # Errors
    /// [`VaultError::WrongKey`], [`VaultError::LostKey`], [`VaultError::Unavailable`],
    /// [`VaultError::Key`], [`VaultError::Store`].
    pub async fn open(
        store: Arc<dyn VaultStore>,
        providers: Providers,
        limits: CacheLimits,
        clock: Clock,
    ) -> Result<Self, VaultError> {
        let vault = Self {
            store,
            providers,
            cache: KeyCache::new(limits),
            clock,
        };
        if vault.store.vault_keys().await?.is_empty() {
            vault.add_key().await?;
        }
        vault.active_key().await?;
        Ok(vault)
    }

    /// Keeps `secret` for `key`, in the place of what was there. `expires_us` says when it ends
    /// by itself, if it does.
    ///
    /// # Errors
    /// The active key cannot be had; the store fails; [`VaultError::Contended`].
    pub async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        expires_us: Option<i64>,
    ) -> Result<CredentialRecord, VaultError> {
        for _ in 0..ATTEMPTS {
            if let Some(found) = self.store.credential(key).await? {
                if let Some(record) = self.replace(&found.record, secret, expires_us).await? {
                    return Ok(record);
                }
                continue;
            }
            let (key_id, sealing_key) = self.active_key().await?;
            let id = random_name()?;
            let now_us = self.now();
            let sealed = seal(&sealing_key, &id, key, &key_id, secret)?;
            let record = CredentialRecord {
                id,
                key: key.clone(),
                key_id,
                version: 1,
                state: CredentialState::Active,
                created_us: now_us,
                updated_us: now_us,
                expires_us,
            };
            let new = SealedCredential { record, sealed };
            if self.store.add_credential(&new).await? {
                return Ok(new.record);
            }
        }
        Err(VaultError::Contended)
    }

    /// Keeps `secret` in the place of what `record` held, if nobody changed or revoked it since.
    /// `None` if somebody did.
    ///
    /// # Errors
    /// The active key cannot be had; the store fails.
    pub async fn replace(
        &self,
        record: &CredentialRecord,
        secret: &Secret,
        expires_us: Option<i64>,
    ) -> Result<Option<CredentialRecord>, VaultError> {
        let (key_id, sealing_key) = self.active_key().await?;
        let new = Resealed {
            sealed: seal(&sealing_key, &record.id, &record.key, &key_id, secret)?,
            key_id,
            updated_us: self.now(),
            expires_us,
        };
        let is_first = self
            .store
            .replace_credential(&record.id, record.version, &new)
            .await?;
        Ok(is_first.then(|| CredentialRecord {
            key_id: new.key_id,
            version: record.version.saturating_add(1),
            updated_us: new.updated_us,
            expires_us,
            ..record.clone()
        }))
    }

    /// The credential of `key`, expired or not. `None` if there is none, or it was revoked.
    ///
    /// # Errors
    /// [`VaultError::Moved`], [`VaultError::Damaged`], [`VaultError::Format`], or that its key
    /// cannot be had.
    pub async fn get(&self, key: &CredentialKey) -> Result<Option<Opened>, VaultError> {
        match self.store.credential(key).await? {
            Some(found) => self.opened(found).await.map(Some),
            None => Ok(None),
        }
    }

    /// The credential of that id, unless it was revoked.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_by_id(&self, id: &str) -> Result<Option<Opened>, VaultError> {
        match self.store.credential_by_id(id).await? {
            Some(found) if found.record.state == CredentialState::Active => {
                self.opened(found).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// What is known about credentials. Opens nothing and needs no key.
    ///
    /// # Errors
    /// The store fails.
    pub async fn list(
        &self,
        filter: &CredentialFilter,
    ) -> Result<Vec<CredentialRecord>, VaultError> {
        Ok(self.store.credentials(filter).await?)
    }

    /// Revokes one credential and erases what was sealed. Needs no key. `false` if there was
    /// nothing to revoke.
    ///
    /// # Errors
    /// The store fails.
    pub async fn revoke(&self, id: &str) -> Result<bool, VaultError> {
        Ok(self.store.revoke_credential(id, self.now()).await?)
    }

    /// Revokes every active credential that `filter` selects; returns those that it was.
    ///
    /// # Errors
    /// The store fails; what was revoked until then stays so.
    pub async fn revoke_all(
        &self,
        filter: &CredentialFilter,
    ) -> Result<Vec<CredentialRecord>, VaultError> {
        let filter = CredentialFilter {
            state: Some(CredentialState::Active),
            ..filter.clone()
        };
        let mut revoked = Vec::new();
        for record in self.store.credentials(&filter).await? {
            if self.revoke(&record.id).await? {
                revoked.push(record);
            }
        }
        Ok(revoked)
    }

    pub(crate) fn store(&self) -> &dyn VaultStore {
        &*self.store
    }

    pub(crate) fn now(&self) -> i64 {
        (self.clock)()
    }

    async fn opened(&self, found: SealedCredential) -> Result<Opened, VaultError> {
        let SealedCredential { record, sealed } = found;
        let key = self.key(&record.key_id).await?;
        let binding = Binding {
            id: &record.id,
            key: &record.key,
            key_id: &record.key_id,
        };
        match envelope::open(&key, &binding, &sealed) {
            Ok(secret) => Ok(Opened { record, secret }),
            Err(error) => Err(VaultError::of_opening(&record.id, error)),
        }
    }

    /// The key-encryption key of that id.
    async fn key(&self, id: &str) -> Result<Key, VaultError> {
        if let Some(key) = self.cache.fresh(id, self.now()) {
            return Ok(key);
        }
        let keys = self.store.vault_keys().await?;
        let Some(stored) = keys.iter().find(|stored| stored.id == id) else {
            self.cache.forget(id);
            return Err(VaultError::LostKey { key: id.to_owned() });
        };
        self.cache.unwrap(stored, &self.providers, self.now()).await
    }

    /// The key that seals what is new: the youngest that is not retired. The store is asked each
    /// time, because another process may have rotated.
    async fn active_key(&self) -> Result<(String, Key), VaultError> {
        let keys = self.store.vault_keys().await?;
        let active = active(&keys).ok_or(VaultError::NoKey)?;
        let now_us = self.now();
        let key = match self.cache.fresh(&active.id, now_us) {
            Some(key) => key,
            None => self.cache.unwrap(active, &self.providers, now_us).await?,
        };
        Ok((active.id.clone(), key))
    }

    /// Makes a key-encryption key under the current root. It is younger than all others, also
    /// when the clock of this process is behind that of another one.
    async fn add_key(&self) -> Result<VaultKey, VaultError> {
        let keys = self.store.vault_keys().await?;
        let youngest = keys.iter().map(|key| key.created_us).max();
        let id = random_name()?;
        let key = Key::random().map_err(|_| VaultError::Randomness)?;
        let provider = &self.providers.current;
        let aad = KeyCache::associated_data(&id, provider.id());
        let wrapped = provider
            .wrap(&key, &aad)
            .await
            .map_err(|error| match error {
                KeyError::Randomness => VaultError::Randomness,
                error => VaultError::of_unwrapping(&id, provider.id(), error),
            })?;
        let stored = VaultKey {
            id,
            provider: provider.id().as_str().to_owned(),
            wrapped,
            created_us: youngest.map_or(self.now(), |us| self.now().max(us.saturating_add(1))),
            retired_us: None,
        };
        if !self.store.add_vault_key(&stored).await? {
            // 128 random bits do not meet; a store that says so is not to be trusted with keys.
            return Err(VaultError::Contended);
        }
        self.cache.keep(&stored.id, key, self.now());
        Ok(stored)
    }
}

fn active(keys: &[VaultKey]) -> Option<&VaultKey> {
    keys.iter().rfind(|key| key.retired_us.is_none())
}

fn seal(
    sealing_key: &Key,
    id: &str,
    key: &CredentialKey,
    key_id: &str,
    secret: &Secret,
) -> Result<Vec<u8>, VaultError> {
    let binding = Binding { id, key, key_id };
    envelope::seal(sealing_key, &binding, secret).map_err(VaultError::Sealing)
}

/// 128 random bits as text.
pub(crate) fn random_name() -> Result<String, VaultError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| VaultError::Randomness)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
