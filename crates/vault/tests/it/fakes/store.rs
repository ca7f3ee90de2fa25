//! A store that stops in the middle of things.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use portcullis_store::{
    CredentialFilter, CredentialKey, CredentialRecord, Resealed, SealedCredential, StoreError,
    VaultKey, VaultStore,
};

/// How it stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// The call fails, and so do all after it.
    Fail,
    /// The call has no effect and never returns: the process dies before it.
    HangBefore,
    /// The call has its effect and never returns: the process dies after it.
    HangAfter,
}

pub(crate) struct Stopping {
    pub(crate) inner: Arc<dyn VaultStore>,
    how: Stop,
    left: AtomicIsize,
    pub(crate) has_stopped: AtomicBool,
    /// Happens once, when somebody asks for a lease and before it is given.
    pub(crate) before_lease: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

impl Stopping {
    /// Stops at call number `calls`, counted from zero.
    pub(crate) fn new(inner: Arc<dyn VaultStore>, how: Stop, calls: isize) -> Arc<Self> {
        Arc::new(Self {
            inner,
            how,
            left: AtomicIsize::new(calls),
            has_stopped: AtomicBool::new(false),
            before_lease: Mutex::new(None),
        })
    }

    /// From now on: so many more calls.
    pub(crate) fn stop_in(&self, calls: isize) {
        self.left.store(calls, Ordering::SeqCst);
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.has_stopped.load(Ordering::SeqCst)
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 {
            return call.await;
        }
        self.has_stopped.store(true, Ordering::SeqCst);
        match self.how {
            Stop::Fail => Err(StoreError::Busy),
            Stop::HangBefore => std::future::pending().await,
            Stop::HangAfter => {
                call.await?;
                std::future::pending().await
            }
        }
    }
}

#[async_trait]
impl VaultStore for Stopping {
    async fn add_credential(&self, credential: &SealedCredential) -> Result<bool, StoreError> {
        self.call(self.inner.add_credential(credential)).await
    }

    async fn credential(
        &self,
        key: &CredentialKey,
    ) -> Result<Option<SealedCredential>, StoreError> {
        self.call(self.inner.credential(key)).await
    }

    async fn credential_by_id(&self, id: &str) -> Result<Option<SealedCredential>, StoreError> {
        self.call(self.inner.credential_by_id(id)).await
    }

    async fn credentials(
        &self,
        filter: &CredentialFilter,
    ) -> Result<Vec<CredentialRecord>, StoreError> {
        self.call(self.inner.credentials(filter)).await
    }

    async fn replace_credential(
        &self,
        id: &str,
        version: i64,
        new: &Resealed,
    ) -> Result<bool, StoreError> {
        self.call(self.inner.replace_credential(id, version, new))
            .await
    }

    async fn revoke_credential(&self, id: &str, at_us: i64) -> Result<bool, StoreError> {
        self.call(self.inner.revoke_credential(id, at_us)).await
    }

    async fn delete_credential(&self, id: &str) -> Result<bool, StoreError> {
        self.call(self.inner.delete_credential(id)).await
    }

    async fn credentials_not_under(
        &self,
        key_id: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<SealedCredential>, StoreError> {
        self.call(self.inner.credentials_not_under(key_id, after, limit))
            .await
    }

    async fn add_vault_key(&self, key: &VaultKey) -> Result<bool, StoreError> {
        self.call(self.inner.add_vault_key(key)).await
    }

    async fn vault_keys(&self) -> Result<Vec<VaultKey>, StoreError> {
        self.call(self.inner.vault_keys()).await
    }

    async fn retire_vault_key(&self, id: &str, at_us: i64) -> Result<bool, StoreError> {
        self.call(self.inner.retire_vault_key(id, at_us)).await
    }

    async fn delete_vault_key(&self, id: &str) -> Result<bool, StoreError> {
        self.call(self.inner.delete_vault_key(id)).await
    }

    async fn lease(
        &self,
        name: &str,
        holder: &str,
        now_us: i64,
        until_us: i64,
    ) -> Result<bool, StoreError> {
        let before = self.before_lease.lock().unwrap().take();
        if let Some(before) = before {
            before.await;
        }
        self.call(self.inner.lease(name, holder, now_us, until_us))
            .await
    }

    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        self.call(self.inner.release_lease(name, holder)).await
    }
}
