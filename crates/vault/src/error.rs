//! Why the vault could not do what was asked.

use portcullis_store::StoreError;

use crate::envelope::EnvelopeError;
use crate::keys::{KeyError, KeyId};

/// Every way in which the vault says no. None holds anything that was sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The store failed.
    #[error("the vault's store cannot be used")]
    Store(#[from] StoreError),
    /// The vault was never unlocked: it has no key yet.
    #[error("the vault has no key yet")]
    NoKey,
    /// A key-encryption key was wrapped by another root than those that are configured.
    #[error("the vault key {key} needs the root key {root}, which is not the configured one")]
    WrongKey {
        /// The vault's own key.
        key: String,
        /// The root that wrapped it.
        root: KeyId,
    },
    /// A key-encryption key is gone from the database, or its root from the provider. What was
    /// sealed under it cannot be had back without a backup of the key.
    #[error("the vault key {key} is lost")]
    LostKey {
        /// The vault's own key.
        key: String,
    },
    /// The provider of the root key does not answer. Keys in memory go on working for a while.
    #[error("the vault key {key} cannot be unwrapped now")]
    Unavailable {
        /// The vault's own key.
        key: String,
        /// What the provider did.
        #[source]
        source: KeyError,
    },
    /// The provider of the root key refuses, or the wrapped key is damaged.
    #[error("the vault key {key} cannot be unwrapped")]
    Key {
        /// The vault's own key.
        key: String,
        /// What the provider said.
        #[source]
        source: KeyError,
    },
    /// What is stored in a record was sealed for another one.
    #[error("the credential {id} holds what was sealed for another record")]
    Moved {
        /// The record's id.
        id: String,
    },
    /// What is stored in a record was changed after it was sealed.
    #[error("the credential {id} is damaged")]
    Damaged {
        /// The record's id.
        id: String,
    },
    /// A record was sealed by a newer release.
    #[error("the credential {id} has the format {format}, which this release does not know")]
    Format {
        /// The record's id.
        id: String,
        /// The format's number.
        format: u8,
    },
    /// Nothing can be sealed.
    #[error("nothing can be sealed")]
    Sealing(#[source] EnvelopeError),
    /// The system gave no randomness.
    #[error("the system gives no randomness")]
    Randomness,
    /// Others changed the same record again and again.
    #[error("the credential is changed by others all the time")]
    Contended,
    /// Another process rotates the vault's keys, or took over from this one.
    #[error("another process rotates the keys of the vault")]
    RotationElsewhere,
}

impl VaultError {
    /// Whether the record as such cannot be opened, however often it is tried.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(
            self,
            Self::WrongKey { .. }
                | Self::LostKey { .. }
                | Self::Moved { .. }
                | Self::Damaged { .. }
                | Self::Format { .. }
        )
    }

    pub(crate) fn of_opening(id: &str, error: EnvelopeError) -> Self {
        let id = id.to_owned();
        match error {
            EnvelopeError::Moved => Self::Moved { id },
            EnvelopeError::Format(format) => Self::Format { id, format },
            EnvelopeError::Damaged | EnvelopeError::Randomness | EnvelopeError::TooLong => {
                Self::Damaged { id }
            }
        }
    }

    pub(crate) fn of_unwrapping(key: &str, root: &KeyId, error: KeyError) -> Self {
        let key = key.to_owned();
        match error {
            KeyError::Wrong => Self::WrongKey {
                key,
                root: root.clone(),
            },
            KeyError::Unknown => Self::LostKey { key },
            source if source.is_temporary() => Self::Unavailable { key, source },
            source => Self::Key { key, source },
        }
    }
}
