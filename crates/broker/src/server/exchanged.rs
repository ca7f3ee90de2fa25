//! Tokens for the user, in exchange for the one that the user came with. They are kept in memory
//! only.

use portcullis_config::TokenGrant;
use portcullis_oauth::{
    ACCESS_TOKEN, Asked, AssertionRequest, Exchange, Scopes, TokenError, select,
};

use super::{Parts, remembered_as, to_secret, to_texts};
use crate::cache::{CacheKey, Fresh};
use crate::caller::Caller;
use crate::credential::Credential;
use crate::needed::{Needed, Reason};
use crate::revocations::Chain;

impl Parts {
    /// The token of the caller at this server.
    pub(crate) async fn exchanged(&self, caller: &Caller<'_>) -> Result<Credential, Needed> {
        // Before the memory is asked: what is in it was made for a caller that passed.
        self.check_subject(caller)?;
        let asked = self.exchange_scopes(caller).await?;
        let key = self.exchange_key(caller, &asked)?;
        let fetch = async || self.exchange(caller, &asked).await;
        let fresh = self
            .memory
            .exchanged
            .get(&key, self.ages(), fetch)
            .await
            .map_err(|needed| for_client(needed, caller))?;
        let expires_us = fresh.expires.map(crate::context::micros);
        Credential::new(fresh.token, fresh.scopes, expires_us, fresh.possession)
    }

    /// Forgets a token that the server refused; says when it came, in seconds since 1970.
    pub(crate) async fn forget_exchanged(
        &self,
        caller: &Caller<'_>,
        used: &Credential,
    ) -> Result<Option<u64>, Needed> {
        let asked = self.exchange_scopes(caller).await?;
        let key = self.exchange_key(caller, &asked)?;
        Ok(self.memory.exchanged.forget(&key, used.token()))
    }

    fn exchange_key(&self, caller: &Caller<'_>, asked: &Scopes) -> Result<CacheKey, Needed> {
        let subject = caller
            .subject
            .ok_or(Needed::refused(Reason::SubjectMissing))?;
        Ok(CacheKey {
            tenant: caller.tenant.to_owned(),
            principal: caller.principal.to_owned(),
            subject: subject.digest(),
            scopes: asked.to_string(),
        })
    }

    /// What is asked for: what the configuration says, else what the server says as far as the
    /// caller has it.
    async fn exchange_scopes(&self, caller: &Caller<'_>) -> Result<Scopes, Needed> {
        let configured = self.configured_scopes()?;
        if !configured.is_empty() {
            return Ok(configured);
        }
        let own = Scopes::of(caller.scopes.iter().map(String::as_str));
        let own = own.map_err(|_| Needed::refused(Reason::Scope))?;
        let name = remembered_as(caller.tenant, caller.principal);
        let stepped = self.memory.of(&name).scopes;
        let supported = match self.setup.source.grant {
            // Its scopes may have other names there; the issuer's policy decides what they become.
            TokenGrant::IdJag { .. } => self.authority().await?.supported,
            _ => None,
        };
        let wanted = select(
            Some(&stepped).filter(|scopes| !scopes.is_empty()),
            self.challenged_scopes().or(supported).as_ref(),
        );
        Scopes::of(wanted.iter().filter(|scope| own.contains(scope)))
            .map_err(|_| Needed::refused(Reason::Scope))
    }

    /// The most that may be asked for on account of a challenge.
    pub(crate) fn exchange_bound(&self, caller: &Caller<'_>) -> Result<Scopes, Needed> {
        let configured = self.configured_scopes()?;
        if !configured.is_empty() {
            return Ok(configured);
        }
        let own = Scopes::of(caller.scopes.iter().map(String::as_str));
        own.map_err(|_| Needed::refused(Reason::Scope))
    }

    async fn exchange(&self, caller: &Caller<'_>, asked: &Scopes) -> Result<Fresh, Needed> {
        let (subject, client) = self.at_issuer(caller).await?;
        let now = self.now();
        let tokens = match &self.setup.source.grant {
            TokenGrant::OnBehalfOf { .. } => {
                client.on_behalf_of(subject.secret(), asked, now).await
            }
            TokenGrant::TokenExchange { .. } => {
                let resource = match self.setup.source.audience {
                    Some(_) if self.setup.source.resource.is_none() => None,
                    _ => Some(self.resource(None)?),
                };
                let exchange = Exchange {
                    subject: subject.typed(),
                    actor: None,
                    // The gateway joins the chain as the client that exchanges.
                    actors: caller.actors.len().saturating_add(1),
                    audience: self.setup.source.audience.as_deref(),
                    asked: Asked {
                        resource: resource.as_ref(),
                        scopes: asked,
                    },
                    within: &self.exchange_bound(caller)?,
                    requested: ACCESS_TOKEN,
                };
                client.exchange(&exchange, now).await
            }
            TokenGrant::IdJag { .. } => {
                let authority = self.authority().await?;
                let resource = self.resource(Some(&authority))?;
                let request = AssertionRequest {
                    subject: subject.typed(),
                    audience: &authority.issuer,
                    resource: &resource,
                    scopes: asked,
                };
                let grant = client.identity_assertion(&request, now).await;
                let grant = grant.map_err(|error| self.not_exchanged(&error))?;
                let server = self.token_client(&authority).await?;
                let metadata = self.metadata(&authority).await?;
                let server = self
                    .bound_in_memory(server, Some(&authority), &metadata)
                    .await?;
                let asked = Asked {
                    resource: Some(&resource),
                    scopes: asked,
                };
                server.redeem_assertion(&grant, asked, self.now()).await
            }
            TokenGrant::ClientCredentials | TokenGrant::UserGrant => {
                return Err(Needed::refused(Reason::Client));
            }
        };
        let tokens = tokens.map_err(|error| self.not_exchanged(&error))?;
        Ok(Fresh {
            token: to_secret(&tokens.access),
            scopes: to_texts(&tokens.scopes),
            expires: tokens.expires_at,
            possession: self.in_memory(tokens.token_type),
        })
    }

    /// Says it as if the client could be challenged: others may wait for the same answer.
    fn not_exchanged(&self, error: &TokenError) -> Needed {
        tracing::warn!(server = self.name, code = error.code(), error = %Chain(error), "a token is not exchanged");
        if matches!(error, TokenError::ScopeWidened) {
            self.tell_scope_refused();
        }
        Needed::of_token_error(error, true)
    }
}

/// A claims challenge is of no use to a client that does not understand it.
fn for_client(needed: Needed, caller: &Caller<'_>) -> Needed {
    match needed {
        Needed::Challenge { .. } if !caller.can_be_challenged => {
            Needed::refused(Reason::InteractionRequired)
        }
        needed => needed,
    }
}
