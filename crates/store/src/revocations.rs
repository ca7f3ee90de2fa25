//! What must not be believed any more, although it has not expired.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// Revocations that every replica obeys.
#[async_trait]
pub trait RevocationStore: Send + Sync {
    /// Revokes; returns the generation after it. Where the same thing is revoked already, the
    /// later [`Revocation::at_us`] counts, with its reason and author, and the later expiry.
    async fn revoke(&self, revocation: &Revocation) -> Result<i64, StoreError>;

    /// Every revocation in force at `now_us`, ordered by kind and key.
    async fn revocations(&self, now_us: i64) -> Result<Vec<Revocation>, StoreError>;

    /// Takes a revocation back. `false` if there was none.
    async fn lift_revocation(&self, kind: RevocationKind, key: &str) -> Result<bool, StoreError>;

    /// A number that grows with every [`revoke`](RevocationStore::revoke) and
    /// [`lift_revocation`](RevocationStore::lift_revocation), by whichever process: to poll.
    async fn revocation_generation(&self) -> Result<i64, StoreError>;

    /// Forgets revocations that expired at or before `now_us`; returns how many.
    async fn purge_revocations(&self, now_us: i64) -> Result<u64, StoreError>;
}

/// What is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RevocationKind {
    /// An agent.
    Agent,
    /// A client application.
    Client,
    /// All tokens that descend from one sign-in.
    Family,
    /// An upstream server.
    Server,
    /// One token.
    Token,
    /// A person.
    User,
    /// A workload.
    Workload,
}

impl RevocationKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Agent,
        Self::Client,
        Self::Family,
        Self::Server,
        Self::Token,
        Self::User,
        Self::Workload,
    ];

    /// The kind's stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Client => "client",
            Self::Family => "family",
            Self::Server => "server",
            Self::Token => "token",
            Self::User => "user",
            Self::Workload => "workload",
        }
    }

    /// The kind of that name, exactly as [`RevocationKind::as_str`] writes it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One revocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// What kind of thing is revoked.
    pub kind: RevocationKind,
    /// Which one: a principal's name, a server's name, a token's digest or id. Never a token.
    pub key: String,
    /// From when on, unix microseconds.
    pub at_us: i64,
    /// Why, for people.
    pub reason: String,
    /// Who revoked it.
    pub by: String,
    /// When it may be forgotten, since what it is about has ended by then, unix microseconds;
    /// `None` for never.
    pub expires_us: Option<i64>,
}

impl Revocation {
    /// Whether it stops, at `now_us` (unix microseconds), what was issued at `issued` (unix seconds).
    ///
    /// A token that was issued after the revocation is believed again: whoever revokes a person's
    /// tokens makes that person sign in anew. What has no time of issue stays revoked, and so do a
    /// server, one token and what came of one sign-in, whenever they were issued.
    #[must_use]
    pub fn stops(&self, issued: Option<i64>, now_us: i64) -> bool {
        let has_ended = self.expires_us.is_some_and(|expires| expires <= now_us);
        let is_later = match self.kind {
            RevocationKind::Server | RevocationKind::Token | RevocationKind::Family => false,
            // Times of issue are whole seconds: within the second of the revocation it still counts.
            _ => issued.is_some_and(|issued| issued.saturating_mul(1_000_000) > self.at_us),
        };
        !has_ended && !is_later
    }
}

#[cfg(test)]
mod tests;
