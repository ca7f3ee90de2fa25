//! An audit store whose disk can be made to fail.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use portcullis_store::{AuditEntry, AuditFilter, AuditRecord, AuditStore, StoreError};

pub(crate) struct FailingStore {
    inner: Arc<dyn AuditStore>,
    failing: AtomicBool,
}

type Wrap = Box<dyn FnOnce(Arc<dyn AuditStore>) -> Arc<dyn AuditStore>>;

impl FailingStore {
    /// What to give to the gateway's builder, and where the store is afterwards.
    pub(crate) fn wrapper() -> (Wrap, Arc<OnceLock<Arc<Self>>>) {
        let place = Arc::new(OnceLock::new());
        let shared = Arc::clone(&place);
        let wrap = move |inner| {
            let store = Arc::new(Self {
                inner,
                failing: AtomicBool::new(false),
            });
            assert!(shared.set(Arc::clone(&store)).is_ok());
            store as Arc<dyn AuditStore>
        };
        (Box::new(wrap), place)
    }

    pub(crate) fn fail(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }
}

#[async_trait]
impl AuditStore for FailingStore {
    async fn append(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(StoreError::Full);
        }
        self.inner.append(records).await
    }

    async fn entries(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        self.inner.entries(filter).await
    }

    async fn unfinished(&self, opened_before: i64) -> Result<Vec<String>, StoreError> {
        self.inner.unfinished(opened_before).await
    }
}
