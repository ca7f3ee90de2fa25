//! Renewal of what is in the vault.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_oauth::{Asked, Scopes, TokenClient, TokenError, Tokens};
use portcullis_vault::{
    self as vault, CredentialKey, Grant, Refresh, RefreshError, RefreshRequest, Renewed,
};

use super::own::CLIENT_CREDENTIALS;
use super::possession::is_bound;
use super::{Authority, Binding, Given, Parts, to_secret, to_string, to_texts, type_name};
use crate::event::Event;
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
        let kept = parts
            .kept(request.key)
            .await
            .map_err(|needed| of(&needed))?;
        let tokens = if is_own {
            let scopes = parts.own_scopes(&authority).map_err(|needed| of(&needed))?;
            let fetched = parts.fetch_own(&authority, &scopes).await;
            fetched.map_err(|needed| of(&needed))?
        } else {
            self.refresh_grant(&authority, request, &kept).await?
        };
        let tokens = tokens.map_err(|error| {
            tracing::warn!(server = parts.name, code = error.code(), error = %Chain(&error), "a token is not renewed");
            failure(&error)
        })?;
        let renewed = renewed(&tokens, parts.now());
        if is_bound(type_name(tokens.token_type)) != kept.is_bound {
            if !is_own {
                self.discard(request.key, &renewed).await;
            }
            return Err(self.end(request.key, &kept, is_own).await);
        }
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
        let kept = self.0.kept(key).await.ok();
        let given = Given {
            refresh: tokens.refresh.as_ref(),
            access: &tokens.access,
            registration: kept.as_ref().and_then(|kept| kept.registration.as_deref()),
        };
        self.0.give_back(&key.issuer, &given).await;
    }
}

impl Refresher {
    async fn refresh_grant(
        &self,
        authority: &Authority,
        request: &RefreshRequest<'_>,
        kept: &Kept,
    ) -> Result<Result<Tokens, TokenError>, RefreshError> {
        let parts = &self.0;
        let granted = Scopes::of(request.scopes.iter().map(String::as_str))
            .map_err(|_| RefreshError::Grant)?;
        let client = parts.client_of_grant(authority, kept.registration.as_deref());
        let client = client.await.map_err(|needed| of(&needed))?;
        // Whom it was given to is gone, and nobody else can renew it.
        let mut client = client.ok_or(RefreshError::Grant)?;
        if kept.is_bound {
            let key = parts.kept_key(&authority.issuer).await;
            match key.map_err(|needed| of(&needed))? {
                Some(key) => client = parts.proven(client, key, Binding::Preferred),
                None => return Err(self.end(request.key, kept, false).await),
            }
        }
        let refresh = to_string(request.refresh_token).map_err(|_| RefreshError::Grant)?;
        let resource = parts
            .resource(Some(authority))
            .map_err(|needed| of(&needed))?;
        let asked = Asked {
            resource: Some(&resource).filter(|_| !authority.is_entra),
            scopes: &granted,
        };
        Ok(client.refresh(&refresh, asked, parts.now()).await)
    }
}

impl Refresher {
    /// Ends what cannot be renewed as what it was. What was bound to a key is not replaced by what
    /// anybody could use without a new sign-in, nor the other way round.
    async fn end(&self, key: &CredentialKey, kept: &Kept, is_own: bool) -> RefreshError {
        let parts = &self.0;
        tracing::warn!(
            server = parts.name,
            "a token cannot be renewed with the binding to a key that it had"
        );
        if let Err(error) = parts.context.vault.revoke(&kept.id).await {
            return of(&parts.vault_fails(&error));
        }
        if !is_own {
            let (id, key) = (kept.id.clone(), key.clone());
            parts.context.tell(Event::Renewal {
                server: parts.name.clone(),
                event: vault::Event::Ended { id, key },
            });
        }
        RefreshError::Grant
    }
}

/// What is renewed, as far as its answer depends on it.
struct Kept {
    id: String,
    is_bound: bool,
    registration: Option<String>,
}

impl Parts {
    async fn kept(&self, key: &CredentialKey) -> Result<Kept, Needed> {
        let opened = self.context.vault.get(key).await;
        let opened = opened.map_err(|error| self.vault_fails(&error))?;
        let opened = opened.ok_or(Needed::Unavailable)?;
        let grant = Grant::decode(&opened.secret).map_err(|error| {
            tracing::error!(server = self.name, error = %Chain(&error), "the vault fails");
            Needed::Unavailable
        })?;
        Ok(Kept {
            id: opened.record.id,
            is_bound: is_bound(&grant.token_type),
            registration: grant.registration,
        })
    }

    /// The token endpoint as the client that a grant was given to. `None` if that is gone.
    pub(crate) async fn client_of_grant(
        &self,
        authority: &Authority,
        registration: Option<&str>,
    ) -> Result<Option<TokenClient>, Needed> {
        let metadata = self.metadata(authority).await?;
        let identity = self.identity_of_grant(authority, &metadata, registration);
        let identity = identity.await?;
        identity
            .map(|identity| self.token_client_as(authority, &metadata, identity))
            .transpose()
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
