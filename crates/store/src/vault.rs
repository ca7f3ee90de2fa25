//! Sealed credentials, the keys they are sealed under, and leases that keep two replicas from
//! renewing the same credential at once.
//!
//! The store sees ciphertext only: what is sealed, and how, is the caller's business.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// Credentials at rest.
///
/// A [`CredentialKey`] has at most one active credential. Revoked ones stay, without their
/// sealed part, until they are deleted.
#[async_trait]
pub trait VaultStore: Send + Sync {
    /// Adds an active credential. `false`, and nothing is changed, if its id is taken or its key
    /// has an active credential already.
    async fn add_credential(&self, credential: &SealedCredential) -> Result<bool, StoreError>;

    /// The active credential of `key`, expired or not.
    async fn credential(&self, key: &CredentialKey)
    -> Result<Option<SealedCredential>, StoreError>;

    /// The credential of that id, active or revoked.
    async fn credential_by_id(&self, id: &str) -> Result<Option<SealedCredential>, StoreError>;

    /// What is known about the credentials that `filter` selects, ordered by id. Reads nothing
    /// that is sealed.
    async fn credentials(
        &self,
        filter: &CredentialFilter,
    ) -> Result<Vec<CredentialRecord>, StoreError>;

    /// Puts `new` in the place of what is sealed, if the credential is active and still has
    /// `version`; the version then grows by one. `false` means that somebody else was first, or
    /// that it is revoked or gone: read it again.
    async fn replace_credential(
        &self,
        id: &str,
        version: i64,
        new: &Resealed,
    ) -> Result<bool, StoreError>;

    /// Revokes an active credential, whatever its version, and erases what was sealed; the version
    /// grows by one, so that a renewal under way cannot bring it back. `false` if there was
    /// nothing to revoke.
    async fn revoke_credential(&self, id: &str, at_us: i64) -> Result<bool, StoreError>;

    /// Removes a credential, active or revoked. `false` if there was none.
    async fn delete_credential(&self, id: &str) -> Result<bool, StoreError>;

    /// Active credentials that are sealed under another key than `key_id`, ordered by id, from
    /// after the id `after` on, at most `limit`: a page of what a change of keys has to seal anew.
    async fn credentials_not_under(
        &self,
        key_id: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<SealedCredential>, StoreError>;

    /// Adds a key-encryption key. `false`, and nothing is changed, if its id is taken.
    async fn add_vault_key(&self, key: &VaultKey) -> Result<bool, StoreError>;

    /// Every key-encryption key, ordered by its creation, then by id.
    async fn vault_keys(&self) -> Result<Vec<VaultKey>, StoreError>;

    /// Notes that a key seals nothing new; the first such time counts. `false` if there is no
    /// such key.
    async fn retire_vault_key(&self, id: &str, at_us: i64) -> Result<bool, StoreError>;

    /// Removes a retired key under which no active credential is sealed. `false` if there is no
    /// such key, it is not retired, or it is in use.
    async fn delete_vault_key(&self, id: &str) -> Result<bool, StoreError>;

    /// Takes or extends the lease `name` until `until_us`. `false` if another holder has it past
    /// `now_us`.
    ///
    /// The clocks are the callers': a lease saves work, and only
    /// [`replace_credential`](VaultStore::replace_credential) decides who was first.
    async fn lease(
        &self,
        name: &str,
        holder: &str,
        now_us: i64,
        until_us: i64,
    ) -> Result<bool, StoreError>;

    /// Gives a lease back before its end, if `holder` has it.
    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError>;
}

/// What a credential is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CredentialKey {
    /// The tenant; empty where there are none.
    pub tenant: String,
    /// Whose it is.
    pub principal: String,
    /// The server it is good at.
    pub server: String,
    /// Who issued it.
    pub issuer: String,
    /// What it is, in the caller's words: `user-grant`, `client-credentials` and the like.
    pub kind: String,
}

/// Whether a credential may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialState {
    /// It may.
    Active,
    /// It may not, ever again.
    Revoked,
}

impl CredentialState {
    /// The state's stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Revoked => "revoked",
        }
    }

    /// The state of that name, exactly as [`CredentialState::as_str`] writes it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Revoked]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// Everything about a credential but the credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialRecord {
    /// Unique, made by the caller, not empty.
    pub id: String,
    /// What it is for.
    pub key: CredentialKey,
    /// The key-encryption key that it is sealed under.
    pub key_id: String,
    /// Grows by one with every change.
    pub version: i64,
    /// Whether it may be used.
    pub state: CredentialState,
    /// Unix microseconds.
    pub created_us: i64,
    /// Unix microseconds.
    pub updated_us: i64,
    /// When it ends by itself, unix microseconds.
    pub expires_us: Option<i64>,
}

/// A credential as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedCredential {
    /// What is known about it.
    pub record: CredentialRecord,
    /// The ciphertext; empty once it is revoked.
    pub sealed: Vec<u8>,
}

/// Shows how long the ciphertext is, not the ciphertext.
impl fmt::Debug for SealedCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedCredential")
            .field("record", &self.record)
            .field("sealed", &format_args!("{} bytes", self.sealed.len()))
            .finish()
    }
}

/// What changes when a credential is renewed or sealed under another key.
#[derive(Clone, PartialEq, Eq)]
pub struct Resealed {
    /// The new ciphertext.
    pub sealed: Vec<u8>,
    /// See [`CredentialRecord::key_id`].
    pub key_id: String,
    /// See [`CredentialRecord::updated_us`].
    pub updated_us: i64,
    /// See [`CredentialRecord::expires_us`].
    pub expires_us: Option<i64>,
}

/// Shows how long the ciphertext is, not the ciphertext.
impl fmt::Debug for Resealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resealed")
            .field("sealed", &format_args!("{} bytes", self.sealed.len()))
            .field("key_id", &self.key_id)
            .field("updated_us", &self.updated_us)
            .field("expires_us", &self.expires_us)
            .finish()
    }
}

/// Which credentials to list. Every field that is set must match, exactly and case-sensitively.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialFilter {
    /// See [`CredentialKey::tenant`].
    pub tenant: Option<String>,
    /// See [`CredentialKey::principal`].
    pub principal: Option<String>,
    /// See [`CredentialKey::server`].
    pub server: Option<String>,
    /// See [`CredentialKey::issuer`].
    pub issuer: Option<String>,
    /// See [`CredentialKey::kind`].
    pub kind: Option<String>,
    /// See [`CredentialRecord::key_id`].
    pub key_id: Option<String>,
    /// See [`CredentialRecord::state`].
    pub state: Option<CredentialState>,
    /// Ends at or before this time, unix microseconds.
    pub expires_by_us: Option<i64>,
    /// Comes after this id: to page.
    pub after: Option<String>,
    /// The most records to return; `None` for all.
    pub limit: Option<usize>,
}

/// A key-encryption key, or what is needed to get at it.
#[derive(Clone, PartialEq, Eq)]
pub struct VaultKey {
    /// Unique, made by the caller, not empty.
    pub id: String,
    /// Who wraps it: `file`, `passphrase`, `transit` and the like.
    pub provider: String,
    /// What the provider needs: the wrapped key, or parameters and salt. Never the key.
    pub wrapped: Vec<u8>,
    /// Unix microseconds.
    pub created_us: i64,
    /// Since when nothing new is sealed under it, unix microseconds.
    pub retired_us: Option<i64>,
}

/// Shows how long the wrapped key is, not the wrapped key.
impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultKey")
            .field("id", &self.id)
            .field("provider", &self.provider)
            .field("wrapped", &format_args!("{} bytes", self.wrapped.len()))
            .field("created_us", &self.created_us)
            .field("retired_us", &self.retired_us)
            .finish()
    }
}

#[cfg(test)]
mod tests;
