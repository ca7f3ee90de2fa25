//! What a shared channel holds for one exchange until its caller reads it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use portcullis_mcp::Message;
use tokio::sync::Notify;

use crate::UpstreamError;

const MAX_NOTIFICATIONS: usize = 256;

/// A bounded queue of notifications and one place for the answer. The reader of the shared
/// channel never waits for a slow caller: when the queue is full, notifications are dropped;
/// the answer always has its place.
#[derive(Debug)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    ready: Notify,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Message>,
    bytes: usize,
    outcome: Option<Result<Message, UpstreamError>>,
    finished: bool,
}

impl Inbox {
    /// Holds at most `max_bytes` of notifications.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            state: Mutex::default(),
            ready: Notify::new(),
            max_bytes,
        }
    }

    /// Queues a notification; `false` when it was dropped.
    pub(crate) fn push(&self, message: Message) -> bool {
        let mut state = self.lock();
        let bytes = state.bytes.saturating_add(message.as_str().len());
        if state.finished || state.queue.len() >= MAX_NOTIFICATIONS || bytes > self.max_bytes {
            return false;
        }
        state.bytes = bytes;
        state.queue.push_back(message);
        drop(state);
        self.ready.notify_one();
        true
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

    /// The next notification, or at last the outcome, or `None` after it. One reader only.
    pub(crate) async fn pop(&self) -> Option<Result<Message, UpstreamError>> {
        loop {
            {
                let mut state = self.lock();
                if let Some(message) = state.queue.pop_front() {
                    state.bytes = state.bytes.saturating_sub(message.as_str().len());
                    return Some(Ok(message));
                }
                if state.finished {
                    return state.outcome.take();
                }
            }
            self.ready.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
