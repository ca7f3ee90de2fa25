//! Durable state behind domain traits: audit trail, definition registry, sessions.
//!
//! The gateway speaks to [`AuditStore`], [`RegistryStore`] and [`SessionStore`] and does
//! not know which database stands behind them. [`Sqlite`] implements all three over one
//! file. What a trait promises is tested once, against any implementation, in
//! `tests/it/contract`.
//!
//! [`journal`] stands in front of the audit trail where durability must be cheap.
//!
//! Times are unix microseconds, given by the caller.

mod audit;
mod error;
mod grants;
pub mod journal;
mod registry;
mod revocations;
mod sessions;
mod sqlite;
mod vault;

pub use audit::{AuditEntry, AuditFilter, AuditRecord, AuditStore, Closed, Opened};
pub use error::StoreError;
pub use grants::{Consent, ConsentKey, GrantStore};
pub use registry::{
    Decided, Decision, DefinitionKey, DefinitionRecord, Observation, RegistryStore, State,
    UnknownState,
};
pub use revocations::{Revocation, RevocationKind, RevocationStore};
pub use sessions::SessionStore;
pub use sqlite::Sqlite;
pub use vault::{
    CredentialFilter, CredentialKey, CredentialRecord, CredentialState, Resealed, SealedCredential,
    VaultKey, VaultStore,
};
