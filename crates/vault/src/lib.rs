//! Credentials at rest: sealed under keys that the database does not have, and renewed in time.
//!
//! [`Vault`] keeps secrets for a [`CredentialKey`]: one secret for each tenant, principal,
//! server, issuer and kind. Each is sealed under a data key of its own ([`envelope`]), that one
//! under a key-encryption key of the vault, and that one under a root that a
//! [`keys::KeyProvider`] has: a file, a passphrase, the system's keyring, HashiCorp Vault or
//! Azure Key Vault. [`Renewing`] gives access tokens out of it, and renews them once, however
//! many ask and however many replicas there are.
//!
//! [`configured::open`] opens the vault of a configuration, [`References`] resolves its references
//! to secrets.
//!
//! Times are unix microseconds, by a [`Clock`] that is passed in.

use std::sync::Arc;

pub mod configured;
pub mod envelope;
mod error;
mod grant;
mod key_cache;
pub mod keys;
pub mod references;
mod renewal;
mod secret;
mod vault;

pub use error::VaultError;
pub use grant::{Grant, GrantError};
pub use key_cache::CacheLimits;
pub use keys::KeyId;
pub use portcullis_store::{CredentialFilter, CredentialKey, CredentialRecord, CredentialState};
pub use references::{ReferenceCause, ReferenceError, References};
pub use renewal::{
    Access, Event, Need, Presented, Refresh, RefreshError, RefreshRequest, RenewalError,
    RenewalSettings, Renewed, Renewing, Reuse,
};
pub use secret::Secret;
pub use vault::{KeyStatus, Opened, Progress, Providers, Rotated, Status, Vault};

/// Says what time it is, in unix microseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;
