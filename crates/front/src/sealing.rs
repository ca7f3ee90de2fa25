//! What leaves this process, or is kept in the database, and must not be read or made by others.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_store::{StoreError, VaultStore};
use portcullis_vault::envelope::{self, Binding, EnvelopeError};
use portcullis_vault::keys::Key;
use portcullis_vault::{CredentialKey, Secret, Vault, VaultError};
use sha2::{Digest as _, Sha256};

const LEASE: &str = "front-sealing-key";
/// The longest that making the key takes, in microseconds.
const LEASE_US: i64 = 10_000_000;

/// The key under which the front seals. All replicas have the same one.
#[derive(Clone, Debug)]
pub struct SealingKey(Key);

/// Why there is no sealing key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealingKeyError {
    /// The vault does not keep it, or not give it back.
    #[error("the vault has no sealing key for sign-ins")]
    Vault(#[from] VaultError),
    /// The store fails.
    #[error("the store of the sealing key fails")]
    Store(#[from] StoreError),
    /// What the vault has is no key.
    #[error("the sealing key is damaged")]
    Damaged,
    /// There is no randomness.
    #[error("the system gives no randomness")]
    Randomness,
    /// Another replica is making it right now; ask again.
    #[error("another replica is making the sealing key")]
    Busy,
}

impl SealingKey {
    /// The key that `vault` keeps, which makes it when it has none. `now_us` is in unix
    /// microseconds; `store` is that of the vault.
    ///
    /// # Errors
    /// [`SealingKeyError`]; [`SealingKeyError::Busy`] passes by itself.
    pub async fn of(
        vault: &Vault,
        store: &dyn VaultStore,
        now_us: i64,
    ) -> Result<Self, SealingKeyError> {
        let place = CredentialKey {
            tenant: String::new(),
            principal: "gateway".to_owned(),
            server: String::new(),
            issuer: String::new(),
            kind: "front-sealing-key".to_owned(),
        };
        if let Some(found) = vault.get(&place).await? {
            return Self::from_secret(&found.secret);
        }
        let holder = random_token().map_err(|_| SealingKeyError::Randomness)?;
        if !store
            .lease(LEASE, &holder, now_us, now_us + LEASE_US)
            .await?
        {
            return Err(SealingKeyError::Busy);
        }
        let made = Self::make(vault, &place).await;
        store.release_lease(LEASE, &holder).await?;
        made
    }

    /// A key of this process alone, for tests and for a gateway that keeps nothing.
    ///
    /// # Errors
    /// [`SealingKeyError::Randomness`]
    pub fn random() -> Result<Self, SealingKeyError> {
        Key::random()
            .map(Self)
            .map_err(|_| SealingKeyError::Randomness)
    }

    async fn make(vault: &Vault, place: &CredentialKey) -> Result<Self, SealingKeyError> {
        // Another replica may have been here between our look and our lease.
        if let Some(found) = vault.get(place).await? {
            return Self::from_secret(&found.secret);
        }
        let mut bytes = vec![0; portcullis_vault::keys::KEY_LEN];
        getrandom::fill(&mut bytes).map_err(|_| SealingKeyError::Randomness)?;
        let secret = Secret::new(bytes);
        vault.put(place, &secret, None).await?;
        Self::from_secret(&secret)
    }

    fn from_secret(secret: &Secret) -> Result<Self, SealingKeyError> {
        Key::from_slice(secret.expose())
            .map(Self)
            .ok_or(SealingKeyError::Damaged)
    }

    /// Seals for one purpose and one place; nothing else opens it.
    pub(crate) fn seal(
        &self,
        purpose: Purpose,
        place: &str,
        content: impl Into<Secret>,
    ) -> Result<Vec<u8>, EnvelopeError> {
        bound(purpose, place, |binding| {
            envelope::seal(&self.0, binding, &content.into())
        })
    }

    /// The same as text for an address or a form.
    pub(crate) fn seal_text(
        &self,
        purpose: Purpose,
        place: &str,
        content: impl Into<Secret>,
    ) -> Result<String, EnvelopeError> {
        Ok(URL_SAFE_NO_PAD.encode(self.seal(purpose, place, content)?))
    }

    pub(crate) fn open(&self, purpose: Purpose, place: &str, sealed: &[u8]) -> Option<Secret> {
        bound(purpose, place, |binding| {
            envelope::open(&self.0, binding, sealed).ok()
        })
    }

    pub(crate) fn open_text(&self, purpose: Purpose, place: &str, text: &str) -> Option<Secret> {
        self.open(purpose, place, &URL_SAFE_NO_PAD.decode(text).ok()?)
    }
}

/// What something is sealed for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// An authorization request, while a person reads about it.
    Request,
    /// A sign-in at the issuer that has begun.
    SignIn,
    /// What an authorization code stands for.
    Code,
    /// A refresh token.
    Refresh,
    /// What a client said when it registered.
    Client,
    /// A ticket to connect an account.
    Ticket,
    /// The form on the page of a ticket.
    TicketForm,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Request => "front-request",
            Self::SignIn => "front-sign-in",
            Self::Code => "front-code",
            Self::Refresh => "front-refresh",
            Self::Client => "front-client",
            Self::Ticket => "front-ticket",
            Self::TicketForm => "front-ticket-form",
        }
    }
}

fn bound<T>(purpose: Purpose, place: &str, with: impl FnOnce(&Binding<'_>) -> T) -> T {
    let key = CredentialKey {
        tenant: String::new(),
        principal: place.to_owned(),
        server: String::new(),
        issuer: String::new(),
        kind: purpose.as_str().to_owned(),
    };
    with(&Binding {
        id: "front",
        key: &key,
        key_id: "front",
    })
}

/// 256 random bits in 43 characters of base64url.
pub(crate) fn random_token() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// By what a value is kept that nobody who reads the database may use.
pub(crate) fn digest(value: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(value))
}

/// Compares without saying by its time where two values differ: digests of equal length that
/// nobody can steer.
pub(crate) fn same(one: &str, other: &str) -> bool {
    Sha256::digest(one) == Sha256::digest(other)
}

#[cfg(test)]
mod tests;
