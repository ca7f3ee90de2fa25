//! The gateway's own sign-in at Entra ID, for Azure Key Vault.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use portcullis_config::{AzureClient, Cloud};
use portcullis_egress::{Client, Naming};
use portcullis_oauth::{Asked, BackChannel, Scopes, TokenClient, TokenType};
use portcullis_token::entra;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::registration::client_identity;
use crate::Clock;
use crate::keys::{KeyError, TokenRequest, TokenSource};
use crate::references::References;
use crate::secret::Secret;

/// A token is given out until so long before its end, in seconds.
const MARGIN: u64 = 120;
/// How long a token is kept that does not say when it ends, in seconds.
const UNKNOWN: u64 = 300;

/// Gets tokens by client credentials at the configured tenant, and at no other: what a vault says
/// about its authority is not followed.
pub struct EntraTokens {
    azure: AzureClient,
    login: String,
    references: References,
    client: Client,
    clock: Clock,
    // One question at a time; there are one or two scopes.
    kept: tokio::sync::Mutex<HashMap<String, Kept>>,
}

struct Kept {
    token: SecretString,
    until: u64,
}

impl EntraTokens {
    /// `references` resolves the registration's secret, which is read for each new token.
    #[must_use]
    pub fn new(azure: &AzureClient, references: References, client: Client, clock: Clock) -> Self {
        let cloud = match azure.cloud {
            Cloud::Global => entra::Cloud::global(),
            Cloud::UsGovernment => entra::Cloud::us_government(),
            Cloud::China => entra::Cloud::china(),
        };
        Self {
            azure: azure.clone(),
            login: cloud.login,
            references,
            client,
            clock,
            kept: tokio::sync::Mutex::default(),
        }
    }

    /// The same at another address than that of the cloud.
    #[cfg(test)]
    pub(crate) fn at(mut self, login: &str) -> Self {
        login.clone_into(&mut self.login);
        self
    }

    async fn fetch(&self, scope: &str, now: u64) -> Result<Kept, KeyError> {
        let failed =
            |error: Box<dyn std::error::Error + Send + Sync>| KeyError::Credential(Some(error));
        let identity = client_identity(&self.azure.client, &self.references).await;
        let identity = Arc::new(identity.map_err(|error| failed(error.into()))?);
        let tenant = &self.azure.tenant;
        let issuer = format!("{}/{tenant}/v2.0", self.login);
        let endpoint = Url::parse(&format!("{}/{tenant}/oauth2/v2.0/token", self.login))
            .map_err(|error| failed(error.into()))?;
        let channel = BackChannel::without_metadata(
            self.client.clone(),
            &issuer,
            identity,
            Naming::Configured,
        );
        let scopes = Scopes::of([scope]).map_err(|error| failed(error.into()))?;
        let asked = Asked {
            resource: None,
            scopes: &scopes,
        };
        let given = TokenClient::new(channel, endpoint)
            .client_credentials(asked, now)
            .await
            .map_err(|error| failed(error.into()))?;
        if given.token_type != TokenType::Bearer {
            return Err(failed("it is no bearer token".into()));
        }
        Ok(Kept {
            token: given.access,
            until: given.expires_at.map_or(now.saturating_add(UNKNOWN), |end| {
                end.saturating_sub(MARGIN)
            }),
        })
    }
}

#[async_trait]
impl TokenSource for EntraTokens {
    async fn token(&self, request: &TokenRequest) -> Result<Secret, KeyError> {
        let now = u64::try_from((self.clock)() / 1_000_000).unwrap_or_default();
        let mut kept = self.kept.lock().await;
        let usable = kept
            .get(&request.scope)
            // A claims challenge says that the token which was sent is not good any more.
            .filter(|kept| now < kept.until && request.claims.is_none());
        if let Some(usable) = usable {
            return Ok(Secret::from(usable.token.expose_secret()));
        }
        let fetched = self.fetch(&request.scope, now).await?;
        let token = Secret::from(fetched.token.expose_secret());
        kept.insert(request.scope.clone(), fetched);
        Ok(token)
    }
}
