//! Sessions that ended early, and the keys that processes share.

use async_trait::async_trait;

use crate::StoreError;

/// What replicas must agree on about sessions.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Ends a session. The record may be forgotten after `expires_us` (unix microseconds),
    /// when the session would have ended anyway. Ending it again keeps the later expiry.
    async fn terminate(&self, session: &str, expires_us: i64) -> Result<(), StoreError>;

    /// Whether the session was ended and the record has not been purged.
    async fn is_terminated(&self, session: &str) -> Result<bool, StoreError>;

    /// Every ended session with its expiry, ordered by session.
    async fn terminated(&self) -> Result<Vec<(String, i64)>, StoreError>;

    /// Forgets ended sessions that expired at or before `now_us`; returns how many.
    async fn purge(&self, now_us: i64) -> Result<u64, StoreError>;

    /// The secret of that name. If there is none, `make` gives its value, and every process
    /// that asks gets the value of the one that came first. `make` may be called in vain.
    ///
    /// Nothing in this crate logs or prints the value; the caller wraps it at once.
    async fn secret(
        &self,
        name: &str,
        make: &(dyn Fn() -> Vec<u8> + Send + Sync),
    ) -> Result<Vec<u8>, StoreError>;
}
