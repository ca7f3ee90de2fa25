//! The stream on which a host hears what it did not ask for in this very moment.
//!
//! Two forms: `subscriptions/listen` of the modern era, which says what it wants and is told what it
//! gets; and the stream of a legacy session (HTTP GET, or standard output), which gets list changes,
//! updates of what the session subscribed to, log messages and the end of elicitations.
//!
//! Everything on it was started by a server, so that each message is screened like a result and has
//! an entry of its own in the trail. A stream outlives reloads: it is judged anew under each
//! configuration, and ends when that does not permit it any more.

mod notice;
mod open;
mod resources;
mod streams;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, Interval};

use crate::audit::{Entry, Outcome};
use crate::clients::StreamTurn;
use crate::clock;
use crate::feed::{Attached, Delivery, Kinds, Mailbox, Share};
use crate::gateway::{Gateway, News};
use crate::profile::Routed;
use crate::protocol::Protocol;
use crate::refusal::Refusal;
use crate::reply::Outgoing;
use crate::servers::Leases;
use crate::snapshot::Snapshot;

pub(crate) use open::{in_session, listen};
pub(crate) use resources::{subscribe, unsubscribe};
use streams::Slot;
pub(crate) use streams::Streams;

/// How often a stream of a session looks whether the session still holds.
const CHECK: Duration = Duration::from_secs(30);
/// How many messages a second one stream carries. What is more waits, and is merged while it waits.
const PER_SECOND: u32 = 100;

/// One open stream. Dropping it ends everything that it needed.
pub(crate) struct Listening {
    gateway: Arc<Gateway>,
    snapshot: Arc<Snapshot>,
    routed: Routed,
    protocol: Protocol,
    form: Form,
    mailbox: Arc<Mailbox>,
    attached: Vec<Attached>,
    news: watch::Receiver<News>,
    check: Interval,
    pace: Pace,
    /// Texts that go out next.
    ready: VecDeque<String>,
    /// The entry of whoever opened the stream, open as long as the stream.
    entry: Option<Entry>,
    done: bool,
    _slot: Slot,
}

enum Form {
    /// The stream of a legacy session.
    Session(StreamTurn),
    /// `subscriptions/listen`.
    Subscription(Subscription),
}

struct Subscription {
    /// The id of the request: a raw token.
    id: String,
    /// The resources that were granted when it was opened.
    uris: Vec<String>,
    shares: Vec<Share>,
}

enum Woken {
    Over,
    News,
    Check,
    Delivery(Delivery),
}

impl Listening {
    /// Keeps the entry of what opened the stream open until its end.
    pub(crate) fn recorded_in(mut self, entry: Entry) -> Self {
        self.entry = Some(entry);
        self
    }

    /// The next message, or `None` at the end. Not safe to cancel half-way: poll it to its end, or
    /// drop the stream.
    pub(crate) async fn next(&mut self) -> Option<Outgoing> {
        loop {
            if let Some(text) = self.ready.pop_front() {
                return Some(Outgoing::Message(text));
            }
            if self.done {
                return None;
            }
            let woken = tokio::select! {
                biased;
                () = over(&mut self.form) => Woken::Over,
                () = token_ends(&self.routed) => Woken::Over,
                _ = self.news.changed() => Woken::News,
                _ = self.check.tick() => Woken::Check,
                delivery = self.pace.next(&self.mailbox) => Woken::Delivery(delivery),
            };
            let goes_on = match woken {
                Woken::Over => false,
                Woken::News => self.goes_on().await,
                Woken::Check => self.session_holds(),
                Woken::Delivery(delivery) => self.take(&delivery).await,
            };
            if !goes_on {
                return self.finish();
            }
        }
    }

    /// Refuses what the transport cannot carry, as if the stream had never been opened.
    pub(crate) fn turn_down(mut self, refusal: &Refusal) -> String {
        let era = self.protocol.era();
        let id = match &self.form {
            Form::Subscription(subscription) => Some(subscription.id.as_str()),
            Form::Session(_) => None,
        };
        let entry = self.entry.as_mut();
        let body = refusal.to_message(id, era, entry.as_ref().map_or("", |entry| entry.id()));
        if let Some(entry) = entry {
            entry.refuse(refusal);
        }
        body
    }

    /// The end that the gateway chose: a subscription is answered, a session's stream just ends.
    fn finish(&mut self) -> Option<Outgoing> {
        self.done = true;
        self.attached.clear();
        let last = match &self.form {
            Form::Session(_) => None,
            Form::Subscription(subscription) => Some(notice::last(&subscription.id)),
        };
        if let Some(entry) = &mut self.entry {
            entry.finish(Outcome::Ok, last.as_deref().unwrap_or_default());
        }
        last.map(|text| Outgoing::Answer { text, status: 200 })
    }

    /// What the gateway says about itself: it stops, or has another configuration.
    async fn goes_on(&mut self) -> bool {
        if self.news.borrow_and_update().closing {
            return false;
        }
        let snapshot = self.gateway.snapshot();
        let revocation = snapshot.config().controls.revocation;
        if revocation && self.gateway.revocations().stops(self.routed.principal()) {
            return false;
        }
        if Arc::ptr_eq(&snapshot, &self.snapshot) {
            return true;
        }
        // The credential is gone; whoever showed it must still be somebody to this configuration.
        if !snapshot.authenticator().knows(self.routed.principal()) {
            return false;
        }
        let Some(routed) = snapshot.profiles().again(&self.routed) else {
            return false;
        };
        if snapshot.authz().reach(&routed, &self.protocol).is_err() {
            return false;
        }
        (self.snapshot, self.routed) = (snapshot, routed);
        self.renew().await;
        // Another configuration may show another choice of everything.
        self.mailbox.change(Kinds::ALL);
        true
    }

    /// Listens to the servers of the profile as it is now.
    async fn renew(&mut self) {
        let attached = self.attach();
        // The old hold goes after the new one stands, so that a feed which both need goes on.
        drop(std::mem::replace(&mut self.attached, attached));
        match &mut self.form {
            Form::Session(turn) => {
                let client = Arc::clone(turn.client());
                for uri in client.subscriptions() {
                    // Ended first: under another configuration it may be another server's.
                    let before = client.unsubscribe(&uri);
                    let again = resources::share(&self.gateway, &self.context(), &uri).await;
                    if let Err(refusal) = again.and_then(|share| client.subscribe(share)) {
                        tracing::info!(server = ?before, reason = refusal.reason().face().id, "a subscription ended with the configuration that it was made under");
                    }
                }
            }
            Form::Subscription(subscription) => {
                for share in subscription.shares.drain(..) {
                    self.mailbox.unwant(share.server(), share.uri());
                }
                let uris = subscription.uris.clone();
                let shares = resources::shares(&self.gateway, &self.context(), &uris).await;
                for share in &shares {
                    self.mailbox.want(share.server(), share.uri());
                }
                if let Form::Subscription(subscription) = &mut self.form {
                    subscription.shares = shares;
                }
            }
        }
    }

    fn attach(&self) -> Vec<Attached> {
        open::attach(&self.gateway, &self.context(), &self.mailbox)
    }

    fn context(&self) -> Context<'_> {
        Context::new(&self.gateway, &self.snapshot, &self.routed, &self.protocol)
    }

    /// A session may have been ended by another process, or have grown too old.
    fn session_holds(&self) -> bool {
        let (Form::Session(_), Some(id)) = (&self.form, &self.routed.facts().headers.session)
        else {
            return true;
        };
        let bound = self.snapshot.config().controls.session_binding;
        let profile = &self.routed.profile().name;
        self.gateway
            .sessions()
            .open_id(id, self.routed.principal(), profile, bound)
            .is_ok()
    }
}

/// Completes with the end of the token that opened the stream. Whoever goes on shows a new one.
async fn token_ends(routed: &Routed) {
    let Some(token) = routed.principal().signed_in() else {
        return std::future::pending().await;
    };
    let left = token.expires.saturating_sub(clock::unix_seconds());
    tokio::time::sleep(Duration::from_secs(u64::try_from(left).unwrap_or_default())).await;
}

/// Who listens, and under which configuration.
pub(crate) struct Context<'a> {
    pub(crate) snapshot: &'a Arc<Snapshot>,
    pub(crate) routed: &'a Routed,
    pub(crate) protocol: &'a Protocol,
    pub(crate) leases: Leases<'a>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        gateway: &'a Gateway,
        snapshot: &'a Arc<Snapshot>,
        routed: &'a Routed,
        protocol: &'a Protocol,
    ) -> Self {
        Self {
            snapshot,
            routed,
            protocol,
            leases: Leases {
                servers: gateway.servers(),
                registry: gateway.registry(),
                principal: routed.principal(),
                token: routed.token(),
                capabilities: protocol.capabilities,
                snapshot,
            },
        }
    }
}

/// Completes when another stream took the place of this one, or its session is over.
async fn over(form: &mut Form) {
    match form {
        Form::Session(turn) => turn.over().await,
        Form::Subscription(_) => std::future::pending().await,
    }
}

/// Keeps a stream from carrying more than a reader, and the trail, can take.
struct Pace {
    since: Instant,
    carried: u32,
}

impl Pace {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            carried: 0,
        }
    }

    /// The next delivery, when it is time for one. Safe to cancel.
    async fn next(&mut self, mailbox: &Mailbox) -> Delivery {
        let second = Duration::from_secs(1);
        if self.since.elapsed() < second && self.carried >= PER_SECOND {
            tokio::time::sleep_until(self.since + second).await;
        }
        let delivery = mailbox.next().await;
        if self.since.elapsed() >= second {
            *self = Self::new();
        }
        self.carried += 1;
        delivery
    }
}
