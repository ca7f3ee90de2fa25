//! Values that are good once, and what people consented to.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// One-time values of sign-ins (`state`, authorization codes, replay guards) and consents.
#[async_trait]
pub trait GrantStore: Send + Sync {
    /// Keeps `value` under `key` until `expires_us`. `false`, and nothing is changed, if the key
    /// is in use, expired or not: a key is used once.
    ///
    /// The caller seals the value, and gives for a key what is no secret: a digest.
    async fn put_once(&self, key: &str, value: &[u8], expires_us: i64) -> Result<bool, StoreError>;

    /// Takes the value of `key` out: of any number of callers, in whatever processes, one gets
    /// it. `None` if there is none, or it expired at or before `now_us`.
    async fn take(&self, key: &str, now_us: i64) -> Result<Option<Vec<u8>>, StoreError>;

    /// Forgets values and consents that expired at or before `now_us`; returns how many.
    async fn purge_grants(&self, now_us: i64) -> Result<u64, StoreError>;

    /// Notes a decision; it replaces the one with the same [`ConsentKey`].
    async fn put_consent(&self, consent: &Consent) -> Result<(), StoreError>;

    /// The decision for exactly that key that is in force at `now_us`.
    async fn consent(&self, key: &ConsentKey, now_us: i64) -> Result<Option<Consent>, StoreError>;

    /// Every stored decision, or those of one principal, ordered by principal, client, redirect
    /// and scopes. Expired ones are among them until they are purged.
    async fn consents(&self, principal: Option<&str>) -> Result<Vec<Consent>, StoreError>;

    /// Forgets a principal's decisions about a client; returns how many.
    async fn delete_consents(&self, principal: &str, client: &str) -> Result<u64, StoreError>;
}

/// What a consent is about. All of it must be the same for a consent to count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConsentKey {
    /// Who decided.
    pub principal: String,
    /// The client application's id.
    pub client: String,
    /// The redirect URI, word for word.
    pub redirect: String,
    /// What was asked for.
    pub scopes: BTreeSet<String>,
}

/// What somebody decided about a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// What it is about.
    pub key: ConsentKey,
    /// Yes or no.
    pub granted: bool,
    /// When, unix microseconds.
    pub at_us: i64,
    /// Until when, unix microseconds; `None` for no end.
    pub expires_us: Option<i64>,
}
