//! What one server says without being asked, for everybody who listens.
//!
//! Every lease has one feed. It runs as one task, only while somebody listens or is subscribed to a
//! resource; the last one to leave ends it. It keeps the connection open, reads changed lists again
//! (so that they are judged by the pins before any host hears of them), and keeps the subscriptions
//! of all listeners as one subscription each at the server.

mod lists;
mod mailbox;
mod resources;
mod run;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;

use crate::gateway::Gateway;
use crate::refusal::Reason;
use crate::servers::Lease;

pub(crate) use lists::Kinds;
pub(crate) use mailbox::{Delivery, Event, Mailbox};

/// How long somebody who subscribes waits for the server's word.
const PATIENCE: Duration = Duration::from_secs(30);

/// The feed of one lease.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    state: Mutex<State>,
    /// Tells the task that the state is another.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    running: bool,
    /// Looked at only to see that the task did not end in another way than by itself.
    task: Option<AbortHandle>,
    listeners: Vec<(Arc<Mailbox>, usize)>,
    wanted: BTreeMap<Arc<str>, Wanted>,
}

/// A resource that somebody is subscribed to.
#[derive(Debug, Default)]
struct Wanted {
    holders: usize,
    waiting: Vec<oneshot::Sender<Result<(), Reason>>>,
}

/// A listener's hold on a feed. Dropping it ends the listening.
#[derive(Debug)]
#[must_use = "dropping it ends the listening"]
pub(crate) struct Attached {
    lease: Arc<Lease>,
    mailbox: Arc<Mailbox>,
}

/// A share in a subscription to a resource. The last one to be dropped ends the subscription.
#[derive(Debug)]
#[must_use = "dropping it ends the subscription"]
pub(crate) struct Share {
    lease: Arc<Lease>,
    uri: Arc<str>,
}

/// How many feeds run. A gateway that nobody listens to has none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running(Arc<AtomicUsize>);

impl Running {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    fn one_more(&self) -> OneMore {
        self.0.fetch_add(1, Ordering::AcqRel);
        OneMore(self.clone())
    }
}

struct OneMore(Running);

impl Drop for OneMore {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Puts what the server of `lease` says into `mailbox`, as far as that takes it.
pub(crate) fn attach(
    lease: &Arc<Lease>,
    gateway: &Arc<Gateway>,
    mailbox: &Arc<Mailbox>,
) -> Attached {
    let mut state = lease.feed().lock();
    match state.listener(mailbox) {
        Some((_, holds)) => *holds += 1,
        None => state.listeners.push((Arc::clone(mailbox), 1)),
    }
    start(&mut state, lease, gateway);
    Attached {
        lease: Arc::clone(lease),
        mailbox: Arc::clone(mailbox),
    }
}

/// Subscribes to a resource, and returns when the server said yes or no.
///
/// # Errors
/// The reason when the server cannot be reached, does not offer subscriptions or refused this one.
pub(crate) async fn subscribe(
    lease: &Arc<Lease>,
    gateway: &Arc<Gateway>,
    uri: &str,
) -> Result<Share, Reason> {
    let (told, said) = oneshot::channel();
    let share = {
        let mut state = lease.feed().lock();
        let uri: Arc<str> = uri.into();
        let wanted = state.wanted.entry(Arc::clone(&uri)).or_default();
        wanted.holders += 1;
        wanted.waiting.push(told);
        start(&mut state, lease, gateway);
        Share {
            lease: Arc::clone(lease),
            uri,
        }
    };
    lease.feed().changed.notify_one();
    match tokio::time::timeout(PATIENCE, said).await {
        Ok(said) => said.unwrap_or(Err(Reason::UpstreamUnavailable))?,
        Err(_) => return Err(Reason::UpstreamTimeout),
    }
    Ok(share)
}

fn start(state: &mut State, lease: &Arc<Lease>, gateway: &Arc<Gateway>) {
    let lives = state.task.as_ref().is_some_and(|task| !task.is_finished());
    if state.running && lives {
        return;
    }
    state.running = true;
    let running = gateway.feeds().one_more();
    let feed = run::run(Arc::clone(lease), Arc::downgrade(gateway));
    let task = tokio::spawn(async move {
        feed.await;
        drop(running);
    });
    state.task = Some(task.abort_handle());
}

impl Share {
    /// The resource's URI.
    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }

    /// The server that has the resource.
    pub(crate) fn server(&self) -> &Arc<str> {
        self.lease.server()
    }
}

impl Feed {
    /// Hands an event to everybody who listens.
    pub(crate) fn publish(&self, server: &Arc<str>, event: &Event) {
        // Posted after the lock is let go: a mailbox has one of its own.
        let listeners: Vec<Arc<Mailbox>> = {
            let state = self.lock();
            let mailboxes = state.listeners.iter().map(|(mailbox, _)| mailbox);
            mailboxes.map(Arc::clone).collect()
        };
        for mailbox in listeners {
            mailbox.post(server, event);
        }
    }

    /// Whether nobody is left. The task that is told so must end: the next one who comes starts
    /// another.
    fn ends(&self) -> bool {
        let mut state = self.lock();
        let ends = state.listeners.is_empty() && state.wanted.is_empty();
        if ends {
            state.running = false;
        }
        ends
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn listener(&mut self, mailbox: &Arc<Mailbox>) -> Option<&mut (Arc<Mailbox>, usize)> {
        self.listeners
            .iter_mut()
            .find(|(known, _)| Arc::ptr_eq(known, mailbox))
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let feed = self.lease.feed();
        let mut state = feed.lock();
        if let Some((_, holds)) = state.listener(&self.mailbox) {
            *holds -= 1;
        }
        state.listeners.retain(|(_, holds)| *holds > 0);
        drop(state);
        feed.changed.notify_one();
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let feed = self.lease.feed();
        let mut state = feed.lock();
        let over = state.wanted.get_mut(&self.uri).is_some_and(|wanted| {
            wanted.holders -= 1;
            wanted.holders == 0
        });
        if over {
            state.wanted.remove(&self.uri);
        }
        drop(state);
        feed.changed.notify_one();
    }
}
