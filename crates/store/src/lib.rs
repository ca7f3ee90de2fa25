//! Durable state behind domain traits: audit trail, definition registry, sessions, credentials,
//! revocations, one-time values.
//!
//! The gateway speaks to [`AuditStore`], [`RegistryStore`], [`SessionStore`], [`VaultStore`],
//! [`RevocationStore`] and [`GrantStore`], together [`Store`], and does not know which database
//! stands behind them: [`Sqlite`], one file, or [`Postgres`], which several replicas share. What
//! a trait promises is tested once, against either, in `tests/it/contract`. Both run the same
//! SQL where they can: the files in `sql/` are compiled for each.
//!
//! [`journal`] stands in front of the audit trail where durability must be cheap.
//!
//! Times are unix microseconds, given by the caller.

#![allow(
    clippy::duplicate_mod,
    reason = "the SQL that both databases share is compiled for each"
)]

mod audit;
mod error;
mod folder;
mod grants;
pub mod journal;
mod postgres;
mod registry;
mod revocations;
mod sessions;
mod sqlite;
mod store;
mod vault;

pub use audit::{AuditEntry, AuditFilter, AuditRecord, AuditStore, Closed, Opened};
pub use error::StoreError;
pub use grants::{Consent, ConsentKey, GrantStore};
pub use postgres::{AddressError, Postgres, PostgresAddress};
pub use registry::{
    Decided, Decision, DefinitionKey, DefinitionRecord, Observation, RegistryStore, State,
    UnknownState,
};
pub use revocations::{Revocation, RevocationKind, RevocationStore};
pub use sessions::SessionStore;
pub use sqlite::Sqlite;
pub use store::Store;
pub use vault::{
    CredentialFilter, CredentialKey, CredentialRecord, CredentialState, Resealed, SealedCredential,
    VaultKey, VaultStore,
};
