//! What an operator wants to know about the vault.

use portcullis_store::{CredentialFilter, CredentialState};

use super::{Vault, active};
use crate::error::VaultError;
use crate::keys::KeyId;

/// The vault at one moment. Needs no key to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The root key that wraps new keys.
    pub root: KeyId,
    /// The vault's keys, oldest first.
    pub keys: Vec<KeyStatus>,
    /// Credentials that may be used.
    pub active: u64,
    /// Credentials that were revoked and are still listed.
    pub revoked: u64,
    /// Credentials that may be used but have ended by themselves.
    pub expired: u64,
    /// When the oldest active credential was sealed last, unix microseconds.
    pub oldest_us: Option<i64>,
    /// Whether [`Vault::rotate`] has something to finish, or to move to the current root.
    pub needs_rotation: bool,
}

/// One of the vault's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// The key's id.
    pub id: String,
    /// The root that wrapped it.
    pub root: KeyId,
    /// Whether the vault has a provider for that root.
    pub has_provider: bool,
    /// Whether new credentials are sealed under it.
    pub is_active: bool,
    /// Unix microseconds.
    pub created_us: i64,
    /// Since when it seals nothing new, unix microseconds.
    pub retired_us: Option<i64>,
    /// So many active credentials are sealed under it.
    pub credentials: u64,
}

impl Vault {
    /// Counts what is there.
    ///
    /// # Errors
    /// The store fails.
    pub async fn status(&self) -> Result<Status, VaultError> {
        let records = self
            .store()
            .credentials(&CredentialFilter::default())
            .await?;
        let keys = self.store().vault_keys().await?;
        let now_us = self.now();
        let in_use = || {
            records
                .iter()
                .filter(|record| record.state == CredentialState::Active)
        };
        let active_id = active(&keys).map(|key| key.id.as_str());
        let root = self.providers.current.id().clone();
        let status_of = |key: &portcullis_store::VaultKey| {
            let root = KeyId::new(key.provider.clone());
            KeyStatus {
                has_provider: self.providers.of(&root).is_some(),
                root,
                is_active: active_id == Some(key.id.as_str()),
                created_us: key.created_us,
                retired_us: key.retired_us,
                credentials: in_use().filter(|record| record.key_id == key.id).count() as u64,
                id: key.id.clone(),
            }
        };
        let keys: Vec<_> = keys.iter().map(status_of).collect();
        Ok(Status {
            needs_rotation: in_use().any(|record| Some(record.key_id.as_str()) != active_id)
                || keys.iter().filter(|key| key.retired_us.is_none()).count() > 1
                || keys.iter().any(|key| key.is_active && key.root != root),
            root,
            active: in_use().count() as u64,
            revoked: (records.len() - in_use().count()) as u64,
            expired: in_use()
                .filter(|record| record.expires_us.is_some_and(|ends| ends <= now_us))
                .count() as u64,
            oldest_us: in_use().map(|record| record.updated_us).min(),
            keys,
        })
    }
}
