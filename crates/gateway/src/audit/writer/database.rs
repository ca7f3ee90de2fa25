//! The task that writes records to the database, many to a transaction.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use portcullis_store::{AuditRecord, AuditStore, StoreError};
use tokio::sync::{mpsc, oneshot};

use super::journal::Queue;
use super::{Job, State};

/// How many jobs go into one transaction where no journal has gathered them already.
const JOBS: usize = 512;

/// Records for one transaction.
pub(super) struct Batch {
    pub(super) records: Vec<AuditRecord>,
    pub(super) waiters: Vec<oneshot::Sender<()>>,
    /// With these records the database has every group of the journal below this number.
    pub(super) moves: u64,
}

impl Batch {
    pub(super) fn unjournaled(job: Job) -> Self {
        Self {
            records: job.records,
            waiters: job.done.into_iter().collect(),
            moves: 0,
        }
    }
}

/// Writes batches until their senders are gone. `journal` is where they come from, if they are
/// durable already.
pub(super) async fn write(
    store: Arc<dyn AuditStore>,
    mut batches: mpsc::UnboundedReceiver<Batch>,
    state: Arc<State>,
    journal: Option<Arc<Queue>>,
) {
    let _ended = journal.as_ref().map(|queue| Ended(Arc::clone(queue)));
    let fails = match journal {
        Some(_) => &state.behind,
        None => &state.broken,
    };
    let most = if journal.is_some() { 1 } else { JOBS };
    let mut taken: Vec<Batch> = Vec::new();
    while batches.recv_many(&mut taken, most).await > 0 {
        let moves = taken.iter().map(|batch| batch.moves).max().unwrap_or(0);
        let (records, waiters): (Vec<_>, Vec<_>) = taken
            .drain(..)
            .map(|batch| (batch.records, batch.waiters))
            .unzip();
        let mut records: Vec<AuditRecord> = records.into_iter().flatten().collect();
        let mut waiters: Vec<oneshot::Sender<()>> = waiters.into_iter().flatten().collect();
        let count = records.len();
        let mut pause = Duration::from_millis(50);
        // What is closed must not be lost: the batch is tried until the database takes it. Who
        // waits for it gets a no at the first failure.
        while !records.is_empty() {
            match store.append(&records).await {
                Ok(()) => break,
                // A record that contradicts the trail can never be written. It is dropped and said
                // so, and whoever waits for this batch gets a no: the others must not wait for it.
                Err(StoreError::UnknownEntry { entry } | StoreError::DuplicateEntry { entry }) => {
                    tracing::error!(
                        entry,
                        "an audit record contradicts the trail and is dropped"
                    );
                    waiters.clear();
                    records.retain(|record| record.entry() != entry);
                }
                Err(error) => {
                    if journal.is_some() {
                        tracing::error!(%error, records = records.len(), "audit records wait in the journal: the database does not take them");
                    } else {
                        tracing::error!(%error, records = records.len(), "audit records cannot be written; calls are refused");
                    }
                    waiters.clear();
                    if state.ended.load(Ordering::Acquire) {
                        return;
                    }
                    fails.store(true, Ordering::Release);
                    if let Some(queue) = &journal {
                        queue.look();
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
            }
        }
        state.waiting.fetch_sub(count, Ordering::AcqRel);
        fails.store(false, Ordering::Release);
        if let Some(queue) = &journal {
            state.under_way.fetch_sub(count, Ordering::AcqRel);
            state.moved.fetch_max(moves, Ordering::AcqRel);
            // The journal's thread answers, when it has made room.
            queue.settled(waiters);
            continue;
        }
        for waiter in waiters {
            // A caller that went away no longer needs the answer.
            let _gone = waiter.send(());
        }
    }
}

/// Tells the journal's thread when the task is over, in whatever way it ends.
struct Ended(Arc<Queue>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.database_ended();
    }
}
