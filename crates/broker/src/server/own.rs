//! Tokens of the gateway itself (client credentials), sealed in the vault so that replicas share
//! them.

use portcullis_oauth::{Asked, Scopes, TokenError, TokenType, Tokens, select};
use portcullis_vault::{CredentialKey, Grant, Need, RenewalError, Secret};
use sha2::{Digest as _, Sha256};

use super::granted::of_renewal_error;
use super::{Authority, Parts, Server, to_secret, to_texts, type_name};
use crate::context::micros;
use crate::credential::Credential;
use crate::needed::Needed;
use crate::revocations::Chain;

/// What such tokens are called in the vault.
pub(super) const CLIENT_CREDENTIALS: &str = "client-credentials";
/// Stands in the place of a refresh token. It says that the vault may ask for a new token itself.
const AGAIN: &str = "client-credentials";
/// How long, in seconds, after a failure the same is not tried again.
const PAUSE: u64 = 2;

/// Why the gateway got no token last, and until when it is not tried again.
pub(super) type LastFailure = Option<(Needed, u64)>;

impl Server {
    /// A token of the gateway. It is not `not`, which the server refused.
    pub(crate) async fn own(&self, not: Option<Secret>) -> Result<Credential, Needed> {
        let parts = &self.parts;
        let authority = parts.authority().await?;
        let scopes = parts.own_scopes(&authority)?;
        let key = parts.own_key(&authority, &scopes)?;
        let need = Need {
            max_age: Some(parts.setup.source.max_token_age),
            not,
        };
        if let Some(access) = self.stored(&authority, &key, &need).await? {
            return Ok(access);
        }
        let mut last = parts.memory.first.lock().await;
        if let Some(access) = self.stored(&authority, &key, &need).await? {
            return Ok(access);
        }
        let now = parts.now();
        if let Some((needed, until)) = &*last
            && now < *until
        {
            return Err(needed.clone());
        }
        match self.begin_own(&authority, &key, &scopes).await {
            Ok(credential) => {
                *last = None;
                Ok(credential)
            }
            Err(needed) => {
                *last = Some((needed.clone(), now.saturating_add(PAUSE)));
                Err(needed)
            }
        }
    }

    /// What the vault has, renewed if need be. `None` if it has nothing that can be used.
    async fn stored(
        &self,
        authority: &Authority,
        key: &CredentialKey,
        need: &Need,
    ) -> Result<Option<Credential>, Needed> {
        match self.renewing.access(key, need).await {
            Ok(access) => self.parts.of_access(&access, authority).await,
            Err(RenewalError::NotConnected | RenewalError::Ended) => Ok(None),
            Err(error) => Err(of_renewal_error(&self.parts.name, &error)),
        }
    }

    async fn begin_own(
        &self,
        authority: &Authority,
        key: &CredentialKey,
        scopes: &Scopes,
    ) -> Result<Credential, Needed> {
        let parts = &self.parts;
        let issued_us = parts.context.now_us();
        let tokens = parts.fetch_own(authority, scopes).await?;
        let tokens = tokens.map_err(|error| {
            tracing::warn!(server = parts.name, code = error.code(), error = %Chain(&error), "no token for the gateway");
            Needed::of_token_error(&error, false)
        })?;
        let token = to_secret(&tokens.access);
        let expires_us = tokens.expires_at.map(micros);
        let grant = Grant::new(
            token.clone(),
            Some(Secret::from(AGAIN)),
            type_name(tokens.token_type),
            to_texts(&tokens.scopes),
            issued_us,
            expires_us,
        );
        self.renewing.connect(key, &grant).await.map_err(|error| {
            tracing::error!(server = parts.name, error = %Chain(&error), "the vault fails");
            Needed::Unavailable
        })?;
        let possession = match tokens.token_type {
            TokenType::Dpop => parts.possession(&authority.issuer).await?,
            _ => None,
        };
        Credential::new(token, to_texts(&tokens.scopes), expires_us, possession)
    }
}

impl Parts {
    /// Asks for a token of the gateway.
    pub(super) async fn fetch_own(
        &self,
        authority: &Authority,
        scopes: &Scopes,
    ) -> Result<Result<Tokens, TokenError>, Needed> {
        let client = self.token_client(authority).await?;
        let metadata = self.metadata(authority).await?;
        let client = self.bound(client, authority, &metadata).await?;
        let resource = self.resource(Some(authority))?;
        let asked = Asked {
            // Entra ID takes the resource from the scope.
            resource: Some(&resource).filter(|_| !authority.is_entra),
            scopes,
        };
        Ok(client.client_credentials(asked, self.now()).await)
    }

    pub(super) fn own_scopes(&self, authority: &Authority) -> Result<Scopes, Needed> {
        let configured = self.configured_scopes()?;
        if !configured.is_empty() {
            return Ok(configured);
        }
        let stepped = self.memory.of("").scopes;
        let challenged = Some(stepped).filter(|scopes| !scopes.is_empty());
        let challenged = challenged.or_else(|| self.challenged_scopes());
        Ok(select(challenged.as_ref(), authority.supported.as_ref()))
    }

    /// Another registration, resource or list of scopes is another token.
    fn own_key(&self, authority: &Authority, scopes: &Scopes) -> Result<CredentialKey, Needed> {
        let id = self.setup.source.client.as_ref().map(|client| &client.id);
        let mut digest = Sha256::new();
        let resource = self.resource(Some(authority))?;
        digest.update(resource.as_str());
        digest.update([0]);
        digest.update(scopes.to_string());
        let digest: [u8; 32] = digest.finalize().into();
        let digest: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
        Ok(CredentialKey {
            tenant: String::new(),
            principal: format!("{}#{digest}", id.map_or("", String::as_str)),
            server: self.name.clone(),
            issuer: authority.issuer.clone(),
            kind: CLIENT_CREDENTIALS.to_owned(),
        })
    }
}
