//! The gateway as one value: what is configured, what is stored, and what runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use portcullis_egress::Client;
use portcullis_mcp::capabilities::ClientCapabilities;
use portcullis_mcp::result::ListKind;
use portcullis_mcp::version::ProtocolVersion;
use portcullis_store::{
    AuditRecord, AuditStore, Closed, RegistryStore, RevocationStore, SessionStore, Sqlite, Store,
    StoreError,
};
use portcullis_upstream::UpstreamError;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::audit::Trail;
use crate::authn::Principal;
use crate::clients::Clients;
use crate::clock;
use crate::credentials::Exchangeable;
use crate::elicited::Elicited;
use crate::facilities::Facilities;
use crate::feed::Running;
use crate::happenings;
use crate::listening::Streams;
use crate::load::Loaded;
use crate::refusal::Refusal;
use crate::registry::{Freshness, Registry, Standing};
use crate::revocation::Revocations;
use crate::seal::SealError;
use crate::servers::{Leases, Servers};
use crate::session::Sessions;
use crate::snapshot::Snapshot;
use crate::suspended::Suspended;
use crate::tickets::Tickets;

/// How often decisions of other processes are taken over.
const POLL: Duration = Duration::from_millis(500);
/// How often unused connections are looked for, in polls.
const SWEEP: u32 = 60;
/// How many calls may go on without their connection at a time.
const DETACHED: usize = 1_000;
/// An entry that is open for longer than this was left by a crash, in microseconds.
const LOST: i64 = 3_600_000_000;

/// Where durable state lives.
#[derive(Clone)]
pub struct Stores {
    /// The audit trail.
    pub audit: Arc<dyn AuditStore>,
    /// Definitions and their pins.
    pub registry: Arc<dyn RegistryStore>,
    /// Sessions and sealing keys.
    pub sessions: Arc<dyn SessionStore>,
    /// What must not be believed any more.
    pub revocations: Arc<dyn RevocationStore>,
    /// Everything that is kept: credentials, one-time values, consents.
    pub store: Arc<dyn Store>,
}

impl From<Sqlite> for Stores {
    fn from(store: Sqlite) -> Self {
        Self::from(Arc::new(store) as Arc<dyn Store>)
    }
}

impl From<Arc<dyn Store>> for Stores {
    fn from(store: Arc<dyn Store>) -> Self {
        Self {
            audit: Arc::clone(&store) as _,
            registry: Arc::clone(&store) as _,
            revocations: Arc::clone(&store) as _,
            sessions: Arc::clone(&store) as _,
            store,
        }
    }
}

/// Why the gateway could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store refused.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// Sessions cannot be sealed.
    #[error("sessions cannot be served")]
    Session(#[from] SealError),
    /// TLS could not be set up.
    #[error("tls cannot be set up")]
    Tls(#[from] UpstreamError),
    /// What the configuration needs besides itself is not there: every problem.
    #[error("{}", .0.join("; "))]
    Configuration(Vec<String>),
}

/// What a look at a server showed.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Inspection {
    /// The protocol revision that was agreed on.
    #[serde(serialize_with = "as_text")]
    pub version: ProtocolVersion,
    /// The server's self-reported name and version, as raw JSON.
    pub server_info: Option<String>,
    /// Definitions in force.
    pub approved: usize,
    /// Definitions held for review.
    pub held: usize,
}

fn as_text<S: serde::Serializer>(
    version: &ProtocolVersion,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(version.as_str())
}

/// What the gateway says about itself to those who listen to it for long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// Configurations taken into use.
    pub(crate) reloads: u64,
    /// How often decisions of other processes were taken over.
    pub(crate) decisions: u64,
    /// Streams must end.
    pub(crate) closing: bool,
}

/// A running gateway. Listeners share it.
pub struct Gateway {
    snapshot: ArcSwap<Snapshot>,
    sessions: Sessions,
    clients: Clients,
    tickets: Tickets,
    suspended: Suspended,
    elicited: Elicited,
    detached: Arc<Semaphore>,
    registry: Arc<Registry>,
    revocations: Revocations,
    servers: Servers,
    trail: Trail,
    news: watch::Sender<News>,
    streams: Streams,
    feeds: Running,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    stores: Stores,
}

impl Gateway {
    /// Opens a gateway: reads the pins and the sealing key, starts the audit writer. No server is
    /// started before somebody needs it.
    ///
    /// # Errors
    /// When the store cannot be read or TLS cannot be set up.
    pub async fn open(loaded: Loaded, stores: Stores) -> Result<Arc<Self>, OpenError> {
        let (happenings, attended) = happenings::channel();
        let facilities = Facilities::open(&loaded, &stores, happenings)
            .await
            .map_err(OpenError::Configuration)?;
        close_lost_entries(&*stores.audit).await?;
        let registry = Arc::new(Registry::open(Arc::clone(&stores.registry)).await?);
        let (trail, writer) = Trail::start(Arc::clone(&stores.audit));
        let gateway = Arc::new(Self {
            snapshot: ArcSwap::from_pointee(Snapshot::new(loaded, facilities)),
            sessions: Sessions::open(Arc::clone(&stores.sessions)).await?,
            clients: Clients::default(),
            tickets: Tickets::open(&*stores.sessions).await?,
            suspended: Suspended::new(),
            elicited: Elicited::default(),
            detached: Arc::new(Semaphore::new(DETACHED)),
            registry: Arc::clone(&registry),
            revocations: Revocations::open(Arc::clone(&stores.revocations)).await?,
            servers: Servers::new(registry),
            trail,
            news: watch::Sender::default(),
            streams: Streams::default(),
            feeds: Running::default(),
            tasks: Mutex::new(Vec::new()),
            stores,
        });
        let upkeep = tokio::spawn(upkeep(
            Arc::downgrade(&gateway),
            Arc::clone(&gateway.stores.store),
        ));
        let attending = happenings::attend(Arc::downgrade(&gateway), attended);
        let attending = tokio::spawn(attending);
        gateway
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend([upkeep, attending, writer]);
        Ok(gateway)
    }

    /// Takes a new configuration into use. Messages under way keep the one they started with.
    ///
    /// # Errors
    /// Every problem with what the configuration needs besides itself. Nothing is changed then.
    pub async fn reload(&self, loaded: Loaded) -> Result<(), Vec<String>> {
        let facilities = self
            .snapshot()
            .facilities()
            .renew(&loaded, &self.stores)
            .await?;
        let snapshot = Arc::new(Snapshot::new(loaded, facilities));
        self.snapshot.store(Arc::clone(&snapshot));
        self.servers.sweep(&snapshot).await;
        self.news
            .send_modify(|news| news.reloads = news.reloads.wrapping_add(1));
        Ok(())
    }

    /// Ends every stream that hosts listen on, and lets no new one last. Calls under way go on.
    pub fn close_streams(&self) {
        self.news.send_modify(|news| news.closing = true);
    }

    /// How many streams hosts listen on.
    pub fn open_streams(&self) -> usize {
        self.streams.count()
    }

    /// How many servers are listened to on behalf of hosts.
    pub fn running_feeds(&self) -> usize {
        self.feeds.count()
    }

    /// Ends every server in an orderly way and waits until the trail is on disk.
    pub async fn shutdown(&self) {
        self.suspended.clear();
        self.close_streams();
        self.clients.end_all();
        self.servers.shutdown().await;
        if let Err(error) = self.trail.flush().await {
            tracing::error!(%error, "the audit trail could not be written to its end");
        }
        let tasks: Vec<JoinHandle<()>> = self
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
            .collect();
        for task in tasks {
            task.abort();
            // Waited for, so that none of them meets a store that its owner closes after this.
            let _ended = task.await;
        }
    }

    /// Connects to one server as the operator does: every list is fetched, judged and put on
    /// record. Nothing is called.
    ///
    /// # Errors
    /// When the server is not configured, cannot be reached, or breaks the protocol.
    pub async fn inspect(&self, server: &str) -> Result<Inspection, Refusal> {
        let snapshot = self.snapshot();
        let operator = Arc::new(Principal::operator());
        let leases = Leases {
            servers: &self.servers,
            registry: &self.registry,
            principal: &operator,
            token: &Exchangeable::default(),
            capabilities: ClientCapabilities::NONE,
            snapshot: &snapshot,
        };
        let lease = leases.lease(&Arc::from(server))?;
        let connection = lease.connection().await?;
        let source = leases.source(&lease, &connection);
        let mut inspection = Inspection {
            version: connection.version(),
            server_info: connection.server_info().map(str::to_owned),
            approved: 0,
            held: 0,
        };
        let instructions = lease.catalogue().instructions(&source).await?;
        inspection.approved += usize::from(instructions.is_some());
        inspection.held +=
            usize::from(instructions.is_none() && connection.instructions().is_some());
        for kind in [
            ListKind::Tools,
            ListKind::Prompts,
            ListKind::Resources,
            ListKind::ResourceTemplates,
        ] {
            let listing = lease
                .catalogue()
                .listing(kind, Freshness::Now, &source)
                .await?;
            for definition in listing.definitions() {
                match definition.standing {
                    Standing::Approved => inspection.approved += 1,
                    Standing::Changed | Standing::Rejected | Standing::Unreviewed => {
                        inspection.held += 1
                    }
                }
            }
        }
        Ok(inspection)
    }

    /// Waits until everything recorded so far is on disk. `false` when it could not be written.
    pub async fn flush(&self) -> bool {
        self.trail.flush().await.is_ok()
    }

    /// The configuration in force.
    pub fn config(&self) -> portcullis_config::Config {
        self.snapshot.load().config().clone()
    }

    /// The client that fetches from addresses which others named: `[outbound]` and the control
    /// `egress-guard` say how far it goes.
    pub fn egress(&self) -> Client {
        self.snapshot.load().facilities().client.clone()
    }

    pub(crate) fn news(&self) -> watch::Receiver<News> {
        self.news.subscribe()
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    pub(crate) fn feeds(&self) -> &Running {
        &self.feeds
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    pub(crate) fn clients(&self) -> &Clients {
        &self.clients
    }

    pub(crate) fn tickets(&self) -> &Tickets {
        &self.tickets
    }

    pub(crate) fn suspended(&self) -> &Suspended {
        &self.suspended
    }

    /// Hosts whose users were sent to a page of ours.
    pub(crate) fn elicited(&self) -> &Elicited {
        &self.elicited
    }

    /// Where calls go on that lost their connection.
    pub(crate) fn detached(&self) -> &Arc<Semaphore> {
        &self.detached
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    pub(crate) fn servers(&self) -> &Servers {
        &self.servers
    }

    pub(crate) fn trail(&self) -> &Trail {
        &self.trail
    }
}

/// Looks after what changes outside a message: decisions of other processes, unused connections.
async fn upkeep(gateway: std::sync::Weak<Gateway>, store: Arc<dyn Store>) {
    let mut ticks: u32 = 0;
    loop {
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            // What a replica decides counts here at once, where the database tells of it.
            () = told(&*store) => {}
        }
        let Some(gateway) = gateway.upgrade() else {
            return;
        };
        match gateway.registry.refresh().await {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!("the registry changed; its pins were read again");
                gateway
                    .news
                    .send_modify(|news| news.decisions = news.decisions.wrapping_add(1));
            }
            Err(error) => tracing::error!(%error, "the registry cannot be read"),
        }
        match gateway.revocations.refresh().await {
            Ok(false) => {}
            Ok(true) => gateway
                .news
                .send_modify(|news| news.decisions = news.decisions.wrapping_add(1)),
            Err(error) => tracing::error!(%error, "revocations cannot be read"),
        }
        if let Err(error) = gateway.sessions.refresh().await {
            tracing::error!(%error, "ended sessions cannot be read");
        }
        gateway.servers.close_held(&gateway.snapshot()).await;
        gateway.servers.close_revoked(&gateway.revocations).await;
        gateway.suspended.sweep();
        ticks = ticks.wrapping_add(1);
        if ticks.is_multiple_of(SWEEP) {
            let snapshot = gateway.snapshot();
            // Beside this, since a service may take its time to answer.
            let fixed = Arc::clone(&snapshot.facilities().fixed);
            tokio::spawn(async move { fixed.refresh().await });
            gateway.servers.sweep(&snapshot).await;
            gateway
                .clients
                .sweep(snapshot.config().limits.session_idle_timeout);
            if let Err(error) = gateway.sessions.purge().await {
                tracing::error!(%error, "ended sessions cannot be purged");
            }
            if let Err(error) = purge(&*store).await {
                tracing::error!(%error, "what has expired cannot be purged");
            }
        }
    }
}

/// Completes when another process changed something; never, when that cannot be known.
async fn told(store: &dyn Store) {
    if let Err(error) = store.changed().await {
        tracing::debug!(%error, "the store does not tell of changes now; they are asked for");
        std::future::pending::<()>().await;
    }
}

/// Forgets one-time values and revocations whose time is over.
async fn purge(store: &dyn Store) -> Result<(), StoreError> {
    let now = clock::unix_micros();
    store.purge_grants(now).await?;
    store.purge_revocations(now).await?;
    Ok(())
}

/// Closes as `unknown` what a crash left open: whether such a call took effect, nobody knows.
async fn close_lost_entries(audit: &dyn AuditStore) -> Result<(), StoreError> {
    let now = clock::unix_micros();
    let lost = audit.unfinished(now.saturating_sub(LOST)).await?;
    if lost.is_empty() {
        return Ok(());
    }
    tracing::warn!(
        entries = lost.len(),
        "closing audit entries that a crash left open"
    );
    let records: Vec<AuditRecord> = lost
        .into_iter()
        .map(|entry| {
            AuditRecord::Closed(Closed {
                entry,
                at_us: now,
                decision: "none".to_owned(),
                outcome: "unknown".to_owned(),
                ..Closed::default()
            })
        })
        .collect();
    audit.append(&records).await
}
