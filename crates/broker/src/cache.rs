//! Tokens in memory: fetched once for all who ask at the same time, and again before they end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_oauth::Clock;
use portcullis_vault::Secret;

use crate::needed::Needed;
use crate::server::Possession;

/// Most tokens that are kept.
const CAPACITY: usize = 16 * 1024;
/// How long after a failure the same is not tried again.
const PAUSE: Duration = Duration::from_secs(2);
/// A token that ends within this time, or a tenth of its life, is not given out.
const MARGIN: Duration = Duration::from_secs(10);

/// Whose token it is, and from what it was made. Holds no token.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    pub(crate) tenant: String,
    pub(crate) principal: String,
    /// SHA-256 of the subject token.
    pub(crate) subject: [u8; 32],
    pub(crate) scopes: String,
}

/// A token as it came.
#[derive(Clone)]
pub(crate) struct Fresh {
    pub(crate) token: Secret,
    pub(crate) scopes: Vec<String>,
    /// Seconds since 1970, if it is known.
    pub(crate) expires: Option<u64>,
    /// The key that it is bound to.
    pub(crate) possession: Option<Possession>,
}

/// When tokens end for us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ages {
    pub(crate) max_age: Duration,
    pub(crate) renew_before: Duration,
}

/// The tokens of one server.
pub(crate) struct TokenCache {
    slots: Mutex<HashMap<CacheKey, Arc<Slot>>>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Slot {
    kept: Mutex<Kept>,
    flight: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
enum Kept {
    #[default]
    Nothing,
    Token {
        fresh: Fresh,
        issued: u64,
        ends: u64,
        /// In 1/65536: how much earlier than others this one is renewed.
        jitter: u16,
        /// It is not renewed before, since that failed just now.
        quiet_until: u64,
    },
    Failure {
        needed: Needed,
        until: u64,
    },
}

enum Standing {
    Good(Fresh),
    Due(Fresh),
    Failed(Needed),
    Missing,
}

impl TokenCache {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            slots: Mutex::default(),
            clock,
        }
    }

    /// The token of `key`, or what `fetch` brings. When the one that fetches goes away, the next
    /// one that waits fetches.
    pub(crate) async fn get(
        &self,
        key: &CacheKey,
        ages: Ages,
        fetch: impl AsyncFnOnce() -> Result<Fresh, Needed>,
    ) -> Result<Fresh, Needed> {
        let slot = self.slot(key);
        let old = match slot.standing(self.now(), ages) {
            Standing::Good(fresh) => return Ok(fresh),
            Standing::Failed(needed) => return Err(needed),
            Standing::Due(fresh) => Some(fresh),
            Standing::Missing => None,
        };
        let _flight = match (&old, slot.flight.try_lock()) {
            (_, Ok(flight)) => flight,
            // Somebody is at it, and the old one still works.
            (Some(fresh), Err(_)) => return Ok(fresh.clone()),
            (None, Err(_)) => slot.flight.lock().await,
        };
        match slot.standing(self.now(), ages) {
            Standing::Good(fresh) => return Ok(fresh),
            Standing::Failed(needed) => return Err(needed),
            Standing::Due(_) | Standing::Missing => {}
        }
        let issued = self.now();
        let fetched = fetch().await;
        let now = self.now();
        match (fetched, old) {
            (Ok(fresh), _) => {
                slot.keep(Kept::token(fresh.clone(), issued, ages));
                Ok(fresh)
            }
            // The issuer is away, and the old one still works.
            (Err(Needed::Unavailable), Some(old)) => {
                slot.rest(now.saturating_add(PAUSE.as_secs()));
                Ok(old)
            }
            // What the issuer refuses is not given out from memory either.
            (Err(needed), _) => {
                slot.keep(Kept::Failure {
                    needed: needed.clone(),
                    until: now.saturating_add(PAUSE.as_secs()),
                });
                Err(needed)
            }
        }
    }

    /// Forgets the token of `key` if it is this one; says when it came, in seconds since 1970.
    pub(crate) fn forget(&self, key: &CacheKey, token: &Secret) -> Option<u64> {
        let slot = self.slots().get(key).cloned()?;
        let mut kept = slot.kept();
        match &*kept {
            Kept::Token { fresh, issued, .. } if fresh.token.is(token) => {
                let issued = *issued;
                *kept = Kept::Nothing;
                Some(issued)
            }
            _ => None,
        }
    }

    fn slot(&self, key: &CacheKey) -> Arc<Slot> {
        let now = self.now();
        let mut slots = self.slots();
        if let Some(slot) = slots.get(key) {
            return Arc::clone(slot);
        }
        if slots.len() >= CAPACITY {
            // Slots that somebody waits at stay: two fetches of one token would run otherwise.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.kept().lasts(now));
        }
        if slots.len() >= CAPACITY {
            let idle = slots
                .iter()
                .find(|(_, slot)| Arc::strong_count(slot) == 1)
                .map(|(key, _)| key.clone());
            idle.and_then(|key| slots.remove(&key));
        }
        let slot = Arc::new(Slot::default());
        slots.insert(key.clone(), Arc::clone(&slot));
        slot
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<CacheKey, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        self.clock.unix_seconds()
    }
}

impl Slot {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, kept: Kept) {
        *self.kept() = kept;
    }

    fn rest(&self, until: u64) {
        if let Kept::Token { quiet_until, .. } = &mut *self.kept() {
            *quiet_until = until;
        }
    }

    fn standing(&self, now: u64, ages: Ages) -> Standing {
        match &*self.kept() {
            Kept::Token {
                fresh,
                issued,
                ends,
                jitter,
                quiet_until,
            } => {
                let life = ends.saturating_sub(*issued);
                let margin = MARGIN.as_secs().min(life / 10);
                let lead = ages.renew_before.as_secs().min(life / 3);
                let early = (lead / 2).saturating_mul(u64::from(*jitter)) >> 16;
                if now >= ends.saturating_sub(margin) {
                    Standing::Missing
                } else if now >= *quiet_until
                    && now >= ends.saturating_sub(lead).saturating_sub(early)
                {
                    Standing::Due(fresh.clone())
                } else {
                    Standing::Good(fresh.clone())
                }
            }
            Kept::Failure { needed, until } if now < *until => Standing::Failed(needed.clone()),
            Kept::Failure { .. } | Kept::Nothing => Standing::Missing,
        }
    }
}

impl Kept {
    fn token(fresh: Fresh, issued: u64, ages: Ages) -> Self {
        let oldest = issued.saturating_add(ages.max_age.as_secs());
        let mut jitter = [0; 2];
        // Without randomness all are renewed at the same moment, which is no harm to anybody.
        let _ = getrandom::fill(&mut jitter);
        Self::Token {
            ends: fresh.expires.map_or(oldest, |expires| expires.min(oldest)),
            fresh,
            issued,
            jitter: u16::from_be_bytes(jitter),
            quiet_until: 0,
        }
    }

    fn lasts(&self, now: u64) -> bool {
        match self {
            Self::Token { ends, .. } => now < *ends,
            Self::Failure { until, .. } => now < *until,
            Self::Nothing => false,
        }
    }
}

#[cfg(test)]
mod tests;
