//! What seals the vault's own keys.
//!
//! Records are sealed under data keys, those under key-encryption keys ([`Key`], made by us and
//! stored wrapped), and those under a *root*: a key that a [`KeyProvider`] has and the database
//! has not. A provider is asked once for each key-encryption key, not for each record.

mod azure;
mod file;
pub(crate) mod http;
mod keyring;
mod local;
mod passphrase;
mod transit;

use std::fmt;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

pub(crate) use azure::Channel as AzureChannel;
pub use azure::{Azure, AzureKey, TokenRequest, TokenSource};
pub use file::FileKey;
pub use keyring::KeyringKey;
pub use passphrase::{Cost, Passphrase};
pub use transit::{Transit, TransitKey};

use crate::secret::Secret;

/// Length of every symmetric key here, in bytes.
pub const KEY_LEN: usize = 32;

/// A key of 256 bits. It is overwritten when dropped and shows nothing of itself.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; KEY_LEN]>);

impl Key {
    /// A new key from the system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Randomness`], when there is none.
    pub fn random() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| KeyError::Randomness)?;
        Ok(Self(bytes))
    }

    /// The key with these bytes, if there are [`KEY_LEN`] of them.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        if bytes.len() != KEY_LEN {
            return None;
        }
        key.copy_from_slice(bytes);
        Some(Self(key))
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// Eight bytes by which a key is recognised, and nothing else is learned about it.
    fn fingerprint(&self) -> [u8; 8] {
        let mut hash = Sha256::new();
        hash.update(b"portcullis key fingerprint v1");
        hash.update(self.bytes());
        let digest = hash.finalize();
        let mut short = [0; 8];
        short
            .iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = from);
        short
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(..)")
    }
}

/// The name of a root key, for people and for the `vault_keys` table. Never secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(String);

impl KeyId {
    /// A name as it is stored.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Has a root key, or may ask a service that has one.
#[async_trait]
pub trait KeyProvider: Send + Sync {
    /// Which root key this is. A stored key that names another root is never tried.
    fn id(&self) -> &KeyId;

    /// Seals `key` so that only this root can open it, and only with the same `aad`.
    ///
    /// # Errors
    /// As [`KeyError`] tells.
    async fn wrap(&self, key: &Key, aad: &[u8]) -> Result<Vec<u8>, KeyError>;

    /// Opens what [`wrap`](Self::wrap) sealed.
    ///
    /// # Errors
    /// [`KeyError::Unavailable`] when the provider may answer later; the others are final
    /// until somebody changes something.
    async fn unwrap(&self, wrapped: &[u8], aad: &[u8]) -> Result<Key, KeyError>;
}

/// A credential that is looked up each time it is needed, so that a new one needs no restart.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// The secret as it is now.
    ///
    /// # Errors
    /// [`KeyError::Credential`], when it cannot be had.
    async fn secret(&self) -> Result<Secret, KeyError>;
}

#[async_trait]
impl SecretSource for Secret {
    async fn secret(&self) -> Result<Secret, KeyError> {
        Ok(self.clone())
    }
}

/// Why a provider did not wrap or unwrap.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The system gave no randomness.
    #[error("the system gives no randomness")]
    Randomness,
    /// The root key is another one than that which wrapped.
    #[error("this is not the root key that wrapped it")]
    Wrong,
    /// What was wrapped has been changed, or belongs elsewhere.
    #[error("the wrapped key is damaged or belongs elsewhere")]
    Damaged,
    /// The provider has no such key any more.
    #[error("the provider does not know the root key")]
    Unknown,
    /// The provider is down, sealed, or asks for patience.
    #[error("the provider of the root key cannot be reached")]
    Unavailable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// The provider answered no: the credential does not allow it, or the key is switched off.
    #[error("the provider refuses the root key (status {status})")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// The provider answered something that is not in its contract.
    #[error("the provider's answer is not understood: {what}")]
    Answer {
        /// What is wrong, never what was answered.
        what: &'static str,
    },
    /// The credential for the provider could not be had.
    #[error("there is no credential for the provider")]
    Credential(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// The provider asked for a token that is good elsewhere. None was sent.
    #[error("the provider asks for a token of another resource")]
    ForeignResource,
    /// Others than its owner may read the file.
    #[error("the key file {} has mode {mode:04o}; only its owner may have access (0600)", path.display())]
    LooseMode {
        /// The file.
        path: std::path::PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file could not be read or made.
    #[error("the key file {} cannot be used", path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The file, or the keyring's entry, holds no key of ours.
    #[error("what is stored as the root key is not {KEY_LEN} bytes long")]
    Length,
    /// The system's keyring refused.
    #[error("the system's keyring cannot be used")]
    Keyring(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The settings name no key.
    #[error("the address of the root key is wrong: {what}")]
    Address {
        /// What is wrong with it.
        what: &'static str,
    },
    /// Parameters of the key derivation are outside of what is accepted.
    #[error("the parameters of the key derivation are not accepted")]
    Cost,
}

impl KeyError {
    /// Whether the same request may succeed later, with nothing changed by hand.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Credential(_))
    }
}

/// Wipes a buffer that a library gave us as plain `Vec`.
fn wiped(mut bytes: Vec<u8>, read: impl FnOnce(&[u8]) -> Option<Key>) -> Option<Key> {
    let key = read(&bytes);
    bytes.zeroize();
    key
}

#[cfg(test)]
mod tests;
