//! What a server says outside of any exchange.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use portcullis_mcp::{Message, codes};
use tokio::sync::Notify;

use crate::parcel::Parcel;
use crate::peer::Peer;

const MAX_MESSAGES: usize = 256;

/// Reads what belongs to no exchange: requests of a legacy server, as far as their capability was
/// declared, and the notifications `resources/updated`, `message`, `elicitation/complete` and
/// `cancelled` (of such a request).
///
/// Every reader gets every notification. A request goes to one reader alone, the latest that takes
/// requests, and is that reader's to answer once [`Loose::next`] gave it; one that nobody takes is
/// answered with an error. A reader that falls behind loses the oldest messages.
#[derive(Debug)]
#[must_use = "messages are kept for it until it is dropped"]
pub struct Loose {
    queue: Arc<Queue>,
    peer: Arc<Peer>,
}

impl Loose {
    /// The next message; `None` when the connection is gone. Safe to cancel.
    pub async fn next(&mut self) -> Option<Arc<Message>> {
        let closed = self.peer.lifeline.closed();
        tokio::select! {
            biased;
            message = self.queue.pop() => Some(message),
            () = closed => None,
        }
    }

    /// How many messages were lost since this was last asked, because they were not read in time.
    pub fn missed(&mut self) -> u64 {
        std::mem::take(&mut self.queue.lock().missed)
    }
}

/// What a reader is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hears {
    /// Notifications, and requests that it answers.
    Everything,
    /// Notifications alone.
    Notifications,
}

/// The readers of one connection, the latest last.
#[derive(Debug, Default)]
pub(crate) struct Holders(Mutex<Vec<(Weak<Queue>, Hears)>>);

impl Holders {
    pub(crate) fn join(&self, peer: &Arc<Peer>, hears: Hears) -> Loose {
        let queue = Arc::new(Queue::new(peer.limits.max_bytes));
        let mut holders = self.lock();
        holders.retain(|(holder, _)| holder.strong_count() > 0);
        holders.push((Arc::downgrade(&queue), hears));
        drop(holders);
        Loose {
            queue,
            peer: Arc::clone(peer),
        }
    }

    /// Gives a request to the latest reader that takes requests. Without any, nothing of the kind is
    /// on offer.
    pub(crate) fn ask(&self, request: Parcel) {
        let latest = self
            .lock()
            .iter()
            .rev()
            .filter(|(_, hears)| *hears == Hears::Everything)
            .find_map(|(holder, _)| holder.upgrade());
        match latest {
            Some(queue) => queue.push(Entry::Request(request)),
            None => request.refuse(codes::METHOD_NOT_FOUND, "not offered by this client"),
        }
    }

    /// Gives a notification to every reader; `false` when there is none.
    pub(crate) fn announce(&self, notification: Message) -> bool {
        let notification = Arc::new(notification);
        let holders = self.queues();
        for queue in &holders {
            queue.push(Entry::Notification(Arc::clone(&notification)));
        }
        !holders.is_empty()
    }

    /// The server gives up the request with this raw id. One that was not read yet is taken
    /// back, else the readers are told; `false` when there are none.
    pub(crate) fn withdraw(&self, id: &str, notification: Message) -> bool {
        self.queues().iter().any(|queue| queue.withdraw(id)) || self.announce(notification)
    }

    fn queues(&self) -> Vec<Arc<Queue>> {
        self.lock()
            .iter()
            .filter_map(|(holder, _)| holder.upgrade())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Weak<Queue>, Hears)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    ready: Notify,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    bytes: usize,
    missed: u64,
}

#[derive(Debug)]
enum Entry {
    Notification(Arc<Message>),
    Request(Parcel),
}

impl Queue {
    fn new(max_bytes: usize) -> Self {
        Self {
            state: Mutex::default(),
            ready: Notify::new(),
            max_bytes,
        }
    }

    fn push(&self, entry: Entry) {
        let mut state = self.lock();
        let bytes = entry.len();
        while state.entries.len() >= MAX_MESSAGES || state.bytes + bytes > self.max_bytes {
            let Some(oldest) = state.entries.pop_front() else {
                break;
            };
            state.bytes = state.bytes.saturating_sub(oldest.len());
            state.missed = state.missed.saturating_add(1);
        }
        state.bytes = state.bytes.saturating_add(bytes);
        state.entries.push_back(entry);
        drop(state);
        self.ready.notify_one();
    }

    async fn pop(&self) -> Arc<Message> {
        loop {
            {
                let mut state = self.lock();
                if let Some(entry) = state.entries.pop_front() {
                    state.bytes = state.bytes.saturating_sub(entry.len());
                    return entry.open();
                }
            }
            self.ready.notified().await;
        }
    }

    /// Takes back a request that was not read yet; `false` when there is none with this raw id.
    fn withdraw(&self, id: &str) -> bool {
        let mut state = self.lock();
        let at = state.entries.iter().position(
            |entry| matches!(entry, Entry::Request(request) if request.request_id() == Some(id)),
        );
        let Some(entry) = at.and_then(|at| state.entries.remove(at)) else {
            return false;
        };
        state.bytes = state.bytes.saturating_sub(entry.len());
        // Opened, not dropped: the server waits for no answer any more.
        entry.open();
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn len(&self) -> usize {
        match self {
            Self::Notification(message) => message.as_str().len(),
            Self::Request(request) => request.message().as_str().len(),
        }
    }

    fn open(self) -> Arc<Message> {
        match self {
            Self::Notification(message) => message,
            Self::Request(request) => Arc::new(request.open()),
        }
    }
}

#[cfg(test)]
mod tests;
