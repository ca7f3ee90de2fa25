//! Who must not get a credential any more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portcullis_oauth::Clock;
use portcullis_store::{Revocation, RevocationKind, RevocationStore, StoreError};
use portcullis_token::identity::PrincipalKind;

use crate::caller::Caller;
use crate::context::micros;
use crate::needed::{Needed, Reason};

/// So long what was read is believed without asking the store again.
const FRESH: Duration = Duration::from_secs(1);
/// So long it is believed when the store cannot be asked.
const STALE: Duration = Duration::from_secs(5);
/// So long the whole list is kept, also when nothing was added, since revocations end.
const LIST: Duration = Duration::from_secs(60);

/// The revocations in force, at most a second old.
pub(crate) struct Revocations {
    store: Arc<dyn RevocationStore>,
    clock: Arc<dyn Clock>,
    seen: Mutex<Option<Seen>>,
    looking: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Seen {
    revoked: Arc<Vec<Revocation>>,
    generation: i64,
    // By `Clock::elapsed`.
    asked: Duration,
    listed: Duration,
}

impl Revocations {
    pub(crate) fn new(store: Arc<dyn RevocationStore>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            seen: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        }
    }

    /// Whether the caller, or anything about the call, is revoked. The gateway's rule, so that whoever
    /// it lets in gets a credential ([`Revocation::stops`]).
    pub(crate) async fn check(&self, server: &str, caller: &Caller<'_>) -> Result<(), Needed> {
        let kind = match caller.kind {
            PrincipalKind::User => RevocationKind::User,
            PrincipalKind::Agent => RevocationKind::Agent,
            PrincipalKind::Workload => RevocationKind::Workload,
        };
        let agents = caller.actors.iter().map(String::as_str);
        let optional = [
            (RevocationKind::Client, caller.client),
            (RevocationKind::Token, caller.token_id),
        ];
        let optional = optional
            .into_iter()
            .filter_map(|(kind, key)| Some((kind, key?)));
        let named = [(RevocationKind::Server, server), (kind, caller.principal)];
        let of = named
            .into_iter()
            .chain(optional)
            .chain(agents.map(|agent| (RevocationKind::Agent, agent)));
        self.check_each(of, caller.issued).await
    }

    /// Whether a principal of whatever kind, whose token was issued then (unix seconds), or a server,
    /// is revoked.
    pub(crate) async fn check_principal(
        &self,
        server: &str,
        principal: &str,
        issued: Option<i64>,
    ) -> Result<(), Needed> {
        let of = [
            (RevocationKind::Server, server),
            (RevocationKind::User, principal),
            (RevocationKind::Agent, principal),
            (RevocationKind::Workload, principal),
        ];
        self.check_each(of, issued).await
    }

    /// Whether what came of one sign-in is revoked.
    pub(crate) async fn check_family(&self, id: &str) -> Result<(), Needed> {
        self.check_each([(RevocationKind::Family, id)], None).await
    }

    async fn check_each<'a>(
        &self,
        of: impl IntoIterator<Item = (RevocationKind, &'a str)>,
        issued: Option<i64>,
    ) -> Result<(), Needed> {
        let revoked = self.revoked().await.map_err(|error| {
            tracing::warn!(error = %Chain(&error), "revocations cannot be read: no credentials are given out");
            Needed::Unavailable
        })?;
        if revoked.is_empty() {
            return Ok(());
        }
        let now_us = micros(self.clock.unix_seconds());
        let is_revoked = |(kind, key): (RevocationKind, &str)| {
            let mut about = revoked
                .iter()
                .filter(|revocation| revocation.kind == kind && revocation.key == key);
            about.any(|revocation| revocation.stops(issued, now_us))
        };
        match of.into_iter().any(is_revoked) {
            true => Err(Needed::refused(Reason::Revoked)),
            false => Ok(()),
        }
    }

    async fn revoked(&self) -> Result<Arc<Vec<Revocation>>, StoreError> {
        if let Some(seen) = self.within(FRESH) {
            return Ok(seen.revoked);
        }
        let _looking = self.looking.lock().await;
        if let Some(seen) = self.within(FRESH) {
            return Ok(seen.revoked);
        }
        match self.look().await {
            Ok(seen) => {
                let revoked = Arc::clone(&seen.revoked);
                *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
                Ok(revoked)
            }
            Err(error) => self.within(STALE).map(|seen| seen.revoked).ok_or(error),
        }
    }

    async fn look(&self) -> Result<Seen, StoreError> {
        let asked = self.clock.elapsed();
        let generation = self.store.revocation_generation().await?;
        let known = self.seen().filter(|seen| {
            seen.generation == generation && asked.saturating_sub(seen.listed) < LIST
        });
        if let Some(seen) = known {
            return Ok(Seen { asked, ..seen });
        }
        let now_us = micros(self.clock.unix_seconds());
        let list = self.store.revocations(now_us).await?;
        Ok(Seen {
            revoked: Arc::new(list),
            generation,
            asked,
            listed: asked,
        })
    }

    fn seen(&self) -> Option<Seen> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }

    fn within(&self, age: Duration) -> Option<Seen> {
        let now = self.clock.elapsed();
        self.seen()
            .filter(|seen| now.saturating_sub(seen.asked) < age)
    }
}

/// An error with its causes, for the log.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
