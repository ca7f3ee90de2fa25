//! The thread that makes records durable, as many at once as wait for it.
//!
//! A thread, because `fdatasync` blocks for as long as the disk needs. Records that somebody
//! waits for are written at once; the others go with them, or after [`LINGER`]. A single caller
//! that makes one call after the other so needs one write for each: the end of a call goes with
//! the beginning of the next.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portcullis_store::AuditRecord;
use portcullis_store::journal::Journal;
use tokio::sync::{mpsc, oneshot};

use super::database::Batch;
use super::{BACKLOG, Job, State};

/// How long records that nobody waits for stay in memory.
const LINGER: Duration = Duration::from_millis(10);
/// How long records in the journal wait for others, to share a transaction.
const GATHER: Duration = Duration::from_millis(50);
/// So many go into one transaction.
const TRANSACTION: usize = 1_000;
/// How many jobs go into one group of the journal at most.
const GROUP: usize = 512;
/// While more than so many records wait for a database that works, nothing more is made durable:
/// callers then go at the database's pace, instead of running into [`BACKLOG`].
const PACED: usize = BACKLOG / 2;

/// What waits for the thread.
#[derive(Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    jobs: Vec<Job>,
    /// When the oldest of them came.
    since: Option<Instant>,
    /// Somebody waits for one of them.
    urgent: bool,
    /// Who waits for the database, and has not been told that it is done.
    settled: Vec<oneshot::Sender<()>>,
    /// The thread waits without a limit.
    asleep: bool,
    closed: bool,
    database_ended: bool,
}

/// Starts the thread of a journal beside `database`. It gathers for `sender`.
pub(super) fn start(
    database: &Path,
    sender: mpsc::UnboundedSender<Batch>,
    state: Arc<State>,
) -> Arc<Queue> {
    let queue = Arc::new(Queue::default());
    // Whatever becomes of the thread, or of the attempt to start one: nobody waits for it in vain.
    let ended = ThreadEnded(Arc::clone(&queue));
    let journal = Journal::new(database);
    let run = move || {
        Writer {
            journal,
            queue: Arc::clone(&ended.0),
            state,
            gathered: Gathered::new(sender),
        }
        .run();
    };
    let thread = std::thread::Builder::new().name("audit-journal".to_owned());
    if let Err(error) = thread.spawn(run) {
        tracing::error!(%error, "the audit journal cannot be written; calls are refused");
    }
    queue
}

impl Queue {
    /// Gives the job back if the thread takes no more.
    pub(super) fn push(&self, job: Job) -> Result<(), Job> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(job);
        }
        let urgent = job.done.is_some();
        inner.urgent |= urgent;
        inner.since.get_or_insert_with(Instant::now);
        inner.jobs.push(job);
        // A thread that waits with a limit finds it in time: no need to wake it.
        if urgent || std::mem::take(&mut inner.asleep) {
            self.changed.notify_all();
        }
        Ok(())
    }

    /// Takes no more jobs.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Makes the thread look at the state again.
    pub(super) fn look(&self) {
        // With the lock: else the change could fall between the thread's look and its sleep.
        drop(self.lock());
        self.changed.notify_all();
    }

    /// The database has taken records; `waiters` waited for that.
    pub(super) fn settled(&self, waiters: Vec<oneshot::Sender<()>>) {
        self.lock().settled.extend(waiters);
        self.changed.notify_all();
    }

    pub(super) fn database_ended(&self) {
        self.lock().database_ended = true;
        self.changed.notify_all();
    }

    /// Waits for jobs until `deadline`; `None` once the queue is closed and empty.
    fn take(&self, deadline: Option<Instant>) -> Option<Vec<Job>> {
        let mut inner = self.lock();
        let mut idle_since = None;
        loop {
            let now = Instant::now();
            let due = inner.since.map(|since| since + LINGER);
            if inner.urgent || inner.closed || due.is_some_and(|due| due <= now) {
                if inner.closed && inner.jobs.is_empty() {
                    return None;
                }
                return Some(inner.take());
            }
            if deadline.is_some_and(|deadline| deadline <= now) || !inner.settled.is_empty() {
                return Some(Vec::new());
            }
            // Some time after the last job the thread waits with a limit still.
            let idle = *idle_since.get_or_insert(now) + LINGER;
            let limit = [due, deadline, Some(idle).filter(|idle| *idle > now)];
            inner = match limit.into_iter().flatten().min() {
                Some(limit) => {
                    let waited = self.changed.wait_timeout(inner, limit - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    inner.asleep = true;
                    let waited = self.changed.wait(inner);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    /// Waits while `holds`, at most until `limit` if there is one.
    fn wait_while(&self, limit: Option<Duration>, holds: impl Fn(&Inner) -> bool) {
        let inner = self.lock();
        let holds = |inner: &mut Inner| holds(inner);
        match limit {
            Some(limit) => drop(self.changed.wait_timeout_while(inner, limit, holds)),
            None => drop(self.changed.wait_while(inner, holds)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn take(&mut self) -> Vec<Job> {
        let count = self.jobs.len().min(GROUP);
        let taken = self.jobs.drain(..count).collect();
        // What is left came after the oldest; it is due no later than it must be.
        if self.jobs.is_empty() {
            self.urgent = false;
            self.since = None;
        }
        taken
    }
}

/// What the journal has and the database was not given yet.
struct Gathered {
    batch: Batch,
    since: Option<Instant>,
    sender: mpsc::UnboundedSender<Batch>,
}

impl Gathered {
    fn new(sender: mpsc::UnboundedSender<Batch>) -> Self {
        Self {
            batch: Batch {
                records: Vec::new(),
                waiters: Vec::new(),
                moves: 0,
            },
            since: None,
            sender,
        }
    }

    fn add(&mut self, records: Vec<AuditRecord>, settling: Vec<oneshot::Sender<()>>) {
        self.since.get_or_insert_with(Instant::now);
        self.batch.records.extend(records);
        self.batch.waiters.extend(settling);
    }

    fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + GATHER)
    }

    fn send_if_due(&mut self, state: &State) {
        let late = self
            .deadline()
            .is_some_and(|deadline| deadline <= Instant::now());
        if late || self.batch.records.len() >= TRANSACTION || !self.batch.waiters.is_empty() {
            self.send(state);
        }
    }

    fn send(&mut self, state: &State) {
        self.since = None;
        state
            .under_way
            .fetch_add(self.batch.records.len(), Ordering::AcqRel);
        let batch = Batch {
            records: std::mem::take(&mut self.batch.records),
            waiters: std::mem::take(&mut self.batch.waiters),
            moves: self.batch.moves,
        };
        // Without a task that writes them, the records stay in the journal for the next process.
        let _gone = self.sender.send(batch);
    }
}

struct Writer {
    journal: Journal,
    queue: Arc<Queue>,
    state: Arc<State>,
    gathered: Gathered,
}

impl Writer {
    fn run(mut self) {
        while let Some(jobs) = self.queue.take(self.gathered.deadline()) {
            if !jobs.is_empty() {
                self.write(jobs);
            }
            self.gathered.send_if_due(&self.state);
            self.settle();
            self.pace();
        }
        self.gathered.send(&self.state);
        let Self {
            mut journal,
            queue,
            state,
            gathered,
        } = self;
        // The last sender: the task ends once it has written everything, or is stopped.
        drop(gathered);
        queue.wait_while(None, |inner| !inner.database_ended);
        note_moved(&mut journal, &state);
        journal.rest();
    }

    /// Tells those who wait for the database that it is done.
    fn settle(&mut self) {
        let settled = std::mem::take(&mut self.queue.lock().settled);
        if settled.is_empty() {
            return;
        }
        note_moved(&mut self.journal, &self.state);
        self.journal.rest();
        for waiter in settled {
            // A caller that went away no longer needs the answer.
            let _gone = waiter.send(());
        }
    }

    fn write(&mut self, jobs: Vec<Job>) {
        let mut records = Vec::with_capacity(jobs.len());
        let mut waiters = Vec::new();
        let mut settling = Vec::new();
        for job in jobs {
            records.extend(job.records);
            match job.done {
                Some(done) if job.settles => settling.push(done),
                Some(done) => waiters.push(done),
                None => {}
            }
        }
        let mut pause = Duration::from_millis(50);
        // What is closed must not be lost: the group is tried until the disk takes it. Calls that
        // wait for it are refused at the first failure, and no new one is taken meanwhile.
        while !records.is_empty() {
            note_moved(&mut self.journal, &self.state);
            match self.journal.append(&records) {
                Ok(number) => {
                    self.gathered.batch.moves = number + 1;
                    break;
                }
                Err(error) => {
                    tracing::error!(%error, records = records.len(), "audit records cannot be written; calls are refused");
                    self.state.broken.store(true, Ordering::Release);
                    waiters.clear();
                    settling.clear();
                    // The journal may need what it holds to be moved before it can go on.
                    self.gathered.send(&self.state);
                    if self.queue.lock().closed {
                        return;
                    }
                    self.queue.wait_while(Some(pause), |inner| !inner.closed);
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
            }
        }
        self.state.broken.store(false, Ordering::Release);
        for waiter in waiters {
            // A caller that went away no longer needs the answer.
            let _gone = waiter.send(());
        }
        self.gathered.add(records, settling);
    }

    /// Waits while the database is far behind, unless it fails: then nobody knows how long, and
    /// the journal goes on alone as long as there is room.
    fn pace(&self) {
        let state = &self.state;
        self.queue.wait_while(None, |inner| {
            state.under_way.load(Ordering::Acquire) > PACED
                && !state.behind.load(Ordering::Acquire)
                && !inner.closed
                && !inner.database_ended
        });
    }
}

fn note_moved(journal: &mut Journal, state: &State) {
    if let Some(last) = state.moved.load(Ordering::Acquire).checked_sub(1) {
        journal.moved(last);
    }
}

/// Lets nobody wait for a thread that is no more, in whatever way it ended.
struct ThreadEnded(Arc<Queue>);

impl Drop for ThreadEnded {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.closed = true;
        inner.jobs.clear();
        inner.settled.clear();
    }
}
