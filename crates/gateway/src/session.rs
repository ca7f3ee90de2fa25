//! Legacy session ids: sealed, self-describing, bound to their principal.
//!
//! The id is an AES-256-GCM box around what was agreed in `initialize`. Any replica that holds the
//! key can go on with it, nobody else can make or read one, and it is worth nothing to a principal
//! other than the one it was made for (MCP 2025-11-25, security best practices: session hijacking).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_mcp::version::ProtocolVersion;
use portcullis_store::{SessionStore, StoreError};
use serde::{Deserialize, Serialize};

use crate::authn::Principal;
use crate::clock;
use crate::refusal::{Reason, Refusal};

/// How long a session id is good for, in seconds. A client then sends `initialize` again.
const LIFETIME: i64 = 24 * 60 * 60;
const NONCE: usize = 12;
/// Binds the box to its purpose, so that a value sealed for something else is no session.
const PURPOSE: &[u8] = b"portcullis legacy session v1";

/// Why sessions cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The sealing key in the store is not a key.
    #[error("the stored session key is not 32 bytes long")]
    Key,
    /// The system gave no randomness.
    #[error("the system gives no randomness")]
    Randomness,
    /// The store refused.
    #[error("the session store cannot be used")]
    Store(#[from] StoreError),
}

/// Makes and opens session ids.
pub(crate) struct Sessions {
    cipher: Aes256Gcm,
    store: Arc<dyn SessionStore>,
    ended: RwLock<HashMap<String, i64>>,
}

/// What a session id says. Proof that it was sealed by us and is still good.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    id: String,
    version: ProtocolVersion,
}

impl Session {
    pub(crate) fn version(&self) -> ProtocolVersion {
        self.version
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
    /// Issued at, in unix seconds.
    t: i64,
}

impl Sessions {
    /// Reads the sealing key from the store, or makes it on first use.
    pub(crate) async fn open(store: Arc<dyn SessionStore>) -> Result<Self, SessionError> {
        let fresh = random_key()?;
        let key = store
            .secret("legacy-session-key", &|| fresh.clone())
            .await?;
        let cipher = Aes256Gcm::new_from_slice(&key).map_err(|_| SessionError::Key)?;
        let ended = store.terminated().await?.into_iter().collect();
        Ok(Self {
            cipher,
            store,
            ended: RwLock::new(ended),
        })
    }

    /// A new id for `principal` on `profile`.
    pub(crate) fn seal(
        &self,
        principal: &Principal,
        profile: &str,
        version: ProtocolVersion,
    ) -> Result<String, Refusal> {
        let sealed = Sealed {
            p: principal.key(),
            f: profile.to_owned(),
            v: version.as_str().to_owned(),
            t: clock::unix_seconds(),
        };
        let plain = serde_json::to_vec(&sealed)
            .map_err(|cause| Refusal::new(Reason::Internal).because(cause))?;
        let mut nonce = [0u8; NONCE];
        getrandom::fill(&mut nonce).map_err(|cause| {
            Refusal::new(Reason::Internal).because(std::io::Error::other(cause.to_string()))
        })?;
        let boxed = self
            .cipher
            .encrypt(
                &Nonce::from(nonce),
                Payload {
                    msg: &plain,
                    aad: PURPOSE,
                },
            )
            .map_err(|_| Refusal::new(Reason::Internal).detail("sealing failed"))?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&boxed);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
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
        self.unseal(id)
            .filter(|sealed| sealed.f == profile)
            .filter(|sealed| !bound || sealed.p == principal.key())
            .filter(|sealed| sealed.t.saturating_add(LIFETIME) > clock::unix_seconds())
            .filter(|_| !self.is_ended(id))
            .and_then(|sealed| ProtocolVersion::parse(&sealed.v))
            .map(|version| Session {
                id: id.to_owned(),
                version,
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

    fn unseal(&self, id: &str) -> Option<Sealed> {
        let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
        let (nonce, boxed) = bytes.split_first_chunk::<NONCE>()?;
        let plain = self
            .cipher
            .decrypt(
                &Nonce::from(*nonce),
                Payload {
                    msg: boxed,
                    aad: PURPOSE,
                },
            )
            .ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

/// A system without randomness must not run: a key that can be guessed is a key everybody has.
fn random_key() -> Result<Vec<u8>, SessionError> {
    let mut key = vec![0u8; 32];
    getrandom::fill(&mut key).map_err(|_| SessionError::Randomness)?;
    Ok(key)
}

#[cfg(test)]
mod tests;
