//! Our own app-only tokens for Microsoft Graph.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use portcullis_egress::{Client, Naming};
use secrecy::SecretString;
use url::Url;

use super::{GraphError, GraphTokens, is_guid};
use crate::Clock;
use crate::back_channel::BackChannel;
use crate::cache::Cache;
use crate::client_auth::ClientIdentity;
use crate::scope::Scopes;
use crate::token_request::{Asked, TokenClient, TokenType};

/// A token is given out until this long before its end.
const MARGIN: Duration = Duration::from_secs(120);
/// How long a token is kept that does not say when it ends.
const UNKNOWN: Duration = Duration::from_secs(300);
/// How long after a failure the same tenant is not asked again.
const PAUSE: Duration = Duration::from_secs(5);
/// Most tenants whose tokens are kept.
const TENANTS: usize = 256;

/// Gets tokens for Graph with the gateway's own client credentials and keeps them until shortly
/// before their end.
pub struct AppTokens {
    client: Client,
    login: Url,
    graph: Url,
    identity: Arc<ClientIdentity>,
    clock: Arc<dyn Clock>,
    kept: Cache<String, Result<SecretString, GraphError>>,
}

impl fmt::Debug for AppTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppTokens")
            .field("login", &self.login.as_str())
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl AppTokens {
    /// `login` and `graph` are the origins of the configured cloud, such as
    /// `https://login.microsoftonline.com` and `https://graph.microsoft.com`; they count as the
    /// operator's own words. `identity` needs the application permission `GroupMember.Read.All`.
    pub fn new(
        client: Client,
        login: Url,
        graph: Url,
        identity: Arc<ClientIdentity>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        AppTokens {
            client,
            login,
            graph,
            identity,
            kept: Cache::new(TENANTS, Arc::clone(&clock)),
            clock,
        }
    }

    async fn fetch(&self, tenant: &str) -> Result<(SecretString, Duration), GraphError> {
        let at = |path: String| {
            let mut url = self.login.clone();
            url.set_path(&path);
            url
        };
        let issuer = at(format!("/{tenant}/v2.0"));
        let channel = BackChannel::without_metadata(
            self.client.clone(),
            issuer.as_str(),
            Arc::clone(&self.identity),
            Naming::Configured,
        );
        let tokens = TokenClient::new(channel, at(format!("/{tenant}/oauth2/v2.0/token")));
        let scope = format!("{}/.default", self.graph.as_str().trim_end_matches('/'));
        let scopes = Scopes::of([scope.as_str()]).map_err(no_token)?;
        let asked = Asked {
            resource: None,
            scopes: &scopes,
        };
        let now = self.clock.unix_seconds();
        let given = tokens
            .client_credentials(asked, now)
            .await
            .map_err(no_token)?;
        if given.token_type != TokenType::Bearer {
            return Err(no_token(NotBearer));
        }
        let keep = given.expires_at.map_or(UNKNOWN, |end| {
            Duration::from_secs(end.saturating_sub(now)).saturating_sub(MARGIN)
        });
        Ok((given.access, keep))
    }
}

impl GraphTokens for AppTokens {
    fn token<'a>(
        &'a self,
        tenant: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<SecretString, GraphError>> + Send + 'a>> {
        Box::pin(async move {
            if !is_guid(tenant) {
                return Err(GraphError::NotAGuid);
            }
            self.kept
                .get(tenant.to_ascii_lowercase(), || async {
                    match self.fetch(tenant).await {
                        Ok((token, keep)) => (Ok(token), keep),
                        Err(error) => (Err(error), PAUSE),
                    }
                })
                .await
        })
    }

    fn discard(&self, tenant: &str) {
        self.kept.remove(&tenant.to_ascii_lowercase());
    }
}

#[derive(Debug, thiserror::Error)]
#[error("token for Microsoft Graph is no bearer token")]
struct NotBearer;

fn no_token(error: impl std::error::Error + Send + Sync + 'static) -> GraphError {
    GraphError::NoToken(Arc::new(error))
}
