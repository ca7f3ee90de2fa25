//! The requests that wait for an answer from one child.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portcullis_mcp::Message;

use crate::UpstreamError;
use crate::inbox::Inbox;
use crate::link::Origin;
use crate::parcel::Parcel;

/// Inboxes by request id, until the child is gone.
#[derive(Debug, Default)]
pub(crate) struct Pending(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<u64, (Origin, Arc<Inbox>)>,
    closed: Option<UpstreamError>,
}

impl Pending {
    /// Adds an exchange; fails with the cause when the child is already gone.
    pub(crate) fn register(
        &self,
        id: u64,
        origin: Origin,
        max_bytes: usize,
    ) -> Result<Arc<Inbox>, UpstreamError> {
        let mut state = self.lock();
        if let Some(cause) = &state.closed {
            return Err(cause.clone());
        }
        let inbox = Arc::new(Inbox::new(max_bytes));
        state.waiting.insert(id, (origin, Arc::clone(&inbox)));
        Ok(inbox)
    }

    /// Takes an exchange out; `false` when it was not there any more.
    pub(crate) fn remove(&self, id: u64) -> bool {
        self.lock().waiting.remove(&id).is_some()
    }

    /// Ends one exchange; `false` when nobody waits under this id.
    pub(crate) fn finish(&self, id: u64, outcome: Result<Message, UpstreamError>) -> bool {
        let Some((_, inbox)) = self.lock().waiting.remove(&id) else {
            return false;
        };
        inbox.finish(outcome);
        true
    }

    /// Queues a message for one exchange; `false` when it went nowhere.
    pub(crate) fn push(&self, id: u64, parcel: impl Into<Parcel>) -> bool {
        let inbox = self
            .lock()
            .waiting
            .get(&id)
            .map(|(_, inbox)| Arc::clone(inbox));
        inbox.is_some_and(|inbox| inbox.push(parcel.into()))
    }

    /// Whether a caller's subscription is open under this id.
    pub(crate) fn is_subscription(&self, id: u64) -> bool {
        let state = self.lock();
        state
            .waiting
            .get(&id)
            .is_some_and(|(origin, _)| *origin == Origin::Subscription)
    }

    /// The server gives up its request with this raw id; `false` when no exchange has it.
    pub(crate) fn withdraw(&self, request_id: &str, notification: &Message) -> bool {
        let inboxes: Vec<_> = {
            let state = self.lock();
            let callers = state.waiting.values();
            callers.map(|(_, inbox)| Arc::clone(inbox)).collect()
        };
        inboxes
            .iter()
            .any(|inbox| inbox.withdraw(request_id, notification))
    }

    /// The one exchange of a caller, when there is exactly one. Messages without any
    /// correlation can only be meant for it; with several in flight they could reach the wrong
    /// caller.
    pub(crate) fn only_caller(&self) -> Option<u64> {
        let state = self.lock();
        let mut callers = state
            .waiting
            .iter()
            .filter(|(_, (origin, _))| *origin == Origin::Caller)
            .map(|(id, _)| *id);
        let only = callers.next()?;
        callers.next().is_none().then_some(only)
    }

    /// Fails every exchange, now and from now on; the first cause stays.
    pub(crate) fn close(&self, cause: UpstreamError) {
        let mut state = self.lock();
        let cause = state.closed.get_or_insert(cause).clone();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for (_, inbox) in waiting.into_values() {
            inbox.finish(Err(cause.clone()));
        }
    }

    /// Why no exchange can be added any more.
    pub(crate) fn closed(&self) -> Option<UpstreamError> {
        self.lock().closed.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
