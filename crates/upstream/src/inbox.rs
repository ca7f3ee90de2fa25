//! What a shared channel holds for one exchange until its caller reads it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use portcullis_mcp::Message;
use tokio::sync::Notify;

use crate::UpstreamError;
use crate::parcel::Parcel;

const MAX_MESSAGES: usize = 256;
/// Requests of the server that may wait for the caller, and ids of read ones that are known.
const MAX_REQUESTS: usize = 64;

/// A bounded queue of notifications and requests of the server, and one place for the answer. The
/// reader of the shared channel never waits for a slow caller: when the queue is full, messages
/// are dropped; the answer always has its place.
#[derive(Debug)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    ready: Notify,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Parcel>,
    bytes: usize,
    requests: usize,
    /// Raw ids of the last requests that the caller read.
    read: VecDeque<String>,
    outcome: Option<Result<Message, UpstreamError>>,
    finished: bool,
}

impl Inbox {
    /// Holds at most `max_bytes` of messages besides the answer.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            state: Mutex::default(),
            ready: Notify::new(),
            max_bytes,
        }
    }

    /// Queues a notification or a request of the server; `false` when it was dropped.
    pub(crate) fn push(&self, parcel: Parcel) -> bool {
        let mut state = self.lock();
        let bytes = state.bytes.saturating_add(parcel.message().as_str().len());
        let is_request = parcel.request_id().is_some();
        if state.finished
            || state.queue.len() >= MAX_MESSAGES
            || bytes > self.max_bytes
            || (is_request && state.requests >= MAX_REQUESTS)
        {
            return false;
        }
        state.bytes = bytes;
        state.requests += usize::from(is_request);
        state.queue.push_back(parcel);
        drop(state);
        self.ready.notify_one();
        true
    }

    /// The server gives up its request with this raw id. One that was not read yet is taken back,
    /// else the caller is told; `false` when this exchange never had such a request.
    pub(crate) fn withdraw(&self, id: &str, notification: &Message) -> bool {
        let mut state = self.lock();
        let at = state
            .queue
            .iter()
            .position(|parcel| parcel.request_id() == Some(id));
        if let Some(parcel) = at.and_then(|at| state.queue.remove(at)) {
            state.leave(&parcel);
            // Opened, not dropped: the server waits for no answer any more.
            parcel.open();
            return true;
        }
        let known = state.read.iter().any(|read| read == id);
        drop(state);
        known && self.push(notification.clone().into())
    }

    /// Sets the answer or the failure; only the first counts.
    pub(crate) fn finish(&self, outcome: Result<Message, UpstreamError>) {
        let mut state = self.lock();
        if state.finished {
            return;
        }
        state.finished = true;
        state.outcome = Some(outcome);
        drop(state);
        self.ready.notify_one();
    }

    /// Takes nothing any more and drops what is queued.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.finished = true;
        state.outcome = None;
        state.queue.clear();
    }

    /// The next message, or at last the outcome, or `None` after it. One reader only.
    pub(crate) async fn pop(&self) -> Option<Result<Parcel, UpstreamError>> {
        loop {
            {
                let mut state = self.lock();
                if let Some(parcel) = state.queue.pop_front() {
                    state.leave(&parcel);
                    return Some(Ok(parcel));
                }
                if state.finished {
                    return state.outcome.take().map(|answer| answer.map(Parcel::from));
                }
            }
            self.ready.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes note that a message left the queue.
    fn leave(&mut self, parcel: &Parcel) {
        self.bytes = self.bytes.saturating_sub(parcel.message().as_str().len());
        if let Some(id) = parcel.request_id() {
            self.requests = self.requests.saturating_sub(1);
            if self.read.len() >= MAX_REQUESTS {
                self.read.pop_front();
            }
            self.read.push_back(id.to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
