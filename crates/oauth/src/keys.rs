//! The keys of an issuer, at hand when a token comes.
//!
//! A token is judged with keys that are already here; whoever holds one of them never waits. Keys
//! are asked for at first use, again when they are old, and once when a token names a key that is
//! not among them, but never more often than the settings say, whatever tokens come.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use portcullis_egress::{Client, Limits, Naming};
use portcullis_token::keys::KeySetError;
use portcullis_token::{Algorithm, KeySet, Rejection};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Mutex;
use url::Url;

use crate::metadata::{Discovery, IssuerQuery, MetadataError};
use crate::{Clock, DocumentError, document, freshness};

/// Where an issuer's keys are.
#[derive(Clone, Debug)]
pub enum KeyPlace {
    /// Where its metadata says (`jwks_uri`).
    Discovered(Arc<Discovery>, IssuerQuery),
    /// At an address that the operator configured.
    Address(Url),
    /// In a file: a JWK Set, or the bundle of a SPIFFE trust domain.
    File(PathBuf),
}

/// Bounds of [`KeyCache`].
#[derive(Clone, Copy, Debug)]
pub struct KeySettings {
    /// After this time keys are asked for again, beside the calls that go on with the old ones. An
    /// issuer that states a shorter `max-age` is asked earlier, but not before `shortest`.
    pub refresh: Duration,
    /// The shortest age at which an issuer's own `max-age` makes us ask again.
    pub shortest: Duration,
    /// How long keys are used while the issuer cannot be asked. A key that its issuer took away
    /// works at most this long.
    pub keep: Duration,
    /// The time between two attempts for keys that are not known.
    pub pause: Duration,
    /// The time between two attempts after a failure.
    pub retry: Duration,
    /// Time limit for each request.
    pub timeout: Duration,
    /// Most bytes of a JWK Set.
    pub max_body: usize,
}

impl Default for KeySettings {
    /// A day, five minutes, two days, thirty seconds, five seconds, ten seconds, 512 KiB.
    fn default() -> Self {
        KeySettings {
            refresh: Duration::from_secs(24 * 3600),
            shortest: Duration::from_secs(300),
            keep: Duration::from_secs(48 * 3600),
            pause: Duration::from_secs(30),
            retry: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
            max_body: 512 * 1024,
        }
    }
}

/// Why there are no keys to judge a token with.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The issuer's keys are here, and the one that is wanted is not among them.
    #[error("issuer has no such key")]
    Unknown,
    /// The issuer's metadata does not lead to keys.
    #[error("metadata of the issuer leads to no keys")]
    Metadata(#[source] MetadataError),
    /// The document with the keys cannot be had.
    #[error("keys of the issuer cannot be fetched")]
    Document(#[source] DocumentError),
    /// The file with the keys cannot be read or is over its bound.
    #[error("file with keys cannot be read")]
    File(#[source] Arc<std::io::Error>),
    /// What was fetched is no usable JWK Set.
    #[error("keys of the issuer are of no use")]
    Unusable(#[source] Arc<KeySetError>),
}

impl KeysError {
    /// The stable id of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            KeysError::Unknown => "key-unknown",
            KeysError::Metadata(error) => error.code(),
            KeysError::Document(_) => "keys-unavailable",
            KeysError::File(_) => "keys-unreadable",
            KeysError::Unusable(_) => "keys-unusable",
        }
    }

    /// Whether the token may be good and only the issuer cannot be asked.
    pub fn is_outage(&self) -> bool {
        !matches!(self, KeysError::Unknown)
    }
}

/// The keys of one issuer. A clone is cheap and shares everything.
#[derive(Clone)]
pub struct KeyCache(Arc<Inner>);

struct Inner {
    client: Client,
    place: KeyPlace,
    settings: KeySettings,
    clock: Arc<dyn Clock>,
    current: ArcSwapOption<Loaded>,
    /// What came of the last attempt, if it failed.
    failure: ArcSwapOption<KeysError>,
    /// When the last attempt ended.
    attempted: ArcSwap<Option<Duration>>,
    flight: Arc<Mutex<()>>,
    fetches: AtomicU64,
}

/// Keys, and when they came and are to be asked for again, by [`Clock::elapsed`].
struct Loaded {
    keys: Arc<KeySet>,
    fetched: Duration,
    refresh_at: Duration,
}

impl KeyCache {
    /// With no keys yet; the first use fetches them.
    pub fn new(
        client: Client,
        place: KeyPlace,
        settings: KeySettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        KeyCache(Arc::new(Inner {
            client,
            place,
            settings,
            clock,
            current: ArcSwapOption::empty(),
            failure: ArcSwapOption::empty(),
            attempted: ArcSwap::from_pointee(None),
            flight: Arc::new(Mutex::new(())),
            fetches: AtomicU64::new(0),
        }))
    }

    /// The issuer's keys, with one among them for a token with this `kid` and algorithm. Does not
    /// wait when they are here and not over their bound; a refresh that is due then runs beside.
    ///
    /// The algorithm has to be one that the issuer's profile allows: ask for no key otherwise.
    ///
    /// # Errors
    /// [`KeysError::Unknown`] when the issuer has no such key as far as it may be asked now, else
    /// why its keys cannot be had.
    pub async fn for_token(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<KeySet>, KeysError> {
        // A known key with an algorithm that is not its own is wrong; asking again mends nothing.
        self.with(|keys| match key_id {
            Some(key_id) => keys.contains(key_id),
            None => !matches!(keys.find(None, algorithm), Err(Rejection::KeyUnknown)),
        })
        .await
    }

    /// The issuer's keys, whichever they are: at start, or for a check.
    ///
    /// # Errors
    /// Why they cannot be had.
    pub async fn load(&self) -> Result<Arc<KeySet>, KeysError> {
        self.with(|_| true).await
    }

    async fn with(&self, fits: impl Fn(&KeySet) -> bool) -> Result<Arc<KeySet>, KeysError> {
        let now = self.0.clock.elapsed();
        if let Some(loaded) = self.0.usable(now)
            && fits(&loaded.keys)
        {
            if now >= loaded.refresh_at {
                self.refresh_beside();
            }
            return Ok(Arc::clone(&loaded.keys));
        }
        let before = self.fetches();
        let flight = Arc::clone(&self.0.flight).lock_owned().await;
        // Whoever had the lock before may have brought what is wanted, or tried just now.
        if self.fetches() == before && self.0.may_attempt() {
            // A task of its own: one who asks and hangs up neither ends the fetch for the others
            // nor makes it free of charge.
            let inner = Arc::clone(&self.0);
            let attempt = tokio::spawn(async move {
                inner.attempt().await;
                drop(flight);
            });
            if attempt.await.is_err() {
                tracing::error!("the task that fetches keys has failed");
            }
        }
        match self.0.usable(self.0.clock.elapsed()) {
            Some(loaded) if fits(&loaded.keys) => Ok(Arc::clone(&loaded.keys)),
            Some(_) => Err(KeysError::Unknown),
            None => Err(self.0.last_failure()),
        }
    }

    /// How often the issuer was asked, for operators and tests.
    pub fn fetches(&self) -> u64 {
        self.0.fetches.load(Ordering::Acquire)
    }

    fn refresh_beside(&self) {
        if !self.0.may_attempt() {
            return;
        }
        let Ok(flight) = Arc::clone(&self.0.flight).try_lock_owned() else {
            return;
        };
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            if inner.is_due() {
                inner.attempt().await;
            }
            drop(flight);
        });
    }
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCache")
            .field("place", &self.0.place)
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn usable(&self, now: Duration) -> Option<Arc<Loaded>> {
        self.current
            .load_full()
            .filter(|loaded| now.saturating_sub(loaded.fetched) < self.settings.keep)
    }

    fn is_due(&self) -> bool {
        self.current
            .load()
            .as_ref()
            .is_none_or(|loaded| self.clock.elapsed() >= loaded.refresh_at)
    }

    fn may_attempt(&self) -> bool {
        let pause = match self.failure.load().is_some() {
            true => self.settings.retry,
            false => self.settings.pause,
        };
        self.attempted
            .load()
            .is_none_or(|attempted| self.clock.elapsed().saturating_sub(attempted) >= pause)
    }

    fn last_failure(&self) -> KeysError {
        self.failure
            .load()
            .as_deref()
            .cloned()
            .unwrap_or(KeysError::Unknown)
    }

    /// Asks once and keeps what comes. Only under the lock.
    async fn attempt(&self) {
        let fetched = self.fetch().await;
        let now = self.clock.elapsed();
        match fetched {
            Ok((keys, lifetime)) => {
                let age = lifetime.map_or(self.settings.refresh, |lifetime| {
                    lifetime
                        .max(self.settings.shortest)
                        .min(self.settings.refresh)
                });
                self.failure.store(None);
                self.current.store(Some(Arc::new(Loaded {
                    keys: Arc::new(keys),
                    fetched: now,
                    refresh_at: now.saturating_add(age),
                })));
            }
            Err(error) => {
                tracing::warn!(
                    code = error.code(),
                    "the keys of an issuer cannot be renewed"
                );
                self.failure.store(Some(Arc::new(error)));
            }
        }
        self.attempted.store(Arc::new(Some(now)));
        self.fetches.fetch_add(1, Ordering::AcqRel);
    }

    async fn fetch(&self) -> Result<(KeySet, Option<Duration>), KeysError> {
        let (body, lifetime) = match &self.place {
            KeyPlace::Discovered(discovery, query) => {
                let server = discovery
                    .authorization_server(query)
                    .await
                    .map_err(KeysError::Metadata)?;
                let place = server.jwks_uri().map_err(KeysError::Metadata)?;
                self.download(place, server.naming(place)).await?
            }
            KeyPlace::Address(place) => self.download(place, Naming::Configured).await?,
            KeyPlace::File(path) => (self.read(path).await?, None),
        };
        let keys = KeySet::parse(&body).map_err(|error| KeysError::Unusable(Arc::new(error)))?;
        Ok((keys, lifetime))
    }

    async fn download(
        &self,
        place: &Url,
        naming: Naming,
    ) -> Result<(Bytes, Option<Duration>), KeysError> {
        let limits = Limits {
            timeout: self.settings.timeout,
            max_body: self.settings.max_body,
            redirects: 0,
        };
        let response = document::fetch(&self.client, place, naming, &limits)
            .await
            .map_err(KeysError::Document)?;
        let lifetime = freshness::lifetime(response.headers());
        Ok((response.into_body(), lifetime))
    }

    async fn read(&self, path: &PathBuf) -> Result<Bytes, KeysError> {
        let failed = |error| KeysError::File(Arc::new(error));
        let file = tokio::fs::File::open(path).await.map_err(failed)?;
        let bound = u64::try_from(self.settings.max_body).unwrap_or(u64::MAX);
        let mut body = Vec::new();
        file.take(bound.saturating_add(1))
            .read_to_end(&mut body)
            .await
            .map_err(failed)?;
        if body.len() > self.settings.max_body {
            return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
        }
        Ok(body.into())
    }
}
