//! The hosts that hold a legacy session with this process, and what is kept for each of them: the
//! questions it was asked and has not answered, what it is subscribed to, and what waits for it.
//!
//! A session id says everything that a call needs ([`crate::session`]). What stands here is needed
//! only to talk to a host that did not speak first, and is gone when its session ends, when nobody
//! used it for a while, or with the process.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_mcp::json::{as_string, quote};
use portcullis_mcp::message::{Kind, Message};
use tokio::sync::{oneshot, watch};

use crate::arrival::Transport;
use crate::authn::Principal;
use crate::clock;
use crate::feed::{Kinds, Mailbox, Share};
use crate::profile::Routed;
use crate::refusal::{Reason, Refusal};
use crate::replay::Replays;

/// How many sessions of one principal are kept. Past this the one that was silent for longest goes;
/// its host loses its log level and is none the wiser otherwise.
const PER_PRINCIPAL: usize = 1_000;
/// How many resources one host may be subscribed to.
const SUBSCRIPTIONS: usize = 1_000;
/// How many questions one host may have before it. Past this nobody asks it any more.
const QUESTIONS: usize = 256;
/// Starts the id of every request of ours to a host.
const PREFIX: &str = "pc-";

/// Which session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum SessionKey {
    /// The session id of Streamable HTTP, which the door has opened.
    Http(String),
    /// The one host on standard input and output; named by its profile.
    Stdio(String),
}

impl SessionKey {
    /// The session that an arrival names. `None` over HTTP without a session id.
    pub(crate) fn of(routed: &Routed) -> Option<Self> {
        match routed.facts().transport {
            Transport::Http => routed.facts().headers.session.clone().map(Self::Http),
            Transport::Stdio => Some(Self::Stdio(routed.profile().name.clone())),
        }
    }
}

/// All hosts that are known.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    known: Mutex<HashMap<SessionKey, Arc<Client>>>,
}

/// One host.
#[derive(Debug)]
pub(crate) struct Client {
    principal: String,
    last_used: AtomicI64,
    last_id: AtomicU64,
    mailbox: Arc<Mailbox>,
    /// The number of the stream that gets what waits; zero before the first, [`OVER`] after the end.
    stream: watch::Sender<u64>,
    /// Streams of calls that can be taken up again.
    replays: Replays,
    state: Mutex<State>,
}

/// No stream has this number.
const OVER: u64 = u64::MAX;

#[derive(Debug, Default)]
struct State {
    /// Set when the session is over: nothing more is asked or kept.
    over: bool,
    questions: HashMap<u64, oneshot::Sender<Message>>,
    /// Calls under way, by the host's raw id, with the way to end each.
    calls: HashMap<String, (u64, oneshot::Sender<()>)>,
    /// By the URI, as the host wrote it.
    subscriptions: BTreeMap<String, Share>,
}

impl Clients {
    /// The host of a session that the door has opened for `principal`; kept from here on.
    ///
    /// # Errors
    /// [`Reason::SessionUnknown`] when another principal holds the session, which can only be where
    /// the control `session-binding` is off.
    pub(crate) fn client(
        &self,
        key: &SessionKey,
        principal: &Principal,
    ) -> Result<Arc<Client>, Refusal> {
        let owner = principal.key().to_string();
        let mut known = self.lock();
        if let Some(client) = known.get(key) {
            if client.principal != owner {
                return Err(Refusal::new(Reason::SessionUnknown));
            }
            client.used();
            return Ok(Arc::clone(client));
        }
        let held = known.values().filter(|client| client.principal == owner);
        if held.count() >= PER_PRINCIPAL {
            forget_one(&mut known, &owner);
        }
        let client = Arc::new(Client::new(owner));
        known.insert(key.clone(), Arc::clone(&client));
        Ok(client)
    }

    /// The host of a session, if anything is kept for it.
    pub(crate) fn find(&self, key: &SessionKey, principal: &Principal) -> Option<Arc<Client>> {
        let known = self.lock();
        let client = known.get(key)?;
        (*client.principal == **principal.key()).then(|| Arc::clone(client))
    }

    /// Forgets a session that is over. Whoever waits for an answer of its host gets none.
    pub(crate) fn end(&self, key: &SessionKey) {
        let ended = self.lock().remove(key);
        if let Some(client) = ended {
            client.end();
        }
    }

    /// Forgets all of them.
    pub(crate) fn end_all(&self) {
        let all = std::mem::take(&mut *self.lock());
        for client in all.into_values() {
            client.end();
        }
    }

    /// Forgets hosts that were silent for longer than `idle` and that nobody talks to.
    pub(crate) fn sweep(&self, idle: Duration) {
        let idle = i64::try_from(idle.as_secs()).unwrap_or(i64::MAX);
        let now = clock::unix_seconds();
        self.lock()
            .retain(|_, client| !client.is_unused() || now.saturating_sub(client.since()) <= idle);
    }

    /// How many are kept.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionKey, Arc<Client>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes room among the hosts of one principal.
fn forget_one(known: &mut HashMap<SessionKey, Arc<Client>>, owner: &str) {
    let oldest = known
        .iter()
        .filter(|(_, client)| client.principal == owner && client.is_unused())
        .min_by_key(|(_, client)| client.since())
        .or_else(|| {
            // All of them are in use: the bound holds all the same.
            known
                .iter()
                .filter(|(_, client)| client.principal == owner)
                .min_by_key(|(_, client)| client.since())
        })
        .map(|(key, _)| key.clone());
    if let Some(client) = oldest.and_then(|key| known.remove(&key)) {
        client.end();
    }
}

impl Client {
    fn new(principal: String) -> Self {
        Self {
            principal,
            last_used: AtomicI64::new(clock::unix_seconds()),
            last_id: AtomicU64::new(0),
            mailbox: Arc::new(Mailbox::new(Kinds::ALL).with_logs()),
            stream: watch::Sender::new(0),
            replays: Replays::default(),
            state: Mutex::default(),
        }
    }

    /// The streams that the host can take up again.
    pub(crate) fn replays(&self) -> &Replays {
        &self.replays
    }

    /// Opens a question: an id for the request that asks it, and the answer to come. Sending the
    /// request is the caller's part; dropping what this returns forgets the question.
    pub(crate) fn ask(self: &Arc<Self>) -> Pending {
        let number = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let (answer, answered) = oneshot::channel();
        let mut state = self.lock();
        // Where it is not kept, the sender is dropped here, and nobody will answer.
        if !state.over && state.questions.len() < QUESTIONS {
            state.questions.insert(number, answer);
        }
        drop(state);
        Pending {
            number,
            id: quote(&format!("{PREFIX}{number}")),
            answered,
            client: Arc::clone(self),
        }
    }

    /// Takes a response or an error that the host sent. `false` when it answers no open question:
    /// none of ours, answered already, or nobody waits any more.
    pub(crate) fn answer(&self, message: Message) -> bool {
        self.used();
        if !matches!(message.kind(), Kind::Response | Kind::Error) {
            return false;
        }
        let asked = message.id().and_then(number_of);
        let waiting = asked.and_then(|number| self.lock().questions.remove(&number));
        waiting.is_some_and(|waiting| waiting.send(message).is_ok())
    }

    /// Opens a call of the host, so that the host can end it by its raw id.
    pub(crate) fn call(self: &Arc<Self>, id: &str) -> Running {
        let number = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let (end, ended) = oneshot::channel();
        let mut state = self.lock();
        // Of two calls under one id, which no host may make, the later can be ended.
        if !state.over {
            state.calls.insert(id.to_owned(), (number, end));
        }
        drop(state);
        Running {
            number,
            id: id.to_owned(),
            ended,
            client: Arc::clone(self),
        }
    }

    /// Ends a call that the host no longer wants (2025-11-25, cancellation). `false` when there is
    /// none under this raw id.
    pub(crate) fn cancel(&self, id: &str) -> bool {
        self.used();
        let call = self.lock().calls.remove(id);
        call.is_some_and(|(_, call)| call.send(()).is_ok())
    }

    /// Keeps from which level on the host wants to hear what servers log. `false` for a word that
    /// is no level.
    pub(crate) fn set_level(&self, level: &str) -> bool {
        self.mailbox.set_level(level)
    }

    /// The level that the host set, if it did.
    pub(crate) fn level(&self) -> Option<&'static str> {
        self.mailbox.level()
    }

    /// Notes that `server` sent the user of this host to a page, so that the host is told when the
    /// server says that this elicitation is over.
    pub(crate) fn elicited(&self, server: &Arc<str>, elicitation: &str) {
        self.mailbox.expect(server, elicitation);
    }

    /// What waits for the host.
    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// Makes a new stream the one that gets what waits; the one before ends. `None` when the session
    /// is over.
    pub(crate) fn take_stream(self: &Arc<Self>) -> Option<StreamTurn> {
        self.used();
        let mut number = OVER;
        self.stream.send_if_modified(|current| {
            if *current < OVER - 1 {
                *current += 1;
                number = *current;
            }
            number != OVER
        });
        (number != OVER).then(|| StreamTurn {
            number,
            current: self.stream.subscribe(),
            client: Arc::clone(self),
        })
    }

    /// Keeps a subscription.
    ///
    /// # Errors
    /// [`Reason::TooManyStreams`] when the host has too many.
    pub(crate) fn subscribe(&self, share: Share) -> Result<(), Refusal> {
        let mut state = self.lock();
        let known = state.subscriptions.contains_key(share.uri());
        if state.over || (!known && state.subscriptions.len() >= SUBSCRIPTIONS) {
            return Err(Refusal::new(Reason::TooManyStreams));
        }
        self.mailbox.want(share.server(), share.uri());
        let before = state.subscriptions.insert(share.uri().to_owned(), share);
        drop(state);
        // Letting go of a share takes a lock of its own.
        drop(before);
        Ok(())
    }

    /// Ends a subscription. Gives the server whose resource it was; `None` when there was none.
    pub(crate) fn unsubscribe(&self, uri: &str) -> Option<Arc<str>> {
        let share = self.lock().subscriptions.remove(uri)?;
        let server = Arc::clone(share.server());
        self.mailbox.unwant(&server, uri);
        Some(server)
    }

    /// What the host is subscribed to.
    pub(crate) fn subscriptions(&self) -> Vec<String> {
        self.lock().subscriptions.keys().cloned().collect()
    }

    /// Notes that the host was heard of.
    pub(crate) fn used(&self) {
        self.last_used
            .store(clock::unix_seconds(), Ordering::Relaxed);
    }

    fn since(&self) -> i64 {
        self.last_used.load(Ordering::Relaxed)
    }

    /// Whether nobody but the table holds it: no stream is open and no question waits.
    fn is_unused(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1
    }

    fn end(&self) {
        let mut state = self.lock();
        state.over = true;
        // Dropping the senders tells whoever waits.
        state.questions.clear();
        state.calls.clear();
        let subscriptions = std::mem::take(&mut state.subscriptions);
        drop(state);
        drop(subscriptions);
        self.stream.send_replace(OVER);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call of a host that the host can end.
#[derive(Debug)]
#[must_use = "dropping it forgets the call"]
pub(crate) struct Running {
    number: u64,
    id: String,
    ended: oneshot::Receiver<()>,
    client: Arc<Client>,
}

impl Running {
    /// The host.
    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Completes when the host ended the call; never, when it cannot any more. Safe to cancel.
    pub(crate) async fn ended(&mut self) {
        if self.ended.is_terminated() || (&mut self.ended).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.client.lock();
        // A later call under the same id is not forgotten with this one.
        if state
            .calls
            .get(&self.id)
            .is_some_and(|(number, _)| *number == self.number)
        {
            state.calls.remove(&self.id);
        }
    }
}

/// A stream's hold on what waits for its host: of several streams the latest has it.
#[derive(Debug)]
pub(crate) struct StreamTurn {
    number: u64,
    current: watch::Receiver<u64>,
    client: Arc<Client>,
}

impl StreamTurn {
    /// The host.
    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Whether the host had a stream before this one.
    pub(crate) fn is_another(&self) -> bool {
        self.number > 1
    }

    /// Completes when another stream has taken its place, or the session is over.
    pub(crate) async fn over(&mut self) {
        let number = self.number;
        // The sender lives as long as the client, which is held here.
        let _gone = self.current.wait_for(|current| *current != number).await;
    }
}

/// A question that a host was asked.
#[derive(Debug)]
#[must_use = "dropping it forgets the question"]
pub(crate) struct Pending {
    number: u64,
    id: String,
    answered: oneshot::Receiver<Message>,
    client: Arc<Client>,
}

impl Pending {
    /// The id of the request that asks it: a raw JSON token.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The host's response or error. `None` when none can come any more: the session is over, or
    /// too many questions were open. Safe to cancel; after the answer it gives `None`.
    pub(crate) async fn answer(&mut self) -> Option<Message> {
        if self.answered.is_terminated() {
            return None;
        }
        (&mut self.answered).await.ok()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.client.lock().questions.remove(&self.number);
    }
}

/// The number in an id of ours.
fn number_of(id: &str) -> Option<u64> {
    let id = as_string(id)?;
    let digits = id.strip_prefix(PREFIX)?;
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

#[cfg(test)]
mod tests;
