//! What waits for one listener: bounded, however slowly it reads.
//!
//! List changes are merged into one for each kind and updates into one for each resource, so that
//! neither is ever lost. Log messages are kept up to a bound; past it the oldest go.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portcullis_mcp::message::Message;
use portcullis_mcp::meta::LOG_LEVELS;
use tokio::sync::Notify;

use super::Kinds;

/// How many log messages wait.
const LOGS: usize = 256;
/// How many bytes of them.
const BYTES: usize = 1024 * 1024;
/// How many elicitations by URL may be under way for one host.
const ELICITATIONS: usize = 256;

/// Something a server said, or that changed about what it offers.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// Lists are others now.
    ListChanged(Kinds),
    /// A resource is another now.
    Updated {
        /// Which one.
        uri: Arc<str>,
    },
    /// `notifications/message`.
    Log {
        /// One of [`LOG_LEVELS`].
        level: Arc<str>,
        /// As the server sent it.
        message: Arc<Message>,
    },
    /// An elicitation by URL is over.
    ElicitationComplete {
        /// The server's id of it.
        id: Arc<str>,
    },
}

/// One event as a listener gets it.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// The servers that it came from; none when the gateway itself made the change.
    pub(crate) servers: Vec<Arc<str>>,
    pub(crate) event: Event,
}

/// The one place where everything for one listener waits.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// What is taken at all.
    kinds: Kinds,
    logs_wanted: bool,
    /// Position in [`LOG_LEVELS`]; `None` takes all.
    level: Option<usize>,
    resources: HashSet<(Arc<str>, Arc<str>)>,
    elicitations: HashSet<(Arc<str>, Arc<str>)>,
    /// What waits.
    changed: Kinds,
    changed_by: Vec<Arc<str>>,
    updated: VecDeque<(Arc<str>, Arc<str>)>,
    completed: VecDeque<(Arc<str>, Arc<str>)>,
    logs: VecDeque<(Arc<str>, Arc<str>, Arc<Message>)>,
    bytes: usize,
    lost: u64,
}

impl Mailbox {
    /// One that takes changes of these lists and nothing else yet.
    pub(crate) fn new(kinds: Kinds) -> Self {
        let mailbox = Self::default();
        mailbox.lock().kinds = kinds;
        mailbox
    }

    /// Takes log messages too.
    pub(crate) fn with_logs(self) -> Self {
        self.lock().logs_wanted = true;
        self
    }

    /// Takes updates of a resource from now on.
    pub(crate) fn want(&self, server: &Arc<str>, uri: &str) {
        self.lock()
            .resources
            .insert((Arc::clone(server), uri.into()));
    }

    /// Takes no updates of this resource any more, and drops one that waits.
    pub(crate) fn unwant(&self, server: &Arc<str>, uri: &str) {
        let mut state = self.lock();
        let known = |(of, known): &(Arc<str>, Arc<str>)| of == server && **known == *uri;
        state.resources.retain(|resource| !known(resource));
        state.updated.retain(|resource| !known(resource));
    }

    /// Takes the completion of this elicitation, once.
    pub(crate) fn expect(&self, server: &Arc<str>, elicitation: &str) {
        let mut state = self.lock();
        if state.elicitations.len() < ELICITATIONS {
            let expected = (Arc::clone(server), elicitation.into());
            state.elicitations.insert(expected);
        }
    }

    /// Takes log messages from this level on. `false` for a word that is no level.
    pub(crate) fn set_level(&self, level: &str) -> bool {
        let rank = rank(level);
        if rank.is_some() {
            self.lock().level = rank;
        }
        rank.is_some()
    }

    /// The level that log messages are taken from; `None` before one was set.
    pub(crate) fn level(&self) -> Option<&'static str> {
        let rank = self.lock().level?;
        LOG_LEVELS.get(rank).copied()
    }

    /// Puts an event in, if it is one that this listener takes.
    pub(crate) fn post(&self, server: &Arc<str>, event: &Event) {
        let mut state = self.lock();
        let server = Arc::clone(server);
        match event {
            Event::ListChanged(kinds) => state.change(*kinds, Some(server)),
            Event::Updated { uri } => {
                let resource = (server, Arc::clone(uri));
                if state.resources.contains(&resource) && !state.updated.contains(&resource) {
                    state.updated.push_back(resource);
                }
            }
            Event::ElicitationComplete { id } => {
                let expected = (server, Arc::clone(id));
                if state.elicitations.remove(&expected) {
                    state.completed.push_back(expected);
                }
            }
            Event::Log { level, message } => {
                if state.logs_wanted && state.wants_level(level) {
                    state.log(server, Arc::clone(level), Arc::clone(message));
                }
            }
        }
        drop(state);
        self.ready.notify_one();
    }

    /// Puts in list changes that the gateway itself made.
    pub(crate) fn change(&self, kinds: Kinds) {
        self.lock().change(kinds, None);
        self.ready.notify_one();
    }

    /// The next event. Safe to cancel: none is lost by dropping this future. One reader at a time.
    pub(crate) async fn next(&self) -> Delivery {
        loop {
            if let Some(delivery) = self.lock().take() {
                return delivery;
            }
            self.ready.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn change(&mut self, kinds: Kinds, server: Option<Arc<str>>) {
        let taken = kinds.and(self.kinds);
        if taken.is_empty() {
            return;
        }
        self.changed = self.changed.or(taken);
        if let Some(server) = server
            && !self.changed_by.contains(&server)
        {
            self.changed_by.push(server);
        }
    }

    fn wants_level(&self, level: &str) -> bool {
        self.level
            .is_none_or(|least| rank(level).is_some_and(|rank| rank >= least))
    }

    fn log(&mut self, server: Arc<str>, level: Arc<str>, message: Arc<Message>) {
        self.bytes = self.bytes.saturating_add(message.as_str().len());
        self.logs.push_back((server, level, message));
        while self.logs.len() > LOGS || self.bytes > BYTES {
            let Some((server, _, oldest)) = self.logs.pop_front() else {
                return;
            };
            self.bytes = self.bytes.saturating_sub(oldest.as_str().len());
            self.lost = self.lost.saturating_add(1);
            if self.lost.is_power_of_two() {
                tracing::debug!(%server, lost = self.lost, "a listener reads too slowly for the log messages");
            }
        }
    }

    fn take(&mut self) -> Option<Delivery> {
        let by_one = |server: Arc<str>, event: Event| Delivery {
            servers: vec![server],
            event,
        };
        if !self.changed.is_empty() {
            return Some(Delivery {
                servers: std::mem::take(&mut self.changed_by),
                event: Event::ListChanged(std::mem::take(&mut self.changed)),
            });
        }
        if let Some((server, id)) = self.completed.pop_front() {
            return Some(by_one(server, Event::ElicitationComplete { id }));
        }
        if let Some((server, uri)) = self.updated.pop_front() {
            return Some(by_one(server, Event::Updated { uri }));
        }
        let (server, level, message) = self.logs.pop_front()?;
        self.bytes = self.bytes.saturating_sub(message.as_str().len());
        Some(by_one(server, Event::Log { level, message }))
    }
}

fn rank(level: &str) -> Option<usize> {
    LOG_LEVELS.iter().position(|known| *known == level)
}

#[cfg(test)]
mod tests;
