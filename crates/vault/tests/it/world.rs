//! What the tests are made of: a clock that stands still, a database, a root key.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use portcullis_store::{Sqlite, VaultStore};
use portcullis_vault::keys::{FileKey, KeyProvider};
use portcullis_vault::{CacheLimits, Clock, CredentialKey, Providers, Vault, VaultError};

pub(crate) const SECOND: i64 = 1_000_000;

/// Moves only when told to.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicI64>);

impl Time {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_700_000_000 * SECOND)))
    }

    pub(crate) fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn pass(&self, time: Duration) {
        let micros = i64::try_from(time.as_micros()).unwrap();
        self.0.fetch_add(micros, Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Clock {
        let time = self.clone();
        Arc::new(move || time.now())
    }
}

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) time: Time,
    pub(crate) store: Arc<dyn VaultStore>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("portcullis.db"))
            .await
            .unwrap();
        Self {
            folder,
            time: Time::new(),
            store: Arc::new(store),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn root(&self, name: &str) -> Arc<dyn KeyProvider> {
        Arc::new(FileKey::open_or_create(&self.path(name)).unwrap())
    }

    pub(crate) async fn vault(&self) -> Vault {
        let providers = Providers::one(self.root("vault.key"));
        self.vault_with(providers).await.unwrap()
    }

    pub(crate) async fn vault_with(&self, providers: Providers) -> Result<Vault, VaultError> {
        self.vault_over(Arc::clone(&self.store), providers).await
    }

    pub(crate) async fn vault_over(
        &self,
        store: Arc<dyn VaultStore>,
        providers: Providers,
    ) -> Result<Vault, VaultError> {
        Vault::open(store, providers, CacheLimits::default(), self.time.clock()).await
    }
}

pub(crate) fn place(principal: &str, server: &str) -> CredentialKey {
    CredentialKey {
        tenant: "acme".to_owned(),
        principal: principal.to_owned(),
        server: server.to_owned(),
        issuer: "https://as.example.com".to_owned(),
        kind: "user-grant".to_owned(),
    }
}

/// Waits until `is_so`; fails after ten seconds.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), wait).await;
    assert!(waited.is_ok(), "not in ten seconds: {what}");
}
