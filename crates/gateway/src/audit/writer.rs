//! The one task that writes the trail, many records to a commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use portcullis_store::{AuditRecord, AuditStore, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// How many records may wait for the disk before calls are refused.
const BACKLOG: usize = 20_000;
/// How many records may wait for the disk at all. Past this the record of a refusal is lost, and
/// the log says so: memory must not grow for as long as a disk is full.
const MOST: usize = 10 * BACKLOG;
/// How many records go into one commit at most.
const BATCH: usize = 512;

/// Hands records to the writer. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Trail {
    shared: Option<Arc<Shared>>,
}

struct Shared {
    sender: mpsc::UnboundedSender<Job>,
    waiting: AtomicUsize,
    broken: AtomicBool,
}

struct Job {
    records: Vec<AuditRecord>,
    done: Option<oneshot::Sender<()>>,
}

/// Why a record could not be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrailError {
    #[error("the audit store is failing")]
    Failing,
    #[error("too many audit records wait for the disk")]
    Backlog,
    #[error("the audit writer has ended")]
    Ended,
}

/// Records that were not taken, and why. What the writer has already is not given back.
#[derive(Debug)]
pub(crate) struct NotTaken {
    pub(crate) cause: TrailError,
    pub(crate) records: Vec<AuditRecord>,
}

impl Trail {
    /// Starts the writer. The handle ends once every [`Trail`] is dropped and all is written.
    pub(crate) fn start(store: Arc<dyn AuditStore>) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            sender,
            waiting: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        });
        let weak = Arc::downgrade(&shared);
        let writer = tokio::spawn(write(store, receiver, weak));
        (
            Self {
                shared: Some(shared),
            },
            writer,
        )
    }

    /// A trail that records nothing: the control `audit` is off.
    pub(crate) fn off() -> Self {
        Self { shared: None }
    }

    /// Queues records for the next commit, whatever the state of the store: what ends must be
    /// written some time.
    pub(crate) fn soon(&self, records: Vec<AuditRecord>) -> Result<(), TrailError> {
        let taken = self.push(Job {
            records,
            done: None,
        });
        taken.map_err(|not_taken| not_taken.cause)
    }

    /// Queues records for the next commit, unless the store is failing or falls behind.
    pub(crate) fn accept(&self, records: Vec<AuditRecord>) -> Result<(), NotTaken> {
        match self.unable() {
            Some(cause) => Err(NotTaken { cause, records }),
            None => self.push(Job {
                records,
                done: None,
            }),
        }
    }

    /// Returns when the records are on disk.
    pub(crate) async fn durable(&self, records: Vec<AuditRecord>) -> Result<(), NotTaken> {
        if self.shared.is_none() {
            return Ok(());
        }
        if let Some(cause) = self.unable() {
            return Err(NotTaken { cause, records });
        }
        let (done, waiting) = oneshot::channel();
        self.push(Job {
            records,
            done: Some(done),
        })?;
        waiting.await.map_err(|_| NotTaken {
            cause: TrailError::Failing,
            records: Vec::new(),
        })
    }

    /// Returns when everything queued so far is on disk.
    pub(crate) async fn flush(&self) -> Result<(), TrailError> {
        let flushed = self.durable(Vec::new()).await;
        flushed.map_err(|not_taken| not_taken.cause)
    }

    /// Why nothing that can still be refused should be taken now.
    fn unable(&self) -> Option<TrailError> {
        let shared = self.shared.as_ref()?;
        if shared.broken.load(Ordering::Acquire) {
            Some(TrailError::Failing)
        } else if shared.waiting.load(Ordering::Acquire) > BACKLOG {
            Some(TrailError::Backlog)
        } else {
            None
        }
    }

    fn push(&self, job: Job) -> Result<(), NotTaken> {
        let Some(shared) = &self.shared else {
            return Ok(());
        };
        if shared.waiting.load(Ordering::Acquire) > MOST {
            return Err(NotTaken {
                cause: TrailError::Backlog,
                records: job.records,
            });
        }
        shared
            .waiting
            .fetch_add(job.records.len(), Ordering::AcqRel);
        shared.sender.send(job).map_err(|unsent| NotTaken {
            cause: TrailError::Ended,
            records: unsent.0.records,
        })
    }
}

async fn write(
    store: Arc<dyn AuditStore>,
    mut jobs: mpsc::UnboundedReceiver<Job>,
    shared: std::sync::Weak<Shared>,
) {
    let mut taken = Vec::new();
    while jobs.recv_many(&mut taken, BATCH).await > 0 {
        let (batches, waiters): (Vec<_>, Vec<_>) =
            taken.drain(..).map(|job| (job.records, job.done)).unzip();
        let mut records: Vec<AuditRecord> = batches.into_iter().flatten().collect();
        let count = records.len();
        let mut waiters: Vec<oneshot::Sender<()>> = waiters.into_iter().flatten().collect();
        let mut pause = Duration::from_millis(50);
        // What is closed must not be lost: the batch is tried until the disk takes it. Calls that
        // wait for it are refused at the first failure, and no new one is taken meanwhile.
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
                    records.retain(|record| record_entry(record) != entry);
                }
                Err(error) => {
                    tracing::error!(%error, records = records.len(), "audit records cannot be written; calls are refused");
                    waiters.clear();
                    let Some(alive) = shared.upgrade() else { break };
                    alive.broken.store(true, Ordering::Release);
                    drop(alive);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
            }
        }
        if let Some(shared) = shared.upgrade() {
            shared.waiting.fetch_sub(count, Ordering::AcqRel);
            shared.broken.store(false, Ordering::Release);
        }
        for waiter in waiters {
            // A caller that went away no longer needs the answer.
            let _gone = waiter.send(());
        }
    }
}

fn record_entry(record: &AuditRecord) -> &str {
    match record {
        AuditRecord::Opened(opened) => &opened.entry,
        AuditRecord::Closed(closed) => &closed.entry,
    }
}
