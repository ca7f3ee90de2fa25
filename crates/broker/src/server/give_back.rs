//! Giving tokens back to the authorization server they are from (RFC 7009).

use portcullis_oauth::{RevocationError, TokenHint};
use portcullis_vault::Secret;

use super::{Parts, to_string};
use crate::needed::Needed;
use crate::revocations::Chain;

/// What the authorization server knows of the end of a grant. Its tokens are erased here in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AtServer {
    /// It took the tokens back.
    Revoked,
    /// It has no revocation endpoint: its tokens end by themselves.
    NoEndpoint,
    /// It could not be reached, or has no time now.
    Unreached,
    /// It answered no.
    Refused,
    /// It was not asked: the configuration has no such server or another issuer for it, or the
    /// grant cannot be opened.
    NotAsked,
}

impl AtServer {
    /// The stable id.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::NoEndpoint => "no-revocation-endpoint",
            Self::Unreached => "not-reached",
            Self::Refused => "refused",
            Self::NotAsked => "not-asked",
        }
    }
}

/// The tokens of a grant, and the registration of the gateway that they were given to.
pub(crate) struct Given<'a> {
    pub(crate) refresh: Option<&'a Secret>,
    pub(crate) access: &'a Secret,
    pub(crate) registration: Option<&'a str>,
}

impl Parts {
    /// Gives the tokens of a grant back. Most servers take back all that came of a sign-in with its
    /// refresh token, but they need not, so that the access token follows.
    pub(crate) async fn give_back(&self, issuer: &str, given: &Given<'_>) -> AtServer {
        let access = (given.access, TokenHint::Access);
        let Some(refresh) = given.refresh else {
            return self.revoke_at(issuer, given.registration, access).await;
        };
        let refresh = (refresh, TokenHint::Refresh);
        let outcome = self.revoke_at(issuer, given.registration, refresh).await;
        if matches!(outcome, AtServer::Revoked | AtServer::Refused) {
            // Not every server revokes access tokens; what counts is the refresh token.
            self.revoke_at(issuer, given.registration, access).await;
        }
        outcome
    }

    /// Gives one token back, as far as that is possible.
    async fn revoke_at(
        &self,
        issuer: &str,
        registration: Option<&str>,
        token: (&Secret, TokenHint),
    ) -> AtServer {
        match self.try_to_revoke(issuer, registration, token).await {
            Ok(outcome) => outcome,
            Err(Needed::Unavailable) => AtServer::Unreached,
            Err(_) => AtServer::NotAsked,
        }
    }

    async fn try_to_revoke(
        &self,
        issuer: &str,
        registration: Option<&str>,
        (token, hint): (&Secret, TokenHint),
    ) -> Result<AtServer, Needed> {
        let authority = self.authority().await?;
        // A token is shown to the server that made it and to no other.
        let Ok(token) = to_string(token) else {
            return Ok(AtServer::NotAsked);
        };
        if authority.issuer != issuer {
            return Ok(AtServer::NotAsked);
        }
        let metadata = self.metadata(&authority).await?;
        let Some(endpoint) = &metadata.revocation_endpoint else {
            return Ok(AtServer::NoEndpoint);
        };
        let client = self.client_of_grant(&authority, registration).await?;
        let Some(client) = client else {
            return Ok(AtServer::NotAsked);
        };
        let revoked = client
            .channel()
            .revoke(endpoint, &token, hint, self.now())
            .await;
        let Err(error) = revoked else {
            return Ok(AtServer::Revoked);
        };
        tracing::warn!(server = self.name, error = %Chain(&error), "a token could not be given back");
        Ok(match error {
            RevocationError::Call(_) | RevocationError::Unavailable { .. } => AtServer::Unreached,
            _ => AtServer::Refused,
        })
    }
}
