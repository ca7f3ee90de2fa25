//! The way of a record into the trail.
//!
//! With a journal (`crates/store/src/journal.rs`) a record is durable when the journal has it; a
//! thread writes that, for as many messages at once as wait ([`journal`]). The database gets the
//! records after, many to a transaction ([`database`]). Without one, a record is durable when the
//! database has it.

mod database;
mod journal;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use portcullis_store::{AuditRecord, AuditStore};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use database::Batch;
use journal::Queue;

/// How many records may wait for the database before calls are refused.
const BACKLOG: usize = 20_000;
/// How many records may wait for the database at all. Past this the record of a refusal is lost,
/// and the log says so: memory must not grow for as long as a disk is full.
const MOST: usize = 10 * BACKLOG;

/// Hands records to the writer. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Trail {
    shared: Option<Arc<Shared>>,
}

struct Shared {
    entrance: Entrance,
    state: Arc<State>,
}

/// Where records go in.
enum Entrance {
    Database(mpsc::UnboundedSender<Batch>),
    Journal(Arc<Queue>),
}

/// What the writers tell whoever hands them records.
#[derive(Default)]
struct State {
    /// How many records the database does not have.
    waiting: AtomicUsize,
    /// What makes records durable fails: the journal, or the database where there is none.
    broken: AtomicBool,
    /// The database behind the journal fails.
    behind: AtomicBool,
    /// How many records were given to the database and are not in it yet.
    under_way: AtomicUsize,
    /// The database has every group of the journal below this number.
    moved: AtomicU64,
    /// Nobody is left who could hand over a record, or wait for one.
    ended: AtomicBool,
}

struct Job {
    records: Vec<AuditRecord>,
    done: Option<oneshot::Sender<()>>,
    /// Done when the database has the records and all before them, not before.
    settles: bool,
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
    /// Starts the writer, with a journal where `store` says that one belongs. The handle ends
    /// once every [`Trail`] is dropped and all is written.
    pub(crate) fn start(store: Arc<dyn AuditStore>) -> (Self, JoinHandle<()>) {
        let state = Arc::new(State::default());
        let (sender, batches) = mpsc::unbounded_channel();
        let queue = store
            .journal_beside()
            .map(|database| journal::start(database, sender.clone(), Arc::clone(&state)));
        let entrance = match &queue {
            Some(queue) => Entrance::Journal(Arc::clone(queue)),
            None => Entrance::Database(sender),
        };
        let writer = tokio::spawn(database::write(store, batches, Arc::clone(&state), queue));
        let shared = Some(Arc::new(Shared { entrance, state }));
        (Self { shared }, writer)
    }

    /// A trail that records nothing: the control `audit` is off.
    pub(crate) fn off() -> Self {
        Self { shared: None }
    }

    /// Queues records for the next commit, whatever the state of the store: what ends must be
    /// written some time.
    pub(crate) fn soon(&self, records: Vec<AuditRecord>) -> Result<(), TrailError> {
        let taken = self.push(Job::new(records, None));
        taken.map_err(|not_taken| not_taken.cause)
    }

    /// Queues records for the next commit, unless the store is failing or falls behind.
    pub(crate) fn accept(&self, records: Vec<AuditRecord>) -> Result<(), NotTaken> {
        match self.unable() {
            Some(cause) => Err(NotTaken { cause, records }),
            None => self.push(Job::new(records, None)),
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
        self.push(Job::new(records, Some(done)))?;
        waiting.await.map_err(|_| failing())
    }

    /// Returns when everything queued so far is in the database. If nothing came meanwhile, no
    /// journal is left then.
    pub(crate) async fn flush(&self) -> Result<(), TrailError> {
        let Some(shared) = &self.shared else {
            return Ok(());
        };
        if let Some(cause) = self.unable() {
            return Err(cause);
        }
        if shared.state.behind.load(Ordering::Acquire) {
            return Err(TrailError::Failing);
        }
        let (done, waiting) = oneshot::channel();
        let mut job = Job::new(Vec::new(), Some(done));
        job.settles = true;
        self.push(job).map_err(|not_taken| not_taken.cause)?;
        waiting.await.map_err(|_| TrailError::Failing)
    }

    /// Why nothing that can still be refused should be taken now.
    fn unable(&self) -> Option<TrailError> {
        let state = &self.shared.as_ref()?.state;
        if state.broken.load(Ordering::Acquire) {
            Some(TrailError::Failing)
        } else if state.waiting.load(Ordering::Acquire) > BACKLOG {
            Some(TrailError::Backlog)
        } else {
            None
        }
    }

    fn push(&self, job: Job) -> Result<(), NotTaken> {
        let Some(shared) = &self.shared else {
            return Ok(());
        };
        let waiting = &shared.state.waiting;
        let count = job.records.len();
        if waiting.load(Ordering::Acquire) > MOST {
            return Err(NotTaken {
                cause: TrailError::Backlog,
                records: job.records,
            });
        }
        waiting.fetch_add(count, Ordering::AcqRel);
        let unsent = match &shared.entrance {
            Entrance::Journal(queue) => queue.push(job).err().map(|job| job.records),
            Entrance::Database(sender) => {
                let sent = sender.send(Batch::unjournaled(job));
                sent.err().map(|unsent| unsent.0.records)
            }
        };
        let Some(records) = unsent else { return Ok(()) };
        waiting.fetch_sub(count, Ordering::AcqRel);
        Err(NotTaken {
            cause: TrailError::Ended,
            records,
        })
    }
}

impl Job {
    fn new(records: Vec<AuditRecord>, done: Option<oneshot::Sender<()>>) -> Self {
        Self {
            records,
            done,
            settles: false,
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Release);
        if let Entrance::Journal(queue) = &self.entrance {
            queue.close();
        }
    }
}

/// The writer has the records, and could not write them.
fn failing() -> NotTaken {
    NotTaken {
        cause: TrailError::Failing,
        records: Vec::new(),
    }
}
