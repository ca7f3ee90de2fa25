//! The open `subscriptions/listen` streams (2026-07-28, basic/patterns/subscriptions).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rmcp::service::{SubscriptionContext, SubscriptionSink};

/// Something that changed, as subscribers hear of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change<'a> {
    Tools,
    Prompts,
    Resource(&'a str),
}

#[derive(Debug, Default)]
pub(crate) struct Listeners(Mutex<Streams>);

#[derive(Debug, Default)]
struct Streams {
    next: u64,
    open: BTreeMap<u64, SubscriptionSink>,
}

impl Listeners {
    /// Keeps a stream on the list until its client goes away.
    pub(crate) async fn attend(&self, stream: SubscriptionContext) {
        let number = {
            let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            streams.next += 1;
            let number = streams.next;
            streams.open.insert(number, stream.sink().clone());
            number
        };
        let _leave = Leave {
            listeners: self,
            number,
        };
        stream.cancelled().await;
    }

    /// Tells every stream that asked for this kind of change.
    pub(crate) async fn announce(&self, change: Change<'_>) {
        let open: Vec<SubscriptionSink> = {
            let streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            streams.open.values().cloned().collect()
        };
        for stream in open {
            // An error says that this stream did not ask for it, or has just ended.
            let _ = match change {
                Change::Tools => stream.notify_tool_list_changed().await,
                Change::Prompts => stream.notify_prompt_list_changed().await,
                Change::Resource(uri) => stream.notify_resource_updated(uri).await,
            };
        }
    }
}

/// Takes a stream off the list, also when the future that waits for its end is dropped.
struct Leave<'a> {
    listeners: &'a Listeners,
    number: u64,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let mut streams = self
            .listeners
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        streams.open.remove(&self.number);
    }
}
