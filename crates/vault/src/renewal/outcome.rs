//! What comes of a renewal.

use std::sync::Arc;

use portcullis_store::CredentialKey;

use crate::error::VaultError;
use crate::grant::GrantError;

/// Why there is no access token. Cheap to clone: all who wait for one renewal get the same.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenewalError {
    /// There is no grant: the user must sign in.
    #[error("there is no grant for this user and server")]
    NotConnected,
    /// The grant ended: the user must sign in again.
    #[error("the grant has ended")]
    Ended,
    /// The authorization server cannot be reached, and the old token is not good any more.
    #[error("the token cannot be renewed now")]
    Unavailable {
        /// When it is tried again, unix microseconds.
        retry_us: Option<i64>,
    },
    /// The authorization server refuses the gateway itself.
    #[error("the authorization server refuses the gateway: {code}")]
    Refused {
        /// Its error code.
        code: String,
    },
    /// The vault failed.
    #[error("the vault cannot give the grant")]
    Vault(#[source] Arc<VaultError>),
    /// The record holds something else.
    #[error("the stored credential is no grant")]
    Grant(#[source] GrantError),
}

impl RenewalError {
    /// Whether the grant is as it was, so that its old token may be used while it lasts.
    pub(crate) fn leaves_grant(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. } | Self::Refused { .. } | Self::Vault(_)
        )
    }
}

impl From<VaultError> for RenewalError {
    fn from(error: VaultError) -> Self {
        Self::Vault(Arc::new(error))
    }
}

/// What an operator should see. Holds no token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A token was renewed.
    Renewed {
        /// The record.
        id: String,
        /// Whose grant it is.
        key: CredentialKey,
        /// Whether the refresh token was replaced.
        rotated: bool,
    },
    /// The authorization server ended a grant. The user must sign in again.
    Ended {
        /// The record, which is revoked.
        id: String,
        /// Whose grant it was.
        key: CredentialKey,
    },
    /// An alarm: a replaced refresh token was used. The grant is revoked.
    Reused {
        /// The record.
        id: String,
        /// Whose grant it was.
        key: CredentialKey,
        /// How it came out.
        how: Reuse,
    },
    /// A renewal failed for now.
    Delayed {
        /// The record.
        id: String,
        /// Whose grant it is.
        key: CredentialKey,
        /// When it is tried again, unix microseconds.
        retry_us: i64,
    },
    /// The authorization server refuses the gateway: its registration needs repair.
    Refused {
        /// The record.
        id: String,
        /// Whose grant it is.
        key: CredentialKey,
        /// The error code.
        code: String,
    },
    /// New tokens came and could not be stored: the user will have to sign in again.
    Lost {
        /// The record.
        id: String,
        /// Whose grant it is.
        key: CredentialKey,
    },
    /// New tokens came after the grant had been revoked or begun anew, and were given back.
    Discarded {
        /// The record.
        id: String,
        /// Whose grant it is.
        key: CredentialKey,
    },
}

/// How the second user of a refresh token came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// The authorization server refused the youngest token of a rotated family: somebody else
    /// has used it, or an older one. Also what is left of a process that died between the
    /// server's answer and the store.
    RefusedAfterRotation,
    /// Somebody presented a replaced token to us.
    Presented,
}

/// What a presented refresh token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    /// The one that is in force.
    Current,
    /// One that was replaced. The grant is revoked, the alarm raised.
    Replayed,
    /// None that is known.
    Unknown,
}
