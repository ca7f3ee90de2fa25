//! An audit store that stands between the gateway and the disk, to see when a record gets there.

use async_trait::async_trait;
use portcullis_store::{AuditEntry, AuditFilter, AuditRecord, AuditStore, Sqlite, StoreError};
use tokio::sync::watch;

/// How far a record may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Shut,
    /// Shut, and a record stands before it.
    Waiting,
}

/// Passes records on to the store; while it is shut, the opening of an entry has to wait.
pub(super) struct Witness {
    store: Sqlite,
    gate: watch::Sender<Gate>,
}

impl Witness {
    pub(super) fn new(store: Sqlite) -> Self {
        Self {
            store,
            gate: watch::Sender::new(Gate::Open),
        }
    }

    /// Lets no opening record reach the disk until [`Witness::open`].
    pub(super) fn shut(&self) {
        self.gate.send_replace(Gate::Shut);
    }

    /// Lets records pass again.
    pub(super) fn open(&self) {
        self.gate.send_replace(Gate::Open);
    }

    /// Resolves when a record waits at the shut gate.
    pub(super) async fn waiting(&self) {
        self.until(Gate::Waiting).await;
    }

    async fn pass(&self) {
        self.gate.send_if_modified(|gate| {
            let shut = *gate == Gate::Shut;
            if shut {
                *gate = Gate::Waiting;
            }
            shut
        });
        self.until(Gate::Open).await;
    }

    async fn until(&self, wanted: Gate) {
        let mut gate = self.gate.subscribe();
        // The sender lives as long as this value, so that there is no other end to wait for.
        let _gate = gate.wait_for(|gate| *gate == wanted).await;
    }
}

#[async_trait]
impl AuditStore for Witness {
    async fn append(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        if records
            .iter()
            .any(|record| matches!(record, AuditRecord::Opened(_)))
        {
            self.pass().await;
        }
        self.store.append(records).await
    }

    async fn entries(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        self.store.entries(filter).await
    }

    async fn unfinished(&self, opened_before: i64) -> Result<Vec<String>, StoreError> {
        self.store.unfinished(opened_before).await
    }
}
