//! One lease: the supervised connection to a server, and what it offers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use portcullis_config::{self as config, AuthMethod, Isolation};
use portcullis_mcp::capabilities::ClientCapabilities;
use portcullis_upstream::{Connection, HttpClient, Status, Transport, Upstream, UpstreamError};

use crate::authn::Principal;
use crate::clock;
use crate::credentials::{Caller, Exchangeable, Latest};
use crate::feed::Feed;
use crate::profile::Routed;
use crate::refusal::{Reason, Refusal};
use crate::registry::{Catalogue, Registry, Rules, Source};
use crate::server_identity::{Binding, Names, peer_tls};
use crate::snapshot::Snapshot;
use crate::upstream::refused;
use crate::vault;

/// How long a call waits for a server that is about to be started again.
const PATIENCE: Duration = Duration::from_secs(2);

/// The pause before a listener asks again for a server that is another one, or that nobody may call
/// for its user.
const DOUBT: Duration = Duration::from_secs(5);

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
    /// A lease that has no connection yet.
    pub(super) fn new(
        server: &Arc<str>,
        spec: &config::Server,
        capabilities: ClientCapabilities,
        known: (&Arc<Registry>, &Arc<Names>),
        snapshot: &Snapshot,
    ) -> Result<Self, Refusal> {
        let by_token = matches!(spec.auth.method, AuthMethod::Token(_));
        let latest = by_token.then(Arc::<Latest>::default);
        let own = latest.as_ref().map(|latest| Arc::clone(latest) as _);
        let upstream = vault::spec(server, spec, capabilities, own, snapshot)
            .map_err(|cause| Refusal::new(Reason::UpstreamUnavailable).because(cause))?;
        let client = HttpClient::through(snapshot.facilities().client.clone());
        Ok(Self {
            server: Arc::clone(server),
            spec: spec.clone(),
            way: Way::of(snapshot),
            binding: Binding::new(server, spec, &upstream, known, snapshot),
            upstream: Upstream::new(upstream, client),
            latest,
            is_over: AtomicBool::new(false),
            starting: tokio::sync::Mutex::default(),
            catalogue: Catalogue::default(),
            feed: Feed::default(),
            last_used: AtomicI64::new(clock::unix_seconds()),
            calls: AtomicUsize::new(0),
        })
    }

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

    pub(super) fn caller_of(
        &self,
        principal: &Arc<Principal>,
        token: &Exchangeable,
    ) -> Option<Caller> {
        let latest = self.latest.as_ref()?.caller()?;
        Some(Caller {
            broker: Arc::clone(&latest.broker),
            server: Arc::clone(&self.server),
            principal: Arc::clone(principal),
            token: token.clone(),
        })
    }

    /// Who called with it last, where its server is called with a token of the broker's.
    pub(super) fn latest_caller(&self) -> Option<Arc<Caller>> {
        self.latest.as_ref()?.caller()
    }

    /// Notes who calls now.
    pub(super) fn is_used_by(&self, caller: impl FnOnce() -> Option<Caller>) {
        if let Some(latest) = &self.latest
            && let Some(caller) = caller()
        {
            latest.is(caller);
        }
    }

    /// When a connection was last asked for, in seconds of Unix time.
    pub(super) fn last_used(&self) -> i64 {
        self.last_used.load(Ordering::Relaxed)
    }

    /// The connection, if there is one now.
    pub(super) fn current(&self) -> Option<Arc<Connection>> {
        self.upstream.current()
    }

    /// Ends the connection in an orderly way, for good.
    pub(super) async fn shutdown(&self) {
        self.upstream.shutdown().await;
    }

    /// What the server is known by.
    pub(crate) fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Whether it was made for this configuration.
    pub(super) fn fits(&self, spec: &config::Server, snapshot: &Snapshot) -> bool {
        self.spec == *spec && self.way.is_of(snapshot) && !self.is_over.load(Ordering::Relaxed)
    }

    /// Whether the files behind its TLS, or its secrets, are others now. What cannot be read is on its way.
    pub(super) fn has_renewed_files(&self, snapshot: &Snapshot) -> bool {
        let transport = &self.upstream.spec().transport;
        if vault::has_other_secrets(transport, &self.spec, snapshot) {
            return true;
        }
        let (Transport::Http { tls, .. } | Transport::OpenApi { tls, .. }) = transport else {
            return false;
        };
        let identity = &self.spec.identity;
        (identity.ca.is_some() || identity.client.is_some())
            && peer_tls(
                identity,
                &snapshot.facilities().fixed,
                self.way.server_identity,
            )
            .is_ok_and(|now| now != *tls)
    }

    /// Ends the connection when its calls are done, and not much later.
    pub(super) async fn retire(&self) {
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
