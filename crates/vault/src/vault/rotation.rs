//! A new key for everything, while everything is in use.
//!
//! First the new key is stored, and from then on everybody seals under it. Then what is sealed
//! under others is sealed anew, record by record, each with one compare-and-swap. When none is
//! left, the old keys are retired. Stopped anywhere in between, each record is whole under one
//! key or the other and both are there; the next rotation goes on where this one stopped.

use std::time::Duration;

use portcullis_store::{CredentialFilter, CredentialState, SealedCredential, VaultKey};

use super::{ATTEMPTS, Vault, active, random_name};
use crate::error::VaultError;
use crate::key_cache::micros;

const LEASE: &str = "vault-rotation";
const LEASE_TIME: Duration = Duration::from_secs(60);
const PAGE: usize = 100;
/// How often all records are gone through: others may add one under an old key, which they had
/// read just before, behind the place that was reached.
const SWEEPS: usize = 8;
/// A retired key that seals nothing is removed after this time.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How far a rotation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// So many records are under the new key that were not when it began.
    pub moved: u64,
    /// So many are left, as far as is known.
    pub left: u64,
    /// So many cannot be opened.
    pub unreadable: u64,
}

/// What a rotation did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// The key that everything is under now.
    pub key: String,
    /// Whether this finished a rotation that had been interrupted. It made no new key then.
    pub is_resumed: bool,
    /// So many records were sealed anew.
    pub moved: u64,
    /// The records that could not be opened, by id. While there are any, the keys that they
    /// name are not retired: revoke these records, then rotate again.
    pub unreadable: Vec<String>,
    /// The keys that were retired.
    pub retired: Vec<String>,
    /// The keys that had been retired before, sealed nothing any more and were removed.
    pub removed: Vec<String>,
}

impl Vault {
    /// Makes a new key under the current root and seals everything under it. Others may go on
    /// reading and writing. `progress` hears after each page how far it is.
    ///
    /// A rotation that was interrupted is finished instead, with the key that it had made,
    /// unless that key has another root than the current one.
    ///
    /// # Errors
    /// [`VaultError::RotationElsewhere`]; the provider of a root key or the store fails. Nothing
    /// is lost then, and the next rotation goes on.
    pub async fn rotate(
        &self,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Rotated, VaultError> {
        let holder = random_name()?;
        self.hold(&holder).await?;
        let result = self.rotate_held(&holder, progress).await;
        self.store().release_lease(LEASE, &holder).await?;
        result
    }

    async fn hold(&self, holder: &str) -> Result<(), VaultError> {
        let now_us = self.now();
        let until_us = now_us.saturating_add(micros(LEASE_TIME));
        match self.store().lease(LEASE, holder, now_us, until_us).await? {
            true => Ok(()),
            false => Err(VaultError::RotationElsewhere),
        }
    }

    async fn rotate_held(
        &self,
        holder: &str,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Rotated, VaultError> {
        let keys = self.store().vault_keys().await?;
        let root = self.providers.current.id().as_str();
        let unfinished = active(&keys).filter(|newest| {
            newest.provider == root
                && keys.iter().filter(|key| key.retired_us.is_none()).count() > 1
        });
        let mut rotated = Rotated {
            is_resumed: unfinished.is_some(),
            key: match unfinished {
                Some(newest) => newest.id.clone(),
                None => self.add_key().await?.id,
            },
            ..Rotated::default()
        };
        let total = self.under_others(&rotated.key).await?;
        for _ in 0..SWEEPS {
            let moved = rotated.moved;
            self.sweep(holder, &mut rotated, total, progress).await?;
            if rotated.moved == moved {
                break;
            }
        }
        self.retire(&mut rotated).await?;
        Ok(rotated)
    }

    /// How many active records are under other keys than `key`.
    async fn under_others(&self, key: &str) -> Result<u64, VaultError> {
        let filter = CredentialFilter {
            state: Some(CredentialState::Active),
            ..CredentialFilter::default()
        };
        let records = self.store().credentials(&filter).await?;
        Ok(records.iter().filter(|record| record.key_id != key).count() as u64)
    }

    /// Goes through all records once.
    async fn sweep(
        &self,
        holder: &str,
        rotated: &mut Rotated,
        total: u64,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<(), VaultError> {
        let mut after: Option<String> = None;
        rotated.unreadable.clear();
        loop {
            let page = self
                .store()
                .credentials_not_under(&rotated.key, after.as_deref(), PAGE)
                .await?;
            let Some(last) = page.last().map(|last| last.record.id.clone()) else {
                return Ok(());
            };
            self.hold(holder).await?;
            for found in page {
                let id = found.record.id.clone();
                match self.move_one(found, &rotated.key).await {
                    Ok(true) => rotated.moved += 1,
                    Ok(false) => {}
                    Err(error) if error.is_unreadable() => {
                        tracing::warn!(credential = %id, %error, "a credential cannot be sealed anew");
                        rotated.unreadable.push(id);
                    }
                    Err(error) => return Err(error),
                }
            }
            let unreadable = rotated.unreadable.len() as u64;
            progress(Progress {
                moved: rotated.moved,
                left: total.saturating_sub(rotated.moved + unreadable),
                unreadable,
            });
            after = Some(last);
        }
    }

    /// Seals one record under `key`. `false` if it was revoked, or others did it.
    async fn move_one(&self, found: SealedCredential, key: &str) -> Result<bool, VaultError> {
        let mut next = Some(found);
        for _ in 0..ATTEMPTS {
            let Some(found) = next.filter(|found| {
                found.record.state == CredentialState::Active && found.record.key_id != key
            }) else {
                return Ok(false);
            };
            let id = found.record.id.clone();
            let opened = self.opened(found).await?;
            let ends = opened.record.expires_us;
            if self
                .replace(&opened.record, &opened.secret, ends)
                .await?
                .is_some()
            {
                return Ok(true);
            }
            next = self.store().credential_by_id(&id).await?;
        }
        Err(VaultError::Contended)
    }

    /// Retires the keys that seal nothing any more, and removes those that were retired long ago.
    async fn retire(&self, rotated: &mut Rotated) -> Result<(), VaultError> {
        let filter = CredentialFilter {
            state: Some(CredentialState::Active),
            ..CredentialFilter::default()
        };
        let records = self.store().credentials(&filter).await?;
        let is_used = |key: &VaultKey| records.iter().any(|record| record.key_id == key.id);
        let now_us = self.now();
        for key in self.store().vault_keys().await? {
            if key.id == rotated.key || is_used(&key) {
                continue;
            }
            match key.retired_us {
                None => {
                    if self.store().retire_vault_key(&key.id, now_us).await? {
                        rotated.retired.push(key.id);
                    }
                }
                Some(retired_us) if now_us.saturating_sub(retired_us) >= micros(KEPT) => {
                    if self.store().delete_vault_key(&key.id).await? {
                        self.cache.forget(&key.id);
                        rotated.removed.push(key.id);
                    }
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}
