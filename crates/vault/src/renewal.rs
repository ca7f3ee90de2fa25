//! Access tokens that are always good.
//!
//! [`Renewing::access`] gives the access token of a grant and renews it some time before it
//! ends: in the background while the old one is still good, and while the caller waits when it is
//! not. However many ask, in however many replicas, one asks the authorization server: in the
//! process by a *flight* that all join, between replicas by a lease of the store, and in the end
//! by a compare-and-swap on the record.
//!
//! A refresh token that was replaced must never be used again (RFC 9700 section 4.14.2). When the
//! authorization server refuses one that it had rotated before, or somebody presents a replaced
//! one to us, two parties hold tokens of one family: the grant is revoked and an alarm is raised.

mod attempt;
mod backoff;
mod flight;
mod outcome;
mod timing;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_store::{CredentialKey, CredentialRecord};

pub use outcome::{Event, Presented, RenewalError, Reuse};

use crate::Clock;
use crate::error::VaultError;
use crate::grant::{Grant, digest};
use crate::secret::Secret;
use crate::vault::{Vault, random_name};
use backoff::Backoff;
use flight::Flights;
use timing::{Standing, standing};

/// Asks an authorization server for new tokens.
#[async_trait]
pub trait Refresh: Send + Sync {
    /// Trades the refresh token for new ones (RFC 6749 section 6). Called by one replica at a
    /// time for a grant, and never again with a refresh token that was replaced.
    ///
    /// # Errors
    /// [`RefreshError`] says what follows from the failure.
    async fn refresh(&self, request: &RefreshRequest<'_>) -> Result<Renewed, RefreshError>;

    /// Called with new tokens that nobody will use, because the grant was revoked or signed in
    /// anew while they were fetched. Whoever can should revoke them (RFC 7009).
    async fn discard(&self, _key: &CredentialKey, _tokens: &Renewed) {}
}

/// What is renewed.
#[derive(Clone, Copy, Debug)]
pub struct RefreshRequest<'a> {
    /// Whose grant it is, and where it is good.
    pub key: &'a CredentialKey,
    /// The refresh token.
    pub refresh_token: &'a Secret,
    /// The scopes that the grant has. Asking for more is not allowed.
    pub scopes: &'a [String],
}

/// What the authorization server answered.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// The new access token.
    pub access: Secret,
    /// The new refresh token. `None` keeps the old one.
    pub refresh: Option<Secret>,
    /// How long the access token is good, if that was said.
    pub expires_in: Option<Duration>,
    /// The scopes, if they were said.
    pub scopes: Option<Vec<String>>,
}

/// Why there are no new tokens.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RefreshError {
    /// `invalid_grant`: the refresh token is not accepted, now or ever. The grant ends.
    #[error("the refresh token is not accepted")]
    Grant,
    /// Our own registration is refused: `invalid_client`, `unauthorized_client` and the like. The
    /// grant stays; somebody must repair the configuration.
    #[error("the authorization server refuses the gateway: {code}")]
    Client {
        /// The error code, or what went wrong; no token.
        code: String,
    },
    /// Down, too slow, or too busy. Tried again later.
    #[error("the authorization server does not answer")]
    Temporary {
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
}

/// When to renew, and how long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenewalSettings {
    /// So long before its end a token is renewed, but not before two thirds of its life; some
    /// random time earlier, so that not all are renewed at once.
    pub renew_before: Duration,
    /// A token that ends within this time is renewed before it is used.
    pub margin: Duration,
    /// The longest that the authorization server may take. Also the length of a lease, together
    /// with the time to write the answer down.
    pub patience: Duration,
    /// The first pause after a failure; it doubles up to `longest_pause`.
    pub first_pause: Duration,
    /// The longest pause after a failure.
    pub longest_pause: Duration,
}

impl Default for RenewalSettings {
    /// Five minutes, ten seconds, 30 seconds; pauses of one second to one minute.
    fn default() -> Self {
        Self {
            renew_before: Duration::from_secs(5 * 60),
            margin: Duration::from_secs(10),
            patience: Duration::from_secs(30),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
        }
    }
}

/// What the caller wants of a token.
#[derive(Clone, Debug, Default)]
pub struct Need {
    /// It must not be older.
    pub max_age: Option<Duration>,
    /// It must not be this one: the server refused it.
    pub not: Option<Secret>,
}

/// An access token to send. `Debug` shows no token.
#[derive(Clone, Debug)]
pub struct Access {
    /// The token.
    pub token: Secret,
    /// `Bearer`, `DPoP`.
    pub token_type: String,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// When it ends, unix microseconds, if that is known.
    pub expires_us: Option<i64>,
    /// The record it is from; to be revoked, or listed.
    pub id: String,
}

impl Access {
    fn of(id: &str, grant: &Grant) -> Self {
        Self {
            token: grant.access.clone(),
            token_type: grant.token_type.clone(),
            scopes: grant.scopes.clone(),
            expires_us: grant.expires_us,
            id: id.to_owned(),
        }
    }
}

/// Keeps grants and their tokens good. Cheap to clone.
#[derive(Clone)]
pub struct Renewing(Arc<Inner>);

struct Inner {
    vault: Arc<Vault>,
    refresh: Arc<dyn Refresh>,
    settings: RenewalSettings,
    clock: Clock,
    on_event: Arc<dyn Fn(Event) + Send + Sync>,
    // Another one in each replica, so that they do not all begin at the same moment.
    seed: u64,
    holder: String,
    flights: Flights,
    backoff: Backoff,
}

impl Renewing {
    /// Renews what is in `vault` by `refresh`. `seed` is random: it decides how early each token
    /// is renewed. `on_event` hears of everything that an operator should see, from whatever task
    /// it happens in, and must not block.
    ///
    /// # Errors
    /// [`VaultError::Randomness`].
    pub fn new(
        vault: Arc<Vault>,
        refresh: Arc<dyn Refresh>,
        settings: RenewalSettings,
        clock: Clock,
        seed: u64,
        on_event: Arc<dyn Fn(Event) + Send + Sync>,
    ) -> Result<Self, VaultError> {
        Ok(Self(Arc::new(Inner {
            vault,
            refresh,
            settings,
            clock,
            on_event,
            seed,
            holder: random_name()?,
            flights: Flights::default(),
            backoff: Backoff::default(),
        })))
    }

    /// Keeps a grant that begins now, in the place of an older one.
    ///
    /// # Errors
    /// As [`Vault::put`].
    pub async fn connect(
        &self,
        key: &CredentialKey,
        grant: &Grant,
    ) -> Result<CredentialRecord, VaultError> {
        let Inner { vault, backoff, .. } = &*self.0;
        let record = vault.put(key, &grant.encode(), grant.ends_us()).await?;
        backoff.forget(&record.id);
        Ok(record)
    }

    /// An access token that is good now.
    ///
    /// # Errors
    /// [`RenewalError::NotConnected`] and [`RenewalError::Ended`] when the user must sign in
    /// (again); [`RenewalError::Unavailable`] and [`RenewalError::Refused`] when there is no good
    /// token and none can be had now; [`RenewalError::Vault`].
    pub async fn access(&self, key: &CredentialKey, need: &Need) -> Result<Access, RenewalError> {
        // A flight that others began may have had another need than ours; then we begin one.
        for _ in 0..3 {
            let (record, grant) = self.0.read(key).await?;
            let now_us = self.0.now();
            match standing(&grant, &record, need, &self.0.settings, self.0.seed, now_us) {
                Standing::Good => return Ok(Access::of(&record.id, &grant)),
                Standing::Due => {
                    if self.0.backoff.is_over(&record.id, now_us) {
                        self.0.join(&record.id, key, need);
                    }
                    return Ok(Access::of(&record.id, &grant));
                }
                Standing::Ending => {
                    let landed = self.0.join(&record.id, key, need).landed().await;
                    return match landed {
                        Ok(access) => Ok(access),
                        // Nothing better is to be had, and it still works.
                        Err(error) if error.leaves_grant() && self.0.now() < ends(&grant, need) => {
                            Ok(Access::of(&record.id, &grant))
                        }
                        Err(error) => Err(error),
                    };
                }
                Standing::Useless => {
                    let access = self.0.join(&record.id, key, need).landed().await?;
                    let refused = need.not.as_ref();
                    if refused.is_none_or(|refused| !refused.is(&access.token)) {
                        return Ok(access);
                    }
                }
            }
        }
        Err(RenewalError::Unavailable { retry_us: None })
    }

    /// Judges a refresh token that somebody presents for the grant of `key`. One that was
    /// replaced ends the grant.
    ///
    /// # Errors
    /// [`RenewalError::NotConnected`], [`RenewalError::Vault`].
    pub async fn presented(
        &self,
        key: &CredentialKey,
        token: &Secret,
    ) -> Result<Presented, RenewalError> {
        let (record, grant) = self.0.read(key).await?;
        if grant.refresh.as_ref().is_some_and(|mine| mine.is(token)) {
            return Ok(Presented::Current);
        }
        if !grant.is_former(token) {
            return Ok(Presented::Unknown);
        }
        self.0.end(&record, Some(Reuse::Presented)).await?;
        Ok(Presented::Replayed)
    }

    /// Ends the grant of `key` and hands its tokens out for the last time, so that they can be
    /// revoked at the authorization server (RFC 7009). `None` if there was none.
    ///
    /// # Errors
    /// As [`Vault::get`] and [`Vault::revoke`]. What cannot be opened can still be revoked by id.
    pub async fn disconnect(&self, key: &CredentialKey) -> Result<Option<Grant>, RenewalError> {
        let (record, grant) = match self.0.read(key).await {
            Err(RenewalError::NotConnected) => return Ok(None),
            other => other?,
        };
        let vault = &self.0.vault;
        Ok(vault.revoke(&record.id).await?.then_some(grant))
    }
}

impl Inner {
    fn now(&self) -> i64 {
        (self.clock)()
    }

    async fn read(&self, key: &CredentialKey) -> Result<(CredentialRecord, Grant), RenewalError> {
        let opened = self.vault.get(key).await?;
        let opened = opened.ok_or(RenewalError::NotConnected)?;
        let grant = Grant::decode(&opened.secret).map_err(RenewalError::Grant)?;
        Ok((opened.record, grant))
    }

    /// Ends a grant for good.
    async fn end(
        &self,
        record: &CredentialRecord,
        reuse: Option<Reuse>,
    ) -> Result<(), RenewalError> {
        let was_active = self.vault.revoke(&record.id).await?;
        self.backoff.forget(&record.id);
        let (id, key) = (record.id.clone(), record.key.clone());
        if let Some(how) = reuse {
            (self.on_event)(Event::Reused { id, key, how });
        } else if was_active {
            (self.on_event)(Event::Ended { id, key });
        }
        Ok(())
    }
}

/// When the access token must not be used any more.
fn ends(grant: &Grant, need: &Need) -> i64 {
    timing::ends_us(grant, need).unwrap_or(i64::MAX)
}

fn has_same_refresh(one: &Grant, other: &Grant) -> bool {
    match (&one.refresh, &other.refresh) {
        (Some(one), Some(other)) => digest(one) == digest(other),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
