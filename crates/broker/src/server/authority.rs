//! Which authorization server a server's tokens come from, and that it stays the same one.
//!
//! The operator names it, or the server does (RFC 9728). Where only the server does, it is bound
//! to the first one that it named: credentials of one authorization server must not be shown to
//! another one, whoever says so (the MCP specification, "Authorization Server Binding").

use std::sync::Arc;

use http::header::{ACCEPT, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Method, Request};
use portcullis_config::TokenGrant;
use portcullis_egress::{Client, EgressError, Limits, Naming};
use portcullis_oauth::{
    AssertionTaker, AuthorizationServer, ClientIdentity, ConfiguredClientError, DocumentError,
    Growth, IssuerQuery, MetadataError, Pkce, ProtectedResource, Resource, Scopes, TokenClient,
    canonical_resource,
};
use portcullis_token::challenge::{self, Challenge};
use portcullis_token::entra::Cloud;
use portcullis_vault::{CredentialFilter, CredentialKey, CredentialState, Secret};
use url::Url;

use super::possession::asks_for_proofs;
use super::{Parts, is_about_tokens, lock};
use crate::event::Event;
use crate::needed::{Needed, Reason};
use crate::revocations::Chain;

/// So long, in seconds, a server's word about its authorization server is believed.
const BELIEVED: u64 = 300;
/// So long, in seconds, it is not asked again after it gave no usable answer.
const PAUSE: u64 = 5;
/// What the binding of a server to its authorization server is called in the vault.
const BINDING: &str = "authorization-server";
/// A request that changes nothing. A server that wants a token says so before it reads it.
const PING: &str = r#"{"jsonrpc":"2.0","id":0,"method":"ping"}"#;

/// The authorization server of a server.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    /// Its issuer identifier.
    pub(crate) issuer: String,
    /// Whether the operator named it.
    naming: Naming,
    pub(crate) is_entra: bool,
    /// The scopes that the server's metadata names.
    pub(crate) supported: Option<Scopes>,
    /// What the server's metadata calls the resource: the server's URL, or one of the same origin
    /// above it, byte for byte as published.
    pub(crate) resource: Option<Resource>,
    /// Whether the server's metadata demand that its tokens are bound to a key (RFC 9449).
    pub(super) demands_bound: bool,
}

/// What was found out.
#[derive(Clone)]
pub(super) struct Bound {
    authority: Result<Authority, Needed>,
    /// In seconds since 1970.
    until: u64,
}

/// What the server said in its last challenge.
#[derive(Clone, Default)]
pub(super) struct Hints {
    was_asked: bool,
    metadata: Option<Url>,
    scopes: Option<Scopes>,
    asks_for_proofs: bool,
}

impl Parts {
    /// The authorization server.
    pub(crate) async fn authority(&self) -> Result<Authority, Needed> {
        if let Some(known) = self.known_authority() {
            return known;
        }
        let _finding = self.memory.finding.lock().await;
        if let Some(known) = self.known_authority() {
            return known;
        }
        let last = lock(&self.memory.bound).clone();
        let last = last.map(|bound| bound.authority);
        let known = last.as_ref().and_then(|last| last.as_ref().ok());
        let found = match (self.find_authority(known).await, last) {
            // The server cannot be asked now; tokens are kept under the same issuer as before.
            (Err(Needed::Unavailable), Some(Ok(last))) => Ok(last),
            (found, _) => found,
        };
        let believed = match &found {
            Ok(_) => BELIEVED,
            Err(_) => PAUSE,
        };
        *lock(&self.memory.bound) = Some(Bound {
            authority: found.clone(),
            until: self.now().saturating_add(believed),
        });
        found
    }

    fn known_authority(&self) -> Option<Result<Authority, Needed>> {
        let bound = lock(&self.memory.bound);
        let fresh = bound.as_ref().filter(|bound| self.now() < bound.until);
        fresh.map(|bound| bound.authority.clone())
    }

    /// Remembers what a challenge of the server says about where to look and what to ask for.
    pub(crate) fn heed(&self, challenges: &[Challenge]) {
        let Some(challenge) = challenges.iter().find(|one| is_about_tokens(one)) else {
            return;
        };
        let metadata = challenge.parameter("resource_metadata");
        let scopes = challenge.parameter("scope");
        let mut hints = lock(&self.memory.hints);
        hints.was_asked = true;
        hints.asks_for_proofs = challenges.iter().any(asks_for_proofs);
        if let Some(url) = metadata.and_then(|url| Url::parse(url).ok()) {
            hints.metadata = Some(url);
        }
        if let Some(scopes) = scopes.and_then(|scopes| Scopes::parse(scopes).ok()) {
            hints.scopes = Some(scopes).filter(|scopes| !scopes.is_empty());
        }
    }

    /// The scopes of the server's last challenge.
    pub(crate) fn challenged_scopes(&self) -> Option<Scopes> {
        lock(&self.memory.hints).scopes.clone()
    }

    /// Whether the server's last challenge asked for proofs of possession.
    pub(super) fn is_challenged_for_proofs(&self) -> bool {
        lock(&self.memory.hints).asks_for_proofs
    }

    /// The metadata of the authorization server.
    pub(crate) async fn metadata(
        &self,
        authority: &Authority,
    ) -> Result<Arc<AuthorizationServer>, Needed> {
        let pkce = match (&self.setup.source.grant, authority.is_entra) {
            // Entra ID has PKCE and does not say so.
            (TokenGrant::UserGrant, true) => Pkce::Assumed,
            (TokenGrant::UserGrant, false) => Pkce::Announced,
            _ => Pkce::Unused,
        };
        let query = match authority.naming {
            Naming::Configured => IssuerQuery::configured(&authority.issuer),
            Naming::Found => IssuerQuery::found(&authority.issuer),
        };
        let discovery = match self.is_on_server(&authority.issuer) {
            true => &self.near,
            false => &*self.far,
        };
        let found = discovery.authorization_server(&query.with_pkce(pkce)).await;
        found.map_err(|error| self.no_metadata(&error))
    }

    /// The way to an authorization server.
    pub(crate) fn way_to(&self, issuer: &str) -> &Client {
        match self.is_on_server(issuer) {
            true => &self.peer,
            false => &self.context.http.general,
        }
    }

    /// The token endpoint, with the registration of the configuration.
    pub(crate) async fn token_client(&self, authority: &Authority) -> Result<TokenClient, Needed> {
        let metadata = self.metadata(authority).await?;
        let identity = match &self.setup.source.client {
            Some(client) => self.registered(client, authority, &metadata).await?,
            None => return Err(Needed::refused(Reason::Client)),
        };
        self.token_client_as(authority, &metadata, identity)
    }

    pub(crate) fn token_client_as(
        &self,
        authority: &Authority,
        metadata: &Arc<AuthorizationServer>,
        identity: ClientIdentity,
    ) -> Result<TokenClient, Needed> {
        let http = self.way_to(&authority.issuer).clone();
        let client = TokenClient::at(http, metadata, Arc::new(identity))
            .map_err(|error| self.no_metadata(&error))?;
        Ok(match authority.is_entra {
            true => client.growth(Growth::SameResource),
            false => client,
        })
    }

    pub(crate) async fn registered(
        &self,
        client: &portcullis_config::OauthClient,
        authority: &Authority,
        metadata: &AuthorizationServer,
    ) -> Result<ClientIdentity, Needed> {
        let algorithms = metadata
            .token_endpoint_auth_signing_alg_values_supported
            .as_deref();
        let taker = match authority.is_entra {
            true => AssertionTaker::Entra,
            false => AssertionTaker::Standard { algorithms },
        };
        let context = &self.context;
        ClientIdentity::configured(client, taker, &*context.secrets, &context.base)
            .await
            .map_err(|error| self.no_client(&error))
    }

    pub(crate) fn no_client(&self, error: &ConfiguredClientError) -> Needed {
        tracing::error!(server = self.name, error = %Chain(error), "the gateway has no identity to fetch tokens with");
        Needed::refused(Reason::Client)
    }

    pub(crate) fn no_metadata(&self, error: &MetadataError) -> Needed {
        tracing::warn!(server = self.name, error = %Chain(error), "no authorization server");
        match error {
            // An address that nobody may send the gateway to.
            MetadataError::Document(DocumentError::Fetch(EgressError::Refused(_))) => {
                Needed::refused(Reason::AuthorizationServer)
            }
            // The host is away, or busy.
            MetadataError::Document(_) => Needed::Unavailable,
            MetadataError::IssuerMismatch => Needed::refused(Reason::IssuerChanged),
            _ => Needed::refused(Reason::AuthorizationServer),
        }
    }

    fn is_on_server(&self, issuer: &str) -> bool {
        Url::parse(issuer).is_ok_and(|issuer| issuer.origin() == self.url.origin())
    }

    /// `last` is what was found before.
    async fn find_authority(&self, last: Option<&Authority>) -> Result<Authority, Needed> {
        let source = &self.setup.source;
        let demanded = self.setup.identity.issuer.as_ref();
        let configured = source.authorization_server.as_ref().or(demanded);
        // The server is asked when it has to name the issuer, or when it has to name the scopes.
        let needs_document = configured.is_none() || demanded.is_some();
        let document = match needs_document || source.scopes.is_empty() {
            true => self.document().await,
            false => Err(MetadataError::NotFound),
        };
        let document = match document {
            Ok(document) => Some(document),
            Err(error) if needs_document => return Err(self.no_metadata(&error)),
            Err(_) => None,
        };
        let supported = document.as_ref().and_then(|document| {
            let scopes = document.scopes_supported.iter().flatten();
            Scopes::of(scopes.map(String::as_str)).ok()
        });
        let resource = document.as_ref().map(|document| &document.resource);
        let resource = resource.and_then(|resource| Resource::parse(resource).ok());
        let issuer = match (configured, document.as_deref()) {
            (Some(issuer), Some(document)) if needs_document => {
                self.check_named(issuer, document)?;
                issuer.clone()
            }
            (Some(issuer), _) => issuer.clone(),
            (None, Some(document)) => self.bound_issuer(document).await?,
            (None, None) => return Err(Needed::refused(Reason::AuthorizationServer)),
        };
        // What a server said before its document was out of reach for a while still holds: another
        // resource is another token.
        let last = last.filter(|last| document.is_none() && last.issuer == issuer);
        Ok(Authority {
            naming: match configured {
                Some(_) => Naming::Configured,
                None => Naming::Found,
            },
            is_entra: self.is_entra(&issuer),
            issuer,
            supported: supported
                .filter(|scopes| !scopes.is_empty())
                .or_else(|| last?.supported.clone()),
            resource: resource.or_else(|| last?.resource.clone()),
            demands_bound: match &document {
                Some(document) => document.dpop_bound_access_tokens_required,
                None => last.is_some_and(|last| last.demands_bound),
            },
        })
    }

    /// The resource that tokens are for (RFC 8707): what the configuration says, else what the
    /// server publishes (RFC 9728), where it is asked, else the server's URL.
    pub(crate) fn resource(&self, authority: Option<&Authority>) -> Result<Resource, Needed> {
        let configured = self.setup.source.resource.as_deref();
        let published = authority.and_then(|authority| authority.resource.as_ref());
        if let (None, Some(published)) = (configured, published) {
            return Ok(published.clone());
        }
        let text = configured.map_or_else(|| canonical_resource(&self.url), str::to_owned);
        Resource::parse(&text).map_err(|_| Needed::refused(Reason::AuthorizationServer))
    }

    /// The server's own document. Where it is, a challenge says first.
    pub(super) async fn document(&self) -> Result<Arc<ProtectedResource>, MetadataError> {
        if !lock(&self.memory.hints).was_asked {
            self.provoke().await;
        }
        let place = lock(&self.memory.hints).metadata.clone();
        self.near
            .protected_resource(&self.url, place.as_ref())
            .await
    }

    /// Asks the server without a credential, to see its challenge.
    async fn provoke(&self) {
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.url.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream")
            .body(PING.into());
        let Ok(request) = request else {
            return;
        };
        let limits = Limits {
            timeout: std::time::Duration::from_secs(5),
            max_body: 64 * 1024,
            redirects: 0,
        };
        let answer = self.peer.send(request, Naming::Configured, &limits).await;
        let Ok(answer) = answer else {
            return;
        };
        lock(&self.memory.hints).was_asked = true;
        if answer.status() != http::StatusCode::UNAUTHORIZED {
            return;
        }
        for value in answer.headers().get_all(WWW_AUTHENTICATE) {
            let text = value.to_str().unwrap_or_default();
            self.heed(&challenge::parse(text).unwrap_or_default());
        }
    }

    /// Refuses a server that names others than the one it has to name.
    fn check_named(&self, expected: &str, document: &ProtectedResource) -> Result<(), Needed> {
        let named = &document.authorization_servers;
        if named.iter().any(|issuer| issuer == expected) {
            return Ok(());
        }
        let cut = |issuer: &String| issuer.chars().take(200).collect();
        self.context.tell(Event::IssuerChanged {
            server: self.name.clone(),
            expected: expected.to_owned(),
            named: named.iter().take(8).map(cut).collect(),
        });
        tracing::error!(
            server = self.name,
            "the server names another authorization server than it has to"
        );
        Err(Needed::refused(Reason::IssuerChanged))
    }

    /// The issuer that the server is bound to, or is bound to now.
    async fn bound_issuer(&self, document: &ProtectedResource) -> Result<String, Needed> {
        let vault = &self.context.vault;
        let failed = |error: &portcullis_vault::VaultError| {
            tracing::error!(server = self.name, error = %Chain(error), "the vault fails");
            Needed::Unavailable
        };
        let filter = CredentialFilter {
            server: Some(self.name.clone()),
            kind: Some(BINDING.to_owned()),
            state: Some(CredentialState::Active),
            ..CredentialFilter::default()
        };
        let bound = vault.list(&filter).await.map_err(|error| failed(&error))?;
        let resource = self.url.as_str();
        // The binding is to the address: under another one it is another server.
        if let Some(record) = bound.iter().find(|record| record.key.tenant == resource) {
            self.check_named(&record.key.issuer, document)?;
            return Ok(record.key.issuer.clone());
        }
        let Some(issuer) = document.authorization_servers.first() else {
            return Err(Needed::refused(Reason::AuthorizationServer));
        };
        let key = CredentialKey {
            tenant: resource.to_owned(),
            principal: String::new(),
            server: self.name.clone(),
            issuer: issuer.clone(),
            kind: BINDING.to_owned(),
        };
        vault
            .put(&key, &Secret::from(BINDING), None)
            .await
            .map_err(|error| failed(&error))?;
        self.context.tell(Event::IssuerBound {
            server: self.name.clone(),
            issuer: issuer.clone(),
        });
        Ok(issuer.clone())
    }

    fn is_entra(&self, issuer: &str) -> bool {
        let known = [Cloud::global(), Cloud::us_government(), Cloud::china()];
        let origin = |url: &str| Url::parse(url).map(|url| url.origin()).ok();
        let issuer_origin = origin(issuer);
        known.iter().any(|cloud| cloud.tenant_of(issuer).is_some())
            || self
                .entra
                .iter()
                .any(|base| origin(base).is_some() && origin(base) == issuer_origin)
    }
}
