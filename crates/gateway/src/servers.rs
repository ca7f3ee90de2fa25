//! The servers: one supervised connection for every server and isolation key.
//!
//! A server keeps state for whoever talks to it. By default each principal has a connection of its
//! own, so that no principal meets what another left behind; `isolation = "shared"` gives one to all.

mod lease;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use portcullis_config::{self as config, Isolation};
use portcullis_mcp::capabilities::ClientCapabilities;
use portcullis_upstream::Connection;

use crate::authn::Principal;
use crate::clock;
use crate::credentials::{Caller, Exchangeable};
use crate::feed::{Event, Kinds};
use crate::refusal::{Reason, Refusal};
use crate::registry::{Registry, Source};
use crate::revocation::Revocations;
use crate::server_identity::{Names, admit};
use crate::snapshot::Snapshot;

pub(crate) use lease::{Lease, UnderWay};

/// How many connections one principal may have to one server, each for clients that can be asked for
/// other things. A client says by itself what it can be asked for, so that this must have a bound.
const MAX_VARIANTS: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct LeaseKey {
    server: Arc<str>,
    /// `None`: shared by all.
    principal: Option<Arc<str>>,
    /// What the server was told that it may ask for.
    capabilities: ClientCapabilities,
}

/// All leases of this process.
pub(crate) struct Servers {
    leases: RwLock<HashMap<LeaseKey, Arc<Lease>>>,
    registry: Arc<Registry>,
    names: Arc<Names>,
}

impl Servers {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self {
            leases: RwLock::new(HashMap::new()),
            registry,
            names: Arc::default(),
        }
    }

    fn lease(
        &self,
        server: &Arc<str>,
        principal: &Principal,
        capabilities: ClientCapabilities,
        snapshot: &Snapshot,
    ) -> Result<Arc<Lease>, Refusal> {
        let spec = snapshot
            .config()
            .servers
            .get(&**server)
            .ok_or_else(|| Refusal::new(Reason::UpstreamUnavailable))?;
        let key = LeaseKey {
            server: Arc::clone(server),
            principal: (spec.isolation == Isolation::Principal)
                .then(|| Arc::clone(principal.key())),
            capabilities: askable(spec, capabilities),
        };
        if let Some(lease) = self
            .leases
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            && lease.fits(spec, snapshot)
        {
            return Ok(Arc::clone(lease));
        }
        let known = (&self.registry, &self.names);
        let lease = Lease::new(server, spec, key.capabilities, known, snapshot)?;
        let mut leases = self.leases.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(lease) = leases.get(&key)
            && lease.fits(spec, snapshot)
        {
            return Ok(Arc::clone(lease));
        }
        if !leases.contains_key(&key) {
            make_room(&mut leases, &key);
        }
        let held = leases
            .keys()
            .filter(|known| known.server == key.server)
            .count();
        if held >= snapshot.config().limits.max_sessions_per_server && !leases.contains_key(&key) {
            return Err(Refusal::new(Reason::UpstreamUnavailable)
                .detail("limits.max-sessions-per-server is reached"));
        }
        let lease = Arc::new(lease);
        // A lease under an old specification ends when its last call lets go of it.
        if let Some(old) = leases.insert(key, Arc::clone(&lease)) {
            tokio::spawn(async move { old.shutdown().await });
        }
        Ok(lease)
    }

    /// Closes what the configuration no longer has, and what nobody used for a while. A connection
    /// whose certificates were renewed ends with its last call; the next one has the new ones.
    pub(crate) async fn sweep(&self, snapshot: &Snapshot) {
        let config = snapshot.config();
        let now = clock::unix_seconds();
        let unused =
            i64::try_from(config.limits.session_idle_timeout.as_secs()).unwrap_or(i64::MAX);
        let gone = self.take(|lease| {
            let idle =
                now.saturating_sub(lease.last_used()) > unused && Arc::strong_count(lease) == 1;
            let spec = config.servers.get(&**lease.server());
            idle || !spec.is_some_and(|spec| lease.fits(spec, snapshot))
        });
        for lease in gone {
            lease.shutdown().await;
        }
        for renewed in self.take(|lease| lease.has_renewed_files(snapshot)) {
            tokio::spawn(async move { renewed.retire().await });
        }
    }

    /// Ends every connection that is used with the token of somebody who is revoked.
    pub(crate) async fn close_revoked(&self, revocations: &Revocations) {
        if !revocations.are_any() {
            return;
        }
        let is_stopped = |lease: &Arc<Lease>| {
            let caller = lease.latest_caller().filter(|_| !lease.is_shared());
            caller.is_some_and(|caller| revocations.stops(&caller.principal))
        };
        for lease in self.take(is_stopped) {
            lease.shutdown().await;
        }
    }

    /// The principal of that name connected its account at a server: who listens to it hears that
    /// there is something to be seen.
    pub(crate) fn connected(&self, server: &str, principal: &str) {
        let leases: Vec<Arc<Lease>> = {
            let leases = self.leases.read().unwrap_or_else(PoisonError::into_inner);
            let is_meant = |lease: &&Arc<Lease>| {
                let latest = lease.latest_caller();
                **lease.server() == *server
                    && latest.is_some_and(|latest| latest.principal.id() == principal)
            };
            leases.values().filter(is_meant).map(Arc::clone).collect()
        };
        for lease in leases {
            let changed = Event::ListChanged(Kinds::ALL);
            lease.feed().publish(lease.server(), &changed);
        }
    }

    /// Ends every connection to a server that is held back, calls under way with it.
    pub(crate) async fn close_held(&self, snapshot: &Snapshot) {
        if !snapshot.config().controls.server_identity || !self.registry.holds_any() {
            return;
        }
        for lease in self.take(|lease| self.registry.is_held(lease.server())) {
            lease.shutdown().await;
        }
    }

    fn take(&self, is_over: impl Fn(&Arc<Lease>) -> bool) -> Vec<Arc<Lease>> {
        let mut leases = self.leases.write().unwrap_or_else(PoisonError::into_inner);
        let over: Vec<LeaseKey> = leases
            .iter()
            .filter(|(_, lease)| is_over(lease))
            .map(|(key, _)| key.clone())
            .collect();
        over.iter().filter_map(|key| leases.remove(key)).collect()
    }

    /// Ends every connection in an orderly way.
    pub(crate) async fn shutdown(&self) {
        let all: Vec<Arc<Lease>> = {
            let mut leases = self.leases.write().unwrap_or_else(PoisonError::into_inner);
            leases.drain().map(|(_, lease)| lease).collect()
        };
        futures_util::future::join_all(all.iter().map(|lease| lease.shutdown())).await;
    }
}

/// What a server is told that it may ask for.
///
/// One connection for all principals must not carry questions: over a shared channel they could reach
/// the wrong person.
fn askable(spec: &config::Server, capabilities: ClientCapabilities) -> ClientCapabilities {
    const ANSWERED: ClientCapabilities = ClientCapabilities::TASKS.union(ClientCapabilities::UI);
    match spec.isolation {
        Isolation::Principal => capabilities,
        Isolation::Shared => capabilities.intersection(ANSWERED),
    }
}

/// Ends the connection that a principal used least recently, when it has several to one server that
/// differ in what its clients can be asked for.
fn make_room(leases: &mut HashMap<LeaseKey, Arc<Lease>>, key: &LeaseKey) {
    let siblings = || {
        leases
            .iter()
            .filter(|(known, _)| known.server == key.server && known.principal == key.principal)
    };
    if siblings().count() < MAX_VARIANTS {
        return;
    }
    let oldest = siblings()
        .filter(|(_, lease)| Arc::strong_count(lease) == 1)
        .min_by_key(|(_, lease)| lease.last_used())
        .map(|(known, _)| known.clone());
    if let Some(old) = oldest.and_then(|oldest| leases.remove(&oldest)) {
        tokio::spawn(async move { old.shutdown().await });
    }
}

/// The leases as one principal sees them under one configuration.
pub(crate) struct Leases<'a> {
    pub(crate) servers: &'a Servers,
    pub(crate) registry: &'a Registry,
    pub(crate) principal: &'a Arc<Principal>,
    /// Its token, for exchanges alone.
    pub(crate) token: &'a Exchangeable,
    /// What the client can be asked for.
    pub(crate) capabilities: ClientCapabilities,
    pub(crate) snapshot: &'a Snapshot,
}

impl Leases<'_> {
    pub(crate) fn lease(&self, server: &Arc<str>) -> Result<Arc<Lease>, Refusal> {
        admit(server, self.registry, self.snapshot)?;
        let (principal, capabilities) = (self.principal, self.capabilities);
        let lease = self
            .servers
            .lease(server, principal, capabilities, self.snapshot)?;
        lease.is_used_by(|| {
            Some(Caller {
                broker: Arc::clone(self.snapshot.facilities().broker.as_ref()?),
                server: Arc::clone(server),
                principal: Arc::clone(principal),
                token: self.token.clone(),
            })
        });
        Ok(lease)
    }

    /// The connection to a server, if there is one now. None is opened.
    pub(crate) fn running(&self, server: &Arc<str>) -> Option<Arc<Connection>> {
        let lease = self.lease(server).ok()?;
        lease.current()
    }

    pub(crate) fn source<'s>(
        &'s self,
        lease: &'s Lease,
        connection: &'s Arc<Connection>,
    ) -> Source<'s> {
        Source {
            caller: lease.caller_of(self.principal, self.token),
            ..lease.source(connection, self.registry, self.snapshot)
        }
    }
}
