//! The broker.

use std::collections::BTreeMap;
use std::sync::Arc;

use portcullis_config::{Config, IssuerKind, TokenGrant};
use portcullis_oauth::{Discovery, DiscoverySettings};
use portcullis_vault::VaultError;

use crate::caller::Caller;
use crate::context::Context;
use crate::credential::Credential;
use crate::needed::{Needed, Reason};
use crate::revocations::Revocations;
use crate::server::{Server, Shared};

/// Gives the credentials with which servers are called.
pub struct Broker {
    pub(crate) context: Arc<Context>,
    pub(crate) revocations: Revocations,
    /// Held while the key for sign-ins is made, so that one of two that begin at once does not lose
    /// what it sealed.
    pub(crate) making_key: tokio::sync::Mutex<()>,
    /// `None`: a server that gets no token from here.
    servers: BTreeMap<String, Option<Server>>,
}

impl Broker {
    /// The broker of a configuration. It fetches nothing yet. What `previous` had in memory stays
    /// for servers of which nothing changed.
    ///
    /// # Errors
    /// [`VaultError::Randomness`].
    pub fn new(
        config: &Config,
        context: Context,
        previous: Option<&Broker>,
    ) -> Result<Self, VaultError> {
        let context = Arc::new(context);
        let issuers = config.authn.issuers.values();
        let entra = issuers.filter_map(|issuer| match &issuer.kind {
            IssuerKind::Entra(entra) => entra.authority_url.clone(),
            _ => None,
        });
        let common = Shared {
            far: Arc::new(Discovery::new(
                context.http.general.clone(),
                DiscoverySettings::default(),
                Arc::clone(&context.clock),
            )),
            entra: entra.collect(),
            renew_before: config.vault.renew_before,
            context: Arc::clone(&context),
        };
        let mut servers = BTreeMap::new();
        for (name, server) in &config.servers {
            let before = previous.and_then(|previous| previous.servers.get(name)?.as_ref());
            let server = Server::new(name, server, &config.authn, &common, before)?;
            servers.insert(name.clone(), server);
        }
        Ok(Self {
            revocations: Revocations::new(
                Arc::clone(&context.revocations),
                Arc::clone(&context.clock),
            ),
            making_key: tokio::sync::Mutex::default(),
            context,
            servers,
        })
    }

    /// What the server is to be called with for that caller. `None` if the configuration names
    /// nothing, or fixed headers, which are not the broker's.
    ///
    /// # Errors
    /// [`Needed`]: the call must not be made.
    pub async fn credential(
        &self,
        server: &str,
        caller: &Caller<'_>,
    ) -> Result<Option<Credential>, Needed> {
        let found = self.server(server)?;
        self.revocations.check(server, caller).await?;
        let Some(server) = found else {
            return Ok(None);
        };
        let credential = match &server.parts.setup.source.grant {
            TokenGrant::ClientCredentials => server.own(None).await?,
            TokenGrant::UserGrant => server.granted(caller, None, &self.revocations).await?,
            TokenGrant::OnBehalfOf { .. }
            | TokenGrant::TokenExchange { .. }
            | TokenGrant::IdJag { .. } => server.parts.exchanged(caller).await?,
        };
        Ok(Some(credential))
    }

    /// The gateway's own client metadata document, where it publishes one.
    #[must_use]
    pub fn client_document(&self) -> Option<String> {
        self.context.client.as_ref()?.to_document()
    }

    /// The server of that name; `None` inside if it gets no token.
    pub(crate) fn server(&self, name: &str) -> Result<Option<&Server>, Needed> {
        match self.servers.get(name) {
            Some(server) => Ok(server.as_ref()),
            None => Err(Needed::refused(Reason::UnknownServer)),
        }
    }
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker")
            .field("servers", &self.servers.keys())
            .finish_non_exhaustive()
    }
}
