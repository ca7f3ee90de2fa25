//! Key-encryption keys in memory.
//!
//! The provider of the root key is asked when a key is first needed, and again from time to time,
//! so that access which was taken away there ends here. Its outage is bridged, its refusal is not.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use portcullis_store::VaultKey;

use crate::error::VaultError;
use crate::keys::{Key, KeyId};
use crate::vault::Providers;

/// How long and how many keys stay in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// At most so many keys; the one that was used least recently goes first.
    pub keys: usize,
    /// For so long the provider is not asked again.
    pub fresh: Duration,
    /// For so long after its last yes an outage of the provider is bridged.
    pub stale: Duration,
    /// How long to wait, in an outage, before the provider is asked again.
    pub retry: Duration,
}

impl Default for CacheLimits {
    /// 32 keys, an hour, a day, 30 seconds.
    fn default() -> Self {
        Self {
            keys: 32,
            fresh: Duration::from_secs(60 * 60),
            stale: Duration::from_secs(24 * 60 * 60),
            retry: Duration::from_secs(30),
        }
    }
}

pub(crate) struct KeyCache {
    limits: CacheLimits,
    held: Mutex<HashMap<String, Held>>,
    // One question at a time: a hundred calls after an hour are one question to the provider.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Held {
    key: Key,
    unwrapped_us: i64,
    ask_again_us: i64,
    used_us: i64,
}

impl KeyCache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        Self {
            limits,
            held: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// The key of that id, if nobody need be asked.
    pub(crate) fn fresh(&self, id: &str, now_us: i64) -> Option<Key> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let found = held
            .get_mut(id)
            .filter(|found| now_us < found.ask_again_us)?;
        found.used_us = now_us;
        Some(found.key.clone())
    }

    /// The key that `stored` holds wrapped.
    pub(crate) async fn unwrap(
        &self,
        stored: &VaultKey,
        providers: &Providers,
        now_us: i64,
    ) -> Result<Key, VaultError> {
        let _only = self.asking.lock().await;
        if let Some(key) = self.fresh(&stored.id, now_us) {
            return Ok(key);
        }
        let root = KeyId::new(stored.provider.clone());
        let Some(provider) = providers.of(&root) else {
            self.forget(&stored.id);
            return Err(VaultError::WrongKey {
                key: stored.id.clone(),
                root,
            });
        };
        let aad = Self::associated_data(&stored.id, &root);
        match provider.unwrap(&stored.wrapped, &aad).await {
            Ok(key) => {
                self.keep(&stored.id, key.clone(), now_us);
                Ok(key)
            }
            Err(error) => {
                let bridged = error
                    .is_temporary()
                    .then(|| self.bridge(&stored.id, now_us))
                    .flatten();
                if let Some(key) = bridged {
                    tracing::warn!(key = %stored.id, %root, %error, "the vault goes on with a key in memory");
                    return Ok(key);
                }
                self.forget(&stored.id);
                Err(VaultError::of_unwrapping(&stored.id, &root, error))
            }
        }
    }

    /// What a wrapped key-encryption key is bound to: its id and its root.
    pub(crate) fn associated_data(id: &str, root: &KeyId) -> Vec<u8> {
        let mut data = b"portcullis vault key v1".to_vec();
        for field in [id, root.as_str()] {
            let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
            data.extend_from_slice(&length.to_be_bytes());
            data.extend_from_slice(field.as_bytes());
        }
        data
    }

    pub(crate) fn keep(&self, id: &str, key: Key, now_us: i64) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(
            id.to_owned(),
            Held {
                key,
                unwrapped_us: now_us,
                ask_again_us: now_us.saturating_add(micros(self.limits.fresh)),
                used_us: now_us,
            },
        );
        while held.len() > self.limits.keys.max(1) {
            let oldest = held
                .iter()
                .filter(|(other, _)| *other != id)
                .min_by_key(|(_, held)| held.used_us)
                .map(|(id, _)| id.clone());
            match oldest {
                Some(oldest) => held.remove(&oldest),
                None => break,
            };
        }
    }

    pub(crate) fn forget(&self, id: &str) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(id);
    }

    /// The key in memory, while the provider may be down for so long.
    fn bridge(&self, id: &str, now_us: i64) -> Option<Key> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let found = held.get_mut(id)?;
        let end = found.unwrapped_us.saturating_add(micros(self.limits.stale));
        if now_us >= end {
            return None;
        }
        found.ask_again_us = now_us.saturating_add(micros(self.limits.retry)).min(end);
        found.used_us = now_us;
        Some(found.key.clone())
    }
}

pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
