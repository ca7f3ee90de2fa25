//! What a broker works with.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use portcullis_egress::Client;
use portcullis_oauth::{Clock, ReadSecret};
use portcullis_store::{GrantStore, RevocationStore};
use portcullis_vault::Vault;
use url::Url;

use crate::event::Event;

/// What a broker works with.
#[derive(Clone)]
pub struct Context {
    /// Ways out.
    pub http: Http,
    /// Reads the secrets of the gateway's registrations, at each use, so that a secret that was
    /// replaced counts at once.
    pub secrets: Arc<dyn ReadSecret>,
    /// Where tokens are kept.
    pub vault: Arc<Vault>,
    /// Where sign-ins that have begun are kept.
    pub one_time: Arc<dyn GrantStore>,
    /// Who must not get a credential any more.
    pub revocations: Arc<dyn RevocationStore>,
    /// The time. The vault's clock has to agree with it.
    pub clock: Arc<dyn Clock>,
    /// The folder that paths in the configuration are relative to.
    pub base: PathBuf,
    /// What the gateway says about itself where users sign in; `None`: nobody can.
    pub client: Option<OwnClient>,
    /// Hears of what an operator should see, from whatever task it happens in. Must not block.
    pub on_event: Arc<dyn Fn(Event) + Send + Sync>,
}

/// Ways out, each with the TLS settings of those it leads to.
#[derive(Clone)]
pub struct Http {
    /// To everybody without a client of its own.
    pub general: Client,
    /// To servers with an `identity` of their own, by name.
    pub servers: HashMap<String, Client>,
    /// To issuers with a `ca` of their own, by name.
    pub issuers: HashMap<String, Client>,
}

/// What the gateway says about itself at authorization servers where nobody registered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnClient {
    /// The name that people read when they consent.
    pub name: String,
    /// Where a sign-in comes back to.
    pub callback: Url,
    /// The address of the gateway's client metadata document, if it is published.
    pub document: Option<Url>,
    /// Whether the gateway may register itself (RFC 7591) where it must.
    pub may_register: bool,
}

impl Context {
    /// Unix microseconds.
    pub(crate) fn now_us(&self) -> i64 {
        micros(self.clock.unix_seconds())
    }

    pub(crate) fn tell(&self, event: Event) {
        (self.on_event)(event);
    }
}

/// Seconds as microseconds.
pub(crate) fn micros(seconds: u64) -> i64 {
    i64::try_from(seconds)
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000_000)
}
