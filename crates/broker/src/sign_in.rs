//! A user signs in at a server's authorization server, so that the gateway may call the server for
//! that user.
//!
//! A page of the gateway shows the [`Offer`] to the person, who must be the user that the host
//! calls for. When the person consents, [`Broker::begin`] says where to send the browser, and
//! [`Broker::complete`] takes what it brings back. What has begun is stored sealed, for ten minutes,
//! is good once, and only in the browser where it began.

mod identity;
mod sealed;

use std::sync::Arc;

use portcullis_config::TokenGrant;
use portcullis_oauth::{
    AuthorizationResponse, AuthorizationServer, BackChannel, BeginError, Code, Pkce, ResponseError,
    Scopes, SignIn, TokenClient, TokenError, begin, select,
};
use portcullis_vault::{Grant, VaultError};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::broker::Broker;
use crate::caller::Caller;
use crate::context::micros;
use crate::event::Event;
use crate::needed::{Needed, Reason};
use crate::revocations::Chain;
use crate::server::{Authority, Binding, Server, to_secret, to_texts, type_name};
use sealed::{Begin, Found};

/// How long a sign-in may take, in seconds.
const PATIENCE: u64 = 600;
/// Fewest characters of what marks a browser: 128 bits in base64url.
const MARK: usize = 22;

/// What a person is asked to consent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The server.
    pub server: String,
    /// The issuer where the person signs in.
    pub issuer: String,
    /// The scopes that are asked for; none leaves it to the issuer.
    pub scopes: Vec<String>,
}

/// One visit of a browser.
#[derive(Clone, Copy)]
pub struct Visit<'a> {
    /// What marks the browser: a random value of at least 128 bits in a cookie that only the
    /// gateway's pages get.
    pub browser: &'a SecretString,
    /// Anything that is handed back with the result: an elicitation's id, a path.
    pub return_to: Option<&'a str>,
    /// Scopes that are needed besides: those of [`Needed::Scope`].
    pub scopes: &'a [String],
    /// Claims that are needed: those of [`Needed::Challenge`], at an issuer that is Entra ID.
    pub claims: Option<&'a str>,
}

/// A sign-in that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Where to send the browser.
    pub url: Url,
    /// Until when it has to be back, unix microseconds.
    pub expires_us: i64,
}

/// A sign-in that came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// The server.
    pub server: String,
    /// The tenant of the user.
    pub tenant: String,
    /// Who is connected now.
    pub principal: String,
    /// What [`Visit::return_to`] said.
    pub return_to: Option<String>,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
}

/// Why a user is not signed in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// Users do not sign in at this server, or nobody said where they would come back to.
    #[error("users do not sign in at this server")]
    NotHere,
    /// No sign-in is possible, or not now.
    #[error("no sign-in")]
    Needed(#[source] Needed),
    /// The address of the sign-in cannot be made.
    #[error("the sign-in cannot begin")]
    Begin(#[source] BeginError),
    /// The sign-in is not known: it took too long, was completed already, or never began.
    #[error("the sign-in is not known or has ended")]
    Unknown,
    /// The sign-in began in another browser.
    #[error("the sign-in began in another browser")]
    Browser,
    /// What the browser brought is not accepted.
    #[error("the answer of the authorization server is not accepted")]
    Response(#[source] ResponseError),
    /// The code gives no tokens.
    #[error("the authorization server gives no token")]
    Token(#[source] Box<TokenError>),
    /// The vault, or the store of what has begun, fails.
    #[error("the sign-in cannot be kept")]
    Vault(#[source] VaultError),
}

impl SignInError {
    /// The stable id of the cause.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotHere => "sign-in-not-here",
            Self::Needed(needed) => needed.code(),
            Self::Begin(_) => "sign-in-not-begun",
            Self::Unknown => "sign-in-unknown",
            Self::Browser => "sign-in-other-browser",
            Self::Response(error) => error.code(),
            Self::Token(error) => error.code(),
            Self::Vault(_) => "sign-in-not-kept",
        }
    }
}

impl From<Needed> for SignInError {
    fn from(needed: Needed) -> Self {
        Self::Needed(needed)
    }
}

impl From<VaultError> for SignInError {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}

impl Broker {
    /// What the caller would be asked to consent to at the server. `more` are scopes that are
    /// needed besides.
    ///
    /// # Errors
    /// [`SignInError::NotHere`], [`SignInError::Needed`].
    pub async fn offer(
        &self,
        server: &str,
        caller: &Caller<'_>,
        more: &[String],
    ) -> Result<Offer, SignInError> {
        let server = self.sign_in_server(server)?;
        self.revocations.check(&server.parts.name, caller).await?;
        let authority = server.parts.authority().await?;
        let scopes = scopes(server, &authority, more)?;
        Ok(Offer {
            server: server.parts.name.clone(),
            issuer: authority.issuer,
            scopes: to_texts(&scopes),
        })
    }

    /// Begins a sign-in of the caller. Call it only after the person consented, and only if the
    /// person is the caller.
    ///
    /// # Errors
    /// [`SignInError`]; nothing was stored then.
    pub async fn begin(
        &self,
        server: &str,
        caller: &Caller<'_>,
        visit: &Visit<'_>,
    ) -> Result<Begun, SignInError> {
        if visit.browser.expose_secret().len() < MARK {
            return Err(SignInError::Browser);
        }
        let server = self.sign_in_server(server)?;
        let parts = &server.parts;
        self.revocations.check(&parts.name, caller).await?;
        let own = parts.context.client.as_ref().ok_or(SignInError::NotHere)?;
        let authority = parts.authority().await?;
        let metadata = parts.metadata(&authority).await?;
        let identity = parts
            .sign_in_identity(&authority, &metadata)
            .await?
            .identity;
        let scopes = scopes(server, &authority, visit.scopes)?;
        let scopes = scopes.lasting(metadata.scopes_supported.as_deref());
        let resource = parts.resource(Some(&authority))?;
        let pkce = match authority.is_entra {
            true => Pkce::Assumed,
            false => Pkce::Announced,
        };
        let asked = portcullis_oauth::Asked {
            resource: Some(&resource).filter(|_| !authority.is_entra),
            scopes: &scopes,
        };
        let key = match parts.binding(Some(&authority), &metadata).await? {
            Binding::Unbound => None,
            Binding::Preferred | Binding::Required => Some(parts.key_for(&authority.issuer).await?),
        };
        let sign_in = SignIn::at(&metadata, pkce, identity.id(), &own.callback, asked)
            .map_err(|error| parts.no_metadata(&error))?;
        let sign_in = SignIn {
            claims: visit.claims.filter(|_| authority.is_entra),
            dpop_jkt: key.as_ref().map(|key| key.thumbprint()),
            ..sign_in
        };
        let (url, pending) = begin(&sign_in).map_err(SignInError::Begin)?;
        let url = push(server, &authority, &metadata, identity, url).await?;
        let expires_us = micros(parts.now().saturating_add(PATIENCE));
        let begin = Begin {
            server: parts.name.clone(),
            tenant: caller.tenant.to_owned(),
            principal: caller.principal.to_owned(),
            issued: caller.issued,
            return_to: visit.return_to.map(str::to_owned),
        };
        self.keep_pending(&begin, visit.browser, &pending, expires_us)
            .await?;
        Ok(Begun { url, expires_us })
    }

    /// Takes the query that the browser brought to the callback, without `?`. Whatever comes of
    /// it, the sign-in is over.
    ///
    /// # Errors
    /// [`SignInError`]; the user has what it had before.
    pub async fn complete(
        &self,
        query: &str,
        browser: &SecretString,
    ) -> Result<Completed, SignInError> {
        let mut server = None;
        let completed = self.take_up(query, browser, &mut server).await;
        if let Err(error) = &completed {
            let code = error.code();
            tracing::warn!(server, code, error = %Chain(error), "a sign-in is refused");
            self.context.tell(Event::SignInRefused { server, code });
        }
        completed
    }

    async fn take_up(
        &self,
        query: &str,
        browser: &SecretString,
        name: &mut Option<String>,
    ) -> Result<Completed, SignInError> {
        let response = AuthorizationResponse::parse(query).map_err(SignInError::Response)?;
        let state = response.state().ok_or(SignInError::Unknown)?;
        let Found { begin, pending } = self.take_pending(state, browser).await?;
        *name = Some(begin.server.clone());
        let code = pending.accept(response).map_err(SignInError::Response)?;
        let server = self.sign_in_server(&begin.server)?;
        self.revocations
            .check_principal(&begin.server, &begin.principal, begin.issued)
            .await?;
        let authority = server.parts.authority().await?;
        // The configuration, or the server's word, changed since the sign-in began.
        if authority.issuer != pending.issuer() {
            return Err(Needed::refused(Reason::IssuerChanged).into());
        }
        let parts = &server.parts;
        let metadata = parts.metadata(&authority).await?;
        let own = parts.sign_in_identity(&authority, &metadata).await?;
        let client = parts.token_client_as(&authority, &metadata, own.identity)?;
        let client = parts.bound(client, &authority, &metadata).await?;
        let granted = redeem(server, &client, &pending, &code).await?;
        let granted = granted.given_to(own.registration);
        let key = server.grant_key(&begin.tenant, &begin.principal, &authority.issuer);
        let scopes = granted.scopes.clone();
        server.renewing.connect(&key, &granted).await?;
        self.context.tell(Event::Connected {
            key,
            scopes: scopes.clone(),
        });
        Ok(Completed {
            server: begin.server,
            tenant: begin.tenant,
            principal: begin.principal,
            return_to: begin.return_to,
            scopes,
        })
    }

    fn sign_in_server(&self, name: &str) -> Result<&Server, SignInError> {
        let server = self.server(name)?.ok_or(SignInError::NotHere)?;
        match server.parts.setup.source.grant {
            TokenGrant::UserGrant => Ok(server),
            _ => Err(SignInError::NotHere),
        }
    }
}

async fn redeem(
    server: &Server,
    client: &TokenClient,
    pending: &portcullis_oauth::Pending,
    code: &Code,
) -> Result<Grant, SignInError> {
    let now = server.parts.now();
    let tokens = client.redeem(pending, code, now).await;
    let tokens = tokens.map_err(|error| SignInError::Token(Box::new(error)))?;
    Ok(Grant::new(
        to_secret(&tokens.access),
        tokens.refresh.as_ref().map(to_secret),
        type_name(tokens.token_type),
        to_texts(&tokens.scopes),
        micros(now),
        tokens.expires_at.map(micros),
    ))
}

/// Servers that demand it get the parameters from us and not from the browser (RFC 9126).
async fn push(
    server: &Server,
    authority: &Authority,
    metadata: &Arc<AuthorizationServer>,
    identity: portcullis_oauth::ClientIdentity,
    url: Url,
) -> Result<Url, SignInError> {
    if !metadata.require_pushed_authorization_requests {
        return Ok(url);
    }
    let endpoint = metadata.pushed_authorization_request_endpoint.as_ref();
    let endpoint = endpoint.ok_or(Needed::refused(Reason::AuthorizationServer))?;
    let http = server.parts.way_to(&authority.issuer).clone();
    let channel = BackChannel::new(http, Arc::clone(metadata), Arc::new(identity));
    let pushed = channel.push(endpoint, &url, server.parts.now()).await;
    pushed.map_err(|error| SignInError::Token(Box::new(error)))
}

/// What a sign-in asks for: what the configuration says; else what the server asked for, else all
/// that it names. `more` must not go beyond the configuration.
fn scopes(server: &Server, authority: &Authority, more: &[String]) -> Result<Scopes, Needed> {
    // It is asked for anyway, where the issuer has it.
    let more = more.iter().map(String::as_str);
    let more = Scopes::of(more.filter(|scope| *scope != "offline_access"));
    let more = more.map_err(|_| Needed::refused(Reason::Scope))?;
    let configured = server.parts.configured_scopes()?;
    if configured.is_empty() {
        let challenged = server.parts.challenged_scopes();
        let chosen = select(challenged.as_ref(), authority.supported.as_ref());
        return Ok(match more.is_empty() {
            true => chosen,
            false => chosen.union(&more),
        });
    }
    if !configured.covers(&more) {
        server.parts.tell_scope_refused();
        return Err(Needed::refused(Reason::Scope));
    }
    Ok(configured)
}
