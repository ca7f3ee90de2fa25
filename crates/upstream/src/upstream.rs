//! One supervised server: opened when first needed, opened again after it died.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use portcullis_mcp::{Era, ProtocolVersion};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::backoff::Backoff;
use crate::handshake::shake_hands;
use crate::http::{Endpoint, HttpLink};
use crate::link::Link;
use crate::openapi::OpenApiLink;
use crate::peer::Peer;
use crate::spec::{EraChoice, HttpKind};
use crate::sse::SseLink;
use crate::stdio::{Command, StdioLink};
use crate::{Connection, HttpClient, Spec, StartupFailure, Transport, UpstreamError};

/// One registered server and at most one connection to it. Cheap to clone. When the last clone
/// is dropped, so is the connection.
#[derive(Clone, Debug)]
pub struct Upstream(Arc<Inner>);

/// Where an upstream stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Not opened yet, or closed after a healthy life.
    Idle,
    /// An attempt is under way.
    Opening,
    /// A connection lives.
    Open {
        /// The agreed version.
        version: ProtocolVersion,
    },
    /// Left alone after failures.
    BackingOff {
        /// Failures in a row.
        failures: u32,
        /// When the next attempt is allowed.
        retry_in: Duration,
    },
    /// Shut down for good.
    ShutDown,
}

#[derive(Debug)]
struct Inner {
    spec: Spec,
    client: HttpClient,
    /// The client for this server alone, when its TLS differs from that of the others.
    own: OnceLock<Result<HttpClient, UpstreamError>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    backoff: Backoff,
    /// The era that the last handshake found, so that a restart does not probe again.
    era: Option<Era>,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Idle,
    Opening(Attempt, AbortHandle),
    Open(Arc<Connection>),
    ShutDown,
}

/// One attempt, awaited by everyone who needs the connection.
type Attempt = Shared<BoxFuture<'static, Result<Arc<Connection>, UpstreamError>>>;

impl Upstream {
    /// Nothing is started before the first [`Upstream::connection`].
    pub fn new(spec: Spec, client: HttpClient) -> Self {
        Self(Arc::new(Inner {
            spec,
            client,
            own: OnceLock::new(),
            state: Mutex::default(),
        }))
    }

    /// What was configured.
    pub fn spec(&self) -> &Spec {
        &self.0.spec
    }

    /// The living connection, or a new one. Concurrent callers share one attempt, which goes on
    /// when they leave.
    ///
    /// # Errors
    /// [`UpstreamError::BackingOff`] soon after a failure, else what the attempt met.
    pub async fn connection(&self) -> Result<Arc<Connection>, UpstreamError> {
        let attempt = {
            let mut state = self.0.lock();
            state.bury_the_dead();
            match &state.phase {
                Phase::Open(connection) => return Ok(Arc::clone(connection)),
                Phase::ShutDown => return Err(UpstreamError::Closed),
                Phase::Opening(attempt, _) => attempt.clone(),
                Phase::Idle => {
                    if let Some(retry_in) = state.backoff.wait(Instant::now()) {
                        return Err(UpstreamError::BackingOff { retry_in });
                    }
                    let (attempt, abort) = self.begin();
                    state.phase = Phase::Opening(attempt.clone(), abort);
                    attempt
                }
            }
        };
        attempt.await
    }

    /// The living connection, if there is one. None is opened.
    pub fn current(&self) -> Option<Arc<Connection>> {
        let mut state = self.0.lock();
        state.bury_the_dead();
        match &state.phase {
            Phase::Open(connection) => Some(Arc::clone(connection)),
            _ => None,
        }
    }

    /// Where it stands now.
    pub fn status(&self) -> Status {
        let mut state = self.0.lock();
        state.bury_the_dead();
        match &state.phase {
            Phase::Opening(..) => Status::Opening,
            Phase::Open(connection) => Status::Open {
                version: connection.version(),
            },
            Phase::ShutDown => Status::ShutDown,
            Phase::Idle => match state.backoff.wait(Instant::now()) {
                Some(retry_in) => Status::BackingOff {
                    failures: state.backoff.failures(),
                    retry_in,
                },
                None => Status::Idle,
            },
        }
    }

    /// Ends the connection in the orderly way and waits for it: at most four seconds for a child
    /// process, two for a session. No connection is opened afterwards.
    pub async fn shutdown(&self) {
        let phase = std::mem::replace(&mut self.0.lock().phase, Phase::ShutDown);
        match phase {
            Phase::Open(connection) => connection.shutdown().await,
            Phase::Opening(attempt, abort) => {
                abort.abort();
                // It may have been finished already.
                if let Ok(connection) = attempt.await {
                    connection.shutdown().await;
                }
            }
            Phase::Idle | Phase::ShutDown => {}
        }
    }

    fn begin(&self) -> (Attempt, AbortHandle) {
        let inner = Arc::clone(&self.0);
        let task = tokio::spawn(async move { inner.attempt().await });
        let abort = task.abort_handle();
        let attempt = task
            .map(|ended| ended.unwrap_or(Err(UpstreamError::Closed)))
            .boxed()
            .shared();
        (attempt, abort)
    }
}

impl Inner {
    /// Opens a connection and notes the outcome.
    async fn attempt(&self) -> Result<Arc<Connection>, UpstreamError> {
        let known = self.lock().era;
        let outcome = match timeout(self.spec.startup_timeout, self.open(known)).await {
            Ok(outcome) => outcome.map(Arc::new),
            Err(_) => Err(StartupFailure::TimedOut.into()),
        };
        let mut state = self.lock();
        if !matches!(state.phase, Phase::Opening(..)) {
            // Shut down meanwhile; dropping the connection ends it.
            return Err(UpstreamError::Closed);
        }
        match &outcome {
            Ok(connection) => {
                state.era = Some(connection.era());
                state.phase = Phase::Open(Arc::clone(connection));
            }
            // The server was not to blame; with a credential it can be asked at once.
            Err(error @ UpstreamError::Credential(_)) => {
                tracing::info!(target: "upstream", server = %self.spec.name, %error, "could not open a connection");
                state.phase = Phase::Idle;
            }
            Err(error) => {
                tracing::warn!(target: "upstream", server = %self.spec.name, %error, "could not open a connection");
                state.era = None;
                state.phase = Phase::Idle;
                state.backoff.failed(Instant::now());
            }
        }
        outcome
    }

    async fn open(&self, known: Option<Era>) -> Result<Connection, UpstreamError> {
        let choice = match (self.spec.era, known) {
            (EraChoice::Auto, Some(Era::Legacy)) => EraChoice::Legacy,
            (choice, _) => choice,
        };
        match self.open_as(choice).await {
            // Some legacy servers do not survive the probe.
            Err(UpstreamError::Died { .. }) if choice == EraChoice::Auto && known.is_none() => {
                self.open_as(EraChoice::Legacy).await
            }
            Err(error) if choice != EraChoice::Modern && self.may_be_sse(&error) => {
                // What the endpoint said first is what counts when it offers no stream either.
                self.open_sse().await.unwrap_or(Err(error))
            }
            outcome => outcome,
        }
    }

    /// Whether an endpoint refused `initialize` as one of the old transport does: without a word
    /// of JSON-RPC (2025-11-25, basic/transports, Backwards Compatibility).
    fn may_be_sse(&self, error: &UpstreamError) -> bool {
        let falls_back = matches!(
            &self.spec.transport,
            Transport::Http {
                kind: HttpKind::Auto,
                ..
            }
        );
        let refused = matches!(
            error,
            UpstreamError::Http { status, code: None } if matches!(status.as_u16(), 400 | 404 | 405)
        );
        falls_back && refused
    }

    /// Opens a connection of the old transport; `None` when the endpoint has no such stream.
    async fn open_sse(&self) -> Option<Result<Connection, UpstreamError>> {
        let Transport::Http { url, headers, .. } = &self.spec.transport else {
            return None;
        };
        let client = self.client().ok()?;
        let (peer, replies) = Peer::new(&self.spec);
        let peer = Arc::new(peer);
        let own = self.spec.credentials.as_ref();
        let link = SseLink::open(Arc::clone(&peer), client, url, headers, own, replies)
            .await
            .ok()?;
        Some(
            self.connected(peer, Link::Sse(link), EraChoice::Legacy)
                .await,
        )
    }

    async fn open_as(&self, choice: EraChoice) -> Result<Connection, UpstreamError> {
        if !self.spec.client.are_objects() {
            return Err(StartupFailure::Capabilities.into());
        }
        let (peer, replies) = Peer::new(&self.spec);
        let peer = Arc::new(peer);
        let (link, choice) = match &self.spec.transport {
            Transport::Stdio {
                command,
                args,
                env,
                cwd,
            } => {
                let command = Command {
                    program: command,
                    args,
                    env,
                    cwd: cwd.as_ref(),
                };
                let link = StdioLink::spawn(&command, Arc::clone(&peer), replies)?;
                (Link::Stdio(link), choice)
            }
            Transport::Http {
                url,
                headers,
                kind: HttpKind::Sse,
                ..
            } => {
                let client = self.client()?;
                let own = self.spec.credentials.as_ref();
                let opening = SseLink::open(Arc::clone(&peer), client, url, headers, own, replies);
                let link = opening.await?;
                (Link::Sse(link), EraChoice::Legacy)
            }
            Transport::Http { url, headers, .. } => {
                let client = self.client()?;
                let own = self.spec.credentials.clone();
                let endpoint = Endpoint::new(Arc::clone(&peer), client, url.clone(), headers, own)?;
                (Link::Http(HttpLink::new(endpoint, replies)), choice)
            }
            Transport::OpenApi {
                document,
                base,
                headers,
                ..
            } => {
                let (peer, client) = (Arc::clone(&peer), self.client()?);
                let own = self.spec.credentials.clone();
                let link =
                    OpenApiLink::new(peer, client, Arc::clone(document), base, headers, own)?;
                (Link::OpenApi(Box::new(link)), EraChoice::Modern)
            }
        };
        self.connected(peer, link, choice).await
    }

    /// The client that reaches this server.
    fn client(&self) -> Result<HttpClient, UpstreamError> {
        let tls = match &self.spec.transport {
            Transport::Http { tls, .. } | Transport::OpenApi { tls, .. } => tls.as_ref(),
            Transport::Stdio { .. } => None,
        };
        match tls {
            None => Ok(self.client.clone()),
            Some(tls) => self.own.get_or_init(|| self.client.for_peer(tls)).clone(),
        }
    }

    async fn connected(
        &self,
        peer: Arc<Peer>,
        link: Link,
        choice: EraChoice,
    ) -> Result<Connection, UpstreamError> {
        let agreement = shake_hands(&peer, &link, choice).await?;
        Ok(Connection::new(
            peer,
            link,
            agreement,
            self.spec.request_timeout,
        ))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes note of a connection that ended by itself.
    fn bury_the_dead(&mut self) {
        if matches!(&self.phase, Phase::Opening(_, task) if task.is_finished()) {
            // An attempt that ends in order sets the phase before; this one panicked.
            self.phase = Phase::Idle;
            self.backoff.failed(Instant::now());
        }
        let Phase::Open(connection) = &self.phase else {
            return;
        };
        let Some((end, lived)) = connection.ended() else {
            return;
        };
        match end.cause {
            // The server is up and answers, only the session or the era is gone. Leaving it
            // alone would let one odd request lock everyone out.
            UpstreamError::SessionEnded | UpstreamError::Http { .. } => self.era = None,
            _ => self.backoff.ended(lived, end.at),
        }
        self.phase = Phase::Idle;
    }
}
