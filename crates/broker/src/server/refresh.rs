//! Renewal of what is in the vault.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_oauth::{Asked, Scopes, TokenClient, TokenError, Tokens};
use portcullis_vault::{CredentialKey, Refresh, RefreshError, RefreshRequest, Renewed};

use super::own::CLIENT_CREDENTIALS;
use super::{Authority, Parts, to_secret, to_string, to_texts};
use crate::needed::Needed;
use crate::revocations::Chain;

/// Asks the authorization servers of one server.
pub(super) struct Refresher(pub(super) Arc<Parts>);

#[async_trait]
impl Refresh for Refresher {
    async fn refresh(&self, request: &RefreshRequest<'_>) -> Result<Renewed, RefreshError> {
        let parts = &self.0;
        let authority = parts.authority().await.map_err(|needed| of(&needed))?;
        // A refresh token is shown to the server that made it and to no other.
        if authority.issuer != request.key.issuer {
            return Err(RefreshError::Grant);
        }
        let is_own = request.key.kind == CLIENT_CREDENTIALS;
        let tokens = if is_own {
            let scopes = parts.own_scopes(&authority).map_err(|needed| of(&needed))?;
            let fetched = parts.fetch_own(&authority, &scopes).await;
            fetched.map_err(|needed| of(&needed))?
        } else {
            self.refresh_grant(&authority, request).await?
        };
        let tokens = tokens.map_err(|error| {
            tracing::warn!(server = parts.name, code = error.code(), error = %Chain(&error), "a token is not renewed");
            failure(&error)
        })?;
        let renewed = renewed(&tokens, parts.now());
        Ok(match is_own {
            // What stands in the place of its refresh token stays there.
            true => Renewed {
                refresh: None,
                ..renewed
            },
            false => renewed,
        })
    }

    async fn discard(&self, key: &CredentialKey, tokens: &Renewed) {
        let refresh = tokens.refresh.as_ref();
        self.0.give_back(&key.issuer, refresh, &tokens.access).await;
    }
}

impl Refresher {
    async fn refresh_grant(
        &self,
        authority: &Authority,
        request: &RefreshRequest<'_>,
    ) -> Result<Result<Tokens, TokenError>, RefreshError> {
        let parts = &self.0;
        let granted = Scopes::of(request.scopes.iter().map(String::as_str))
            .map_err(|_| RefreshError::Grant)?;
        let client = parts.sign_in_client(authority).await;
        let client = client.map_err(|needed| of(&needed))?;
        let refresh = to_string(request.refresh_token).map_err(|_| RefreshError::Grant)?;
        let resource = parts.resource().map_err(|needed| of(&needed))?;
        let asked = Asked {
            resource: Some(&resource).filter(|_| !authority.is_entra),
            scopes: &granted,
        };
        Ok(client.refresh(&refresh, asked, parts.now()).await)
    }
}

impl Parts {
    /// The token endpoint as the client that users sign in for.
    pub(crate) async fn sign_in_client(
        &self,
        authority: &Authority,
    ) -> Result<TokenClient, Needed> {
        let metadata = self.metadata(authority).await?;
        let identity = self.sign_in_identity(authority, &metadata).await?;
        self.token_client_as(authority, &metadata, identity)
    }
}

fn renewed(tokens: &Tokens, now: u64) -> Renewed {
    Renewed {
        access: to_secret(&tokens.access),
        refresh: tokens.refresh.as_ref().map(to_secret),
        expires_in: tokens
            .expires_at
            .map(|end| Duration::from_secs(end.saturating_sub(now))),
        scopes: Some(to_texts(&tokens.scopes)),
    }
}

fn failure(error: &TokenError) -> RefreshError {
    match error {
        // The person has to sign in again: this grant gives nothing more.
        TokenError::InteractionRequired(_) => RefreshError::Grant,
        error if error.is_invalid_grant() => RefreshError::Grant,
        TokenError::Refused(refused) if error.is_temporary() => RefreshError::Temporary {
            retry_after: refused.retry_after,
        },
        error if error.is_temporary() => RefreshError::Temporary { retry_after: None },
        TokenError::Refused(refused) => RefreshError::Client {
            code: refused.code.as_str().to_owned(),
        },
        error => RefreshError::Client {
            code: error.code().to_owned(),
        },
    }
}

fn of(needed: &Needed) -> RefreshError {
    match needed {
        Needed::Refused { reason } => RefreshError::Client {
            code: reason.as_str().to_owned(),
        },
        _ => RefreshError::Temporary { retry_after: None },
    }
}
