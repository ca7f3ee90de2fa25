//! What both transports know about the server at the other end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use portcullis_mcp::json::Limits;
use portcullis_mcp::{Era, ProtocolVersion};
use tokio::sync::mpsc;

use crate::lifeline::Lifeline;
use crate::list_changes::Announcements;
use crate::loose::Holders;
use crate::throttle::Throttle;
use crate::{ClientCapabilities, Spec};

/// Answers of our own to requests of the server that may wait to be sent.
const REPLY_QUEUE: usize = 256;

/// Identity, limits, agreed version and counters of one connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) limits: Limits,
    pub(crate) client: ClientCapabilities,
    pub(crate) loose: Holders,
    pub(crate) changes: Announcements,
    pub(crate) lifeline: Lifeline,
    pub(crate) discards: DiscardCounters,
    replies: mpsc::Sender<String>,
    version: OnceLock<ProtocolVersion>,
    last_id: AtomicU64,
    warnings: Mutex<Throttle>,
}

/// Messages of a server that went nowhere, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discards {
    /// Answers to no request in flight: unknown ids, second answers, answers after a cancel.
    pub stray_answers: u64,
    /// Messages that are not strict JSON-RPC or over the limits.
    pub malformed: u64,
    /// Notifications that belong to no exchange, or for which the queue was full.
    pub notifications: u64,
    /// Requests of the server that the connection itself answered with an error, or that nobody
    /// could answer.
    pub requests: u64,
}

#[derive(Debug, Default)]
pub(crate) struct DiscardCounters {
    pub(crate) stray_answers: Counter,
    pub(crate) malformed: Counter,
    pub(crate) notifications: Counter,
    pub(crate) requests: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Peer {
    /// The peer, and the answers to its requests that the link has to send.
    pub(crate) fn new(spec: &Spec) -> (Self, mpsc::Receiver<String>) {
        let (replies, to_send) = mpsc::channel(REPLY_QUEUE);
        let peer = Self {
            name: spec.name.clone(),
            limits: spec.limits,
            client: spec.client.clone(),
            loose: Holders::default(),
            replies,
            changes: Announcements::default(),
            lifeline: Lifeline::default(),
            discards: DiscardCounters::default(),
            version: OnceLock::new(),
            last_id: AtomicU64::new(0),
            warnings: Mutex::default(),
        };
        (peer, to_send)
    }

    /// Sends an answer of our own to a request of the server, without waiting; `false` when it
    /// could not be queued. A server that floods requests and does not read the answers gets no
    /// more of them.
    pub(crate) fn reply(&self, text: String) -> bool {
        self.replies.try_send(text).is_ok()
    }

    /// A request id that was not used on this connection.
    pub(crate) fn fresh_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Fixes the agreed version; the first one stays.
    pub(crate) fn agree(&self, version: ProtocolVersion) {
        let _ = self.version.set(version);
    }

    pub(crate) fn version(&self) -> Option<ProtocolVersion> {
        self.version.get().copied()
    }

    pub(crate) fn is_modern(&self) -> bool {
        self.version()
            .is_some_and(|version| version.era() == Era::Modern)
    }

    /// Batches exist in 2025-03-26 only.
    pub(crate) fn sends_batches(&self) -> bool {
        self.version() == Some(ProtocolVersion::V2025_03_26)
    }

    /// Counts a message that could not be used and says so in the log, within the rate limit.
    pub(crate) fn malformed(&self, reason: &str) {
        self.discards.malformed.add();
        self.warn(reason);
    }

    /// A warning about the server, within the rate limit. `reason` is our own text.
    pub(crate) fn warn(&self, reason: &str) {
        let verdict = self
            .warnings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .line(Instant::now());
        let server = self.name.as_str();
        if let Some(suppressed) = verdict.report {
            tracing::warn!(target: "upstream", server, suppressed, "more warnings were left out");
        }
        if verdict.admit {
            tracing::warn!(target: "upstream", server, "{reason}");
        }
    }
}

impl DiscardCounters {
    pub(crate) fn read(&self) -> Discards {
        Discards {
            stray_answers: self.stray_answers.read(),
            malformed: self.malformed.read(),
            notifications: self.notifications.read(),
            requests: self.requests.read(),
        }
    }
}

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
