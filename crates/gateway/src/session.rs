//! Legacy session ids: sealed, self-describing, bound to their principal.
//!
//! The id is a sealed box around what was agreed in `initialize`. Any replica that holds the
//! key can go on with it, nobody else can make or read one, and it is worth nothing to a principal
//! other than the one it was made for (MCP 2025-11-25, security best practices: session hijacking).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use portcullis_mcp::capabilities::ClientCapabilities;
use portcullis_mcp::version::ProtocolVersion;
use portcullis_store::{SessionStore, StoreError};
use serde::{Deserialize, Serialize};

use crate::authn::Principal;
use crate::clock;
use crate::refusal::{Reason, Refusal};
use crate::seal::{Purpose, Seal, SealError};

/// How long a session id is good for, in seconds. A client then sends `initialize` again.
const LIFETIME: i64 = 24 * 60 * 60;
const PURPOSE: Purpose = Purpose {
    key: "legacy-session-key",
    label: b"portcullis legacy session v2",
};

/// Makes and opens session ids.
pub(crate) struct Sessions {
    seal: Seal,
    store: Arc<dyn SessionStore>,
    ended: RwLock<HashMap<String, i64>>,
}

/// What `initialize` agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// The protocol revision.
    pub version: ProtocolVersion,
    /// What the client can be asked for.
    pub capabilities: ClientCapabilities,
}

/// What a session id says. Proof that it was sealed by us and is still good.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    id: String,
    agreed: Agreed,
}

impl Session {
    pub(crate) fn agreed(&self) -> Agreed {
        self.agreed
    }
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    /// Principal key.
    p: String,
    /// Profile name.
    f: String,
    /// Protocol version.
    v: String,
    /// What the client can be asked for, as bits.
    c: u16,
    /// Issued at, in unix seconds.
    t: i64,
}

impl Sessions {
    /// Reads the sealing key from the store, or makes it on first use.
    pub(crate) async fn open(store: Arc<dyn SessionStore>) -> Result<Self, SealError> {
        let seal = Seal::open(&*store, PURPOSE).await?;
        let ended = store.terminated().await?.into_iter().collect();
        Ok(Self {
            seal,
            store,
            ended: RwLock::new(ended),
        })
    }

    /// A new id for `principal` on `profile`.
    pub(crate) fn seal(
        &self,
        principal: &Principal,
        profile: &str,
        agreed: Agreed,
    ) -> Result<String, Refusal> {
        self.seal.seal(&Sealed {
            p: principal.key().to_string(),
            f: profile.to_owned(),
            v: agreed.version.as_str().to_owned(),
            c: agreed.capabilities.bits(),
            t: clock::unix_seconds(),
        })
    }

    /// Opens `id` for `principal` on `profile`. Every failure gives the same answer.
    ///
    /// `bound` is the control `session-binding`; without it a session is good for any principal.
    pub(crate) fn open_id(
        &self,
        id: &str,
        principal: &Principal,
        profile: &str,
        bound: bool,
    ) -> Result<Session, Refusal> {
        self.seal
            .unseal::<Sealed>(id)
            .filter(|sealed| sealed.f == profile)
            .filter(|sealed| !bound || *sealed.p == **principal.key())
            .filter(|sealed| sealed.t.saturating_add(LIFETIME) > clock::unix_seconds())
            .filter(|_| !self.is_ended(id))
            .and_then(|sealed| {
                let version = ProtocolVersion::parse(&sealed.v)?;
                let capabilities = ClientCapabilities::from_bits_truncate(sealed.c);
                Some(Session {
                    id: id.to_owned(),
                    agreed: Agreed {
                        version,
                        capabilities,
                    },
                })
            })
            .ok_or_else(|| Refusal::new(Reason::SessionUnknown))
    }

    /// Ends a session for good, here and on every replica that shares the store.
    pub(crate) async fn end(&self, session: &Session) -> Result<(), StoreError> {
        let now = clock::unix_seconds();
        let expires = now.saturating_add(LIFETIME);
        self.store
            .terminate(&session.id, expires.saturating_mul(1_000_000))
            .await?;
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, until| *until > now.saturating_mul(1_000_000));
        ended.insert(session.id.clone(), expires.saturating_mul(1_000_000));
        Ok(())
    }

    /// Forgets ended sessions that are too old to be used anyway.
    pub(crate) async fn purge(&self) -> Result<(), StoreError> {
        let forgotten = self.store.purge(clock::unix_micros()).await?;
        tracing::debug!(forgotten, "ended sessions were purged");
        Ok(())
    }

    /// Takes over what other processes ended.
    pub(crate) async fn refresh(&self) -> Result<(), StoreError> {
        let latest = self.store.terminated().await?;
        let now = clock::unix_micros();
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        // What this process ended while the store was read is not in `latest` and stays ended.
        ended.retain(|_, until| *until > now);
        ended.extend(latest);
        Ok(())
    }

    fn is_ended(&self, id: &str) -> bool {
        self.ended
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(id)
    }
}

#[cfg(test)]
mod tests;
