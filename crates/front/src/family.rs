//! All tokens that descend from one sign-in, which end together when one of them is used by two.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_store::{Revocation, RevocationKind, StoreError};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

use crate::front::Front;

/// An access token's longest life that is reckoned with, in seconds.
const ACCESS_LIFE: u64 = 24 * 3600;

/// The key of the revocation of an access token ([`RevocationKind::Token`]): its SHA-256 in
/// base64url without padding. Whoever judges tokens compares it with what is revoked.
#[must_use]
pub fn access_token_key(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token))
}

/// A family: its id, and until when it can last, in unix microseconds.
pub(crate) struct Family<'a> {
    pub(crate) id: &'a str,
    pub(crate) ends_us: i64,
}

impl Family<'_> {
    /// Notes the access token that was given last. `false` if the family has ended, maybe at this
    /// very moment: then the token must not be handed out, and is revoked.
    pub(crate) async fn gave(
        &self,
        front: &Front,
        client: &str,
        access: &SecretString,
    ) -> Result<bool, StoreError> {
        let store = &front.context.store;
        let key = self.key();
        store.take(&key, front.us_in(0)).await?;
        let access = access_token_key(access.expose_secret());
        store
            .put_once(&key, access.as_bytes(), self.ends_us)
            .await?;
        // Who ends a family notes that first and looks for the access token second. So one of us
        // sees the other.
        if self.is_revoked(front, client).await? {
            self.revoke_last(front).await?;
            return Ok(false);
        }
        Ok(true)
    }

    /// Whether the family, or its client as a whole, was revoked.
    pub(crate) async fn is_revoked(&self, front: &Front, client: &str) -> Result<bool, StoreError> {
        let revoked = front.context.store.revocations(front.us_in(0)).await?;
        Ok(revoked.iter().any(|revocation| match revocation.kind {
            RevocationKind::Family => revocation.key == self.id,
            RevocationKind::Client => revocation.key == client,
            _ => false,
        }))
    }

    /// Ends the family: no refresh token of it is taken any more, and its last access token is
    /// revoked.
    pub(crate) async fn end(&self, front: &Front, reason: &str) -> Result<(), StoreError> {
        let revocation = Revocation {
            kind: RevocationKind::Family,
            key: self.id.to_owned(),
            at_us: front.us_in(0),
            reason: reason.to_owned(),
            by: "front".to_owned(),
            expires_us: Some(self.ends_us),
        };
        front.context.store.revoke(&revocation).await?;
        self.revoke_last(front).await
    }

    async fn revoke_last(&self, front: &Front) -> Result<(), StoreError> {
        let store = &front.context.store;
        let Some(access) = store.take(&self.key(), front.us_in(0)).await? else {
            return Ok(());
        };
        let revocation = Revocation {
            kind: RevocationKind::Token,
            key: String::from_utf8_lossy(&access).into_owned(),
            at_us: front.us_in(0),
            reason: "its family was ended".to_owned(),
            by: "front".to_owned(),
            expires_us: Some(front.us_in(ACCESS_LIFE)),
        };
        store.revoke(&revocation).await.map(|_| ())
    }

    fn key(&self) -> String {
        format!("front-family:{}", self.id)
    }
}
