//! The servers: one supervised connection for every server and isolation key.
//!
//! A server keeps state for whoever talks to it. By default each principal has a connection of its
//! own, so that no principal meets what another left behind; `isolation = "shared"` gives one to all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use portcullis_config::{self as config, AuthMethod, Isolation};
use portcullis_mcp::capabilities::ClientCapabilities;
use portcullis_upstream::{Connection, HttpClient, Status, Transport, Upstream, UpstreamError};

use crate::authn::Principal;
use crate::clock;
use crate::credentials::{Caller, Exchangeable, Latest};
use crate::feed::{Event, Feed, Kinds};
use crate::profile::Routed;
use crate::refusal::{Reason, Refusal};
use crate::registry::{Catalogue, Registry, Rules, Source};
use crate::revocation::Revocations;
use crate::server_identity::{Binding, Names, admit, peer_tls};
use crate::snapshot::Snapshot;
use crate::upstream::refused;
use crate::vault;

/// How long a call waits for a server that is about to be started again.
const PATIENCE: Duration = Duration::from_secs(2);

/// The pause before a listener asks again for a server that is another one, or that nobody may call
/// for its user.
const DOUBT: Duration = Duration::from_secs(5);

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

/// A principal's hold on a server: the connection and what it offers.
pub(crate) struct Lease {
    server: Arc<str>,
    spec: config::Server,
    way: Way,
    upstream: Upstream,
    binding: Binding,
    /// For whom it is used, where its server is called with a token of the broker's.
    latest: Option<Arc<Latest>>,
    /// Set when it was ended because of what was started.
    is_over: AtomicBool,
    /// One start at a time: the others wait for what it comes to.
    starting: tokio::sync::Mutex<()>,
    catalogue: Catalogue,
    feed: Feed,
    last_used: AtomicI64,
    /// Calls that wait for the server now.
    calls: AtomicUsize,
}

/// What else a connection is made by, besides the server's own configuration.
#[derive(Debug, PartialEq)]
struct Way {
    outbound: config::Outbound,
    egress_guard: bool,
    server_identity: bool,
}

impl Way {
    fn of(snapshot: &Snapshot) -> Self {
        let config = snapshot.config();
        Self {
            outbound: config.outbound.clone(),
            egress_guard: config.controls.egress_guard,
            server_identity: config.controls.server_identity,
        }
    }

    fn is_of(&self, snapshot: &Snapshot) -> bool {
        let config = snapshot.config();
        self.outbound == config.outbound
            && self.egress_guard == config.controls.egress_guard
            && self.server_identity == config.controls.server_identity
    }
}

/// Why there is no connection.
enum Fault {
    Upstream(UpstreamError),
    /// The server is not the one that was registered.
    Identity(Refusal),
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Lease {
    /// Counts a call that waits for the server, until what this gives is dropped.
    pub(crate) fn under_way(self: &Arc<Self>) -> UnderWay {
        self.calls.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The server's configured name.
    pub(crate) fn server(&self) -> &Arc<str> {
        &self.server
    }

    /// Whether several principals share the connection.
    pub(crate) fn is_shared(&self) -> bool {
        self.spec.isolation == Isolation::Shared
    }

    /// What the server says without being asked.
    pub(crate) fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Where this lease's lists come from, and who judges them under `snapshot`.
    pub(crate) fn source<'s>(
        &'s self,
        connection: &'s Arc<Connection>,
        registry: &'s Registry,
        snapshot: &'s Snapshot,
    ) -> Source<'s> {
        let config = snapshot.config();
        Source {
            server: &self.server,
            connection,
            binding: &self.binding,
            caller: None,
            registry,
            rules: Rules {
                enforce: config.controls.definition_pins,
                trust_on_first_use: config.registry.mode == config::RegistryMode::TrustOnFirstUse,
                shield: snapshot.shield(),
            },
            max_items: config.limits.max_list_items,
        }
    }

    /// Whose token goes with a call; `None` where no token does.
    pub(crate) fn caller(&self, routed: &Routed) -> Option<Caller> {
        self.caller_of(routed.principal(), routed.token())
    }

    fn caller_of(&self, principal: &Arc<Principal>, token: &Exchangeable) -> Option<Caller> {
        let latest = self.latest.as_ref()?.caller()?;
        Some(Caller {
            broker: Arc::clone(&latest.broker),
            server: Arc::clone(&self.server),
            principal: Arc::clone(principal),
            token: token.clone(),
        })
    }

    /// What the server is known by.
    pub(crate) fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Whether it was made for this configuration.
    fn fits(&self, spec: &config::Server, snapshot: &Snapshot) -> bool {
        self.spec == *spec && self.way.is_of(snapshot) && !self.is_over.load(Ordering::Relaxed)
    }

    /// Whether the files behind its TLS are others now. Files that cannot be read are on their way.
    fn has_renewed_files(&self, snapshot: &Snapshot) -> bool {
        let transport = &self.upstream.spec().transport;
        let (Transport::Http { tls, .. } | Transport::OpenApi { tls, .. }) = transport else {
            return false;
        };
        let identity = &self.spec.identity;
        (identity.ca.is_some() || identity.client.is_some())
            && peer_tls(identity, snapshot.base(), self.way.server_identity)
                .is_ok_and(|now| now != *tls)
    }

    /// Ends the connection when its calls are done, and not much later.
    async fn retire(&self) {
        let done = async {
            while self.calls.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        // A call that is still there then is cut off; the limit is that of one call.
        let limit = self.upstream.spec().request_timeout;
        let _late = tokio::time::timeout(limit, done).await;
        self.upstream.shutdown().await;
    }

    /// A live connection, however long it takes: what listens has nothing better to do than to wait.
    /// `None` when this lease is over and another one has taken its place.
    pub(crate) async fn persist(self: &Arc<Self>) -> Option<Arc<Connection>> {
        loop {
            let pause = match self.open().await {
                Ok(connection) => return Some(connection),
                Err(_) if self.upstream.status() == Status::ShutDown => return None,
                Err(Fault::Upstream(UpstreamError::BackingOff { retry_in })) => retry_in,
                Err(Fault::Upstream(UpstreamError::Credential(_)) | Fault::Identity(_)) => DOUBT,
                Err(Fault::Upstream(_)) => Duration::ZERO,
            };
            // A pause of no length must not make a loop that never lets go.
            tokio::time::sleep(pause.max(Duration::from_millis(50))).await;
        }
    }

    /// A live connection, started or started again if need be.
    ///
    /// A server that just died is not started again at once. A caller waits out a short pause
    /// rather than being told to come back.
    pub(crate) async fn connection(self: &Arc<Self>) -> Result<Arc<Connection>, Refusal> {
        self.last_used
            .store(clock::unix_seconds(), Ordering::Relaxed);
        let mut waited = Duration::ZERO;
        loop {
            match self.open().await {
                Ok(connection) => return Ok(connection),
                Err(Fault::Identity(refusal)) => return Err(refusal),
                Err(Fault::Upstream(UpstreamError::BackingOff { retry_in }))
                    if waited + retry_in <= PATIENCE =>
                {
                    tokio::time::sleep(retry_in).await;
                    // A pause of no length must not make a loop of no end.
                    waited += retry_in.max(Duration::from_millis(1));
                }
                Err(Fault::Upstream(error)) => {
                    return Err(refused(error));
                }
            }
        }
    }

    /// The living connection, or a new one to a server that is looked at first.
    async fn open(self: &Arc<Self>) -> Result<Arc<Connection>, Fault> {
        if let Some(connection) = self.upstream.current() {
            return Ok(connection);
        }
        let lease = Arc::clone(self);
        // Whoever leaves in the middle of a start leaves no server behind that was not looked at.
        let starting = tokio::spawn(async move { lease.start().await });
        starting
            .await
            .unwrap_or(Err(Fault::Upstream(UpstreamError::Closed)))
    }

    async fn start(&self) -> Result<Arc<Connection>, Fault> {
        let _turn = self.starting.lock().await;
        if self.upstream.status() != Status::Idle {
            return self.upstream.connection().await.map_err(Fault::Upstream);
        }
        let started = self.binding.before_start().await.map_err(Fault::Identity)?;
        match self.upstream.connection().await {
            Ok(connection) => match self.binding.after_start(started, &connection).await {
                Ok(()) => Ok(connection),
                Err(refusal) => {
                    // It runs already, and nobody may have it.
                    self.is_over.store(true, Ordering::Relaxed);
                    self.upstream.shutdown().await;
                    Err(Fault::Identity(refusal))
                }
            },
            Err(error) if self.binding.doubts(&error) => {
                Err(Fault::Identity(self.binding.refused(error, refused).await))
            }
            Err(error) => Err(Fault::Upstream(error)),
        }
    }
}

/// A call that waits for a server.
pub(crate) struct UnderWay(Arc<Lease>);

impl UnderWay {
    /// Whether no other call does.
    pub(crate) fn is_only(&self) -> bool {
        self.0.calls.load(Ordering::Relaxed) == 1
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
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
        let latest = by_token(spec).then(Arc::<Latest>::default);
        let own = latest.as_ref().map(|latest| Arc::clone(latest) as _);
        let upstream = vault::spec(server, spec, key.capabilities, own, snapshot)
            .map_err(|cause| Refusal::new(Reason::UpstreamUnavailable).because(cause))?;
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
        let lease = Arc::new(Lease {
            server: Arc::clone(server),
            spec: spec.clone(),
            way: Way::of(snapshot),
            binding: Binding::new(
                server,
                spec,
                &upstream,
                (&self.registry, &self.names),
                snapshot,
            ),
            upstream: Upstream::new(
                upstream,
                HttpClient::through(snapshot.facilities().client.clone()),
            ),
            latest,
            is_over: AtomicBool::new(false),
            starting: tokio::sync::Mutex::default(),
            catalogue: Catalogue::default(),
            feed: Feed::default(),
            last_used: AtomicI64::new(clock::unix_seconds()),
            calls: AtomicUsize::new(0),
        });
        // A lease under an old specification ends when its last call lets go of it.
        if let Some(old) = leases.insert(key, Arc::clone(&lease)) {
            tokio::spawn(async move { old.upstream.shutdown().await });
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
            let idle = now.saturating_sub(lease.last_used.load(Ordering::Relaxed)) > unused
                && Arc::strong_count(lease) == 1;
            let spec = config.servers.get(&*lease.server);
            idle || !spec.is_some_and(|spec| lease.fits(spec, snapshot))
        });
        for lease in gone {
            lease.upstream.shutdown().await;
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
            let latest = lease.latest.as_ref().filter(|_| !lease.is_shared());
            let caller = latest.and_then(|latest| latest.caller());
            caller.is_some_and(|caller| revocations.stops(&caller.principal))
        };
        for lease in self.take(is_stopped) {
            lease.upstream.shutdown().await;
        }
    }

    /// The principal of that name connected its account at a server: who listens to it hears that
    /// there is something to be seen.
    pub(crate) fn connected(&self, server: &str, principal: &str) {
        let leases: Vec<Arc<Lease>> = {
            let leases = self.leases.read().unwrap_or_else(PoisonError::into_inner);
            let is_meant = |lease: &&Arc<Lease>| {
                let latest = lease.latest.as_ref().and_then(|latest| latest.caller());
                *lease.server == *server
                    && latest.is_some_and(|latest| latest.principal.id() == principal)
            };
            leases.values().filter(is_meant).map(Arc::clone).collect()
        };
        for lease in leases {
            let changed = Event::ListChanged(Kinds::ALL);
            lease.feed.publish(&lease.server, &changed);
        }
    }

    /// Ends every connection to a server that is held back, calls under way with it.
    pub(crate) async fn close_held(&self, snapshot: &Snapshot) {
        if !snapshot.config().controls.server_identity || !self.registry.holds_any() {
            return;
        }
        for lease in self.take(|lease| self.registry.is_held(&lease.server)) {
            lease.upstream.shutdown().await;
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
        futures_util::future::join_all(all.iter().map(|lease| lease.upstream.shutdown())).await;
    }
}

/// Whether a server is called with tokens of the broker's.
fn by_token(spec: &config::Server) -> bool {
    matches!(spec.auth.method, AuthMethod::Token(_))
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
        .min_by_key(|(_, lease)| lease.last_used.load(Ordering::Relaxed))
        .map(|(known, _)| known.clone());
    if let Some(old) = oldest.and_then(|oldest| leases.remove(&oldest)) {
        tokio::spawn(async move { old.upstream.shutdown().await });
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
        if let (Some(latest), Some(broker)) = (&lease.latest, &self.snapshot.facilities().broker) {
            latest.is(Caller {
                broker: Arc::clone(broker),
                server: Arc::clone(server),
                principal: Arc::clone(principal),
                token: self.token.clone(),
            });
        }
        Ok(lease)
    }

    /// The connection to a server, if there is one now. None is opened.
    pub(crate) fn running(&self, server: &Arc<str>) -> Option<Arc<Connection>> {
        let lease = self.lease(server).ok()?;
        lease.upstream.current()
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
