//! A request to a token endpoint, and the strict reading of its answer (RFC 6749 sections 5.1, 5.2).

mod answer;
mod refused;

use std::fmt;
use std::sync::Arc;

use portcullis_egress::Client;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use refused::{ClaimsChallenge, ErrorCode, Refused};

use crate::back_channel::{Answer, BackChannel, CallError};
use crate::client_auth::ClientIdentity;
use crate::form::Form;
use crate::metadata::{AuthorizationServer, MetadataError};
use crate::proof::{Nonces, ProofError, ProofKey, ProvenRequest};
use crate::resource::Resource;
use crate::scope::{Growth, Scopes};

/// The token endpoint of one authorization server. A clone is cheap.
#[derive(Clone, Debug)]
pub struct TokenClient {
    channel: BackChannel,
    endpoint: Url,
    growth: Growth,
    proof: Option<Proof>,
}

/// By what tokens are bound.
#[derive(Clone, Debug)]
struct Proof {
    key: Arc<ProofKey>,
    nonces: Arc<Nonces>,
    /// Whether a token that is not bound is taken, too.
    or_bearer: bool,
}

/// What a token is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The resource (RFC 8707); MCP demands it with every grant, refreshing included.
    pub resource: Option<&'a Resource>,
    /// The scopes; none leaves it to the server.
    pub scopes: &'a Scopes,
}

/// What a token endpoint gave. `Debug` shows no token.
pub struct Tokens {
    /// The access token; with [`TokenType::NotApplicable`] another kind of token.
    pub access: SecretString,
    /// How it is used.
    pub token_type: TokenType,
    /// When it ends, in seconds since 1970, reckoned from before the request; `None` when the
    /// server does not say.
    pub expires_at: Option<u64>,
    /// The refresh token. After a refresh: the new one, which replaces the old one; `None` when the
    /// old one stays good.
    pub refresh: Option<SecretString>,
    /// The scopes granted: those of the answer, else those that were asked for.
    pub scopes: Scopes,
    /// The ID token, as it came: nothing of it has been verified but its nonce after a sign-in.
    pub id_token: Option<SecretString>,
    /// What kind of token `access` is (RFC 8693 section 3).
    pub issued_token_type: Option<String>,
}

/// How a token is used (`token_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// `Authorization: Bearer` (RFC 6750).
    Bearer,
    /// `Authorization: DPoP`, with a proof for each request (RFC 9449).
    Dpop,
    /// `N_A`: it is no access token (RFC 8693 section 2.2.1).
    NotApplicable,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The server was not asked, or did not answer.
    #[error("no answer from the token endpoint")]
    Call(#[from] CallError),
    /// The server refused, and a fresh sign-in with these claims may help (Entra ID's Conditional
    /// Access). No other token may be used in place of the one that was refused.
    #[error("the authorization server demands another sign-in")]
    InteractionRequired(Box<ClaimsChallenge>),
    /// The server refused.
    #[error("the authorization server refused: {}", .0.code)]
    Refused(Box<Refused>),
    /// The answer has this status and is no OAuth answer.
    #[error("the token endpoint answered with status {0}")]
    Status(u16),
    /// The answer is not what RFC 6749 section 5.1 says.
    #[error("the token endpoint's answer is malformed: {0}")]
    Malformed(&'static str),
    /// The token may do more than was asked for.
    #[error("the authorization server granted more than was asked for")]
    ScopeWidened,
    /// The token is of a type that was not asked for.
    #[error("the authorization server gave another type of token")]
    TokenType,
    /// There is no proof of possession to send.
    #[error("no proof of possession")]
    Proof(#[source] ProofError),
    /// This gateway does not send the request.
    #[error("the request is not made: {0}")]
    NotAsked(NotAsked),
}

/// Why a request is refused before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAsked {
    /// The answer to the sign-in belongs to another authorization server or client.
    #[error("the sign-in was begun at another authorization server")]
    OtherServer,
    /// A client that proves nothing cannot act for itself (RFC 6749 section 4.4).
    #[error("a public client has no credentials of its own")]
    PublicClient,
    /// More scopes than the caller may pass on.
    #[error("the scopes are wider than what may be passed on")]
    WiderScope,
    /// The chain of actors would be too long.
    #[error("the chain of delegation is too long")]
    ChainTooLong,
    /// Entra ID gives a token for one resource only.
    #[error("the scopes name no resource, or several")]
    SeveralResources,
    /// A value that has to be there is missing.
    #[error("nothing to exchange it for is named")]
    NoTarget,
}

/// What the answer has to be, besides well-formed.
pub(crate) struct Expected<'a> {
    pub(crate) scopes: &'a Scopes,
    pub(crate) kind: Kind<'a>,
}

pub(crate) enum Kind<'a> {
    /// An access token; `issued_token_type` is read if it is there.
    Access,
    /// The answer to an exchange: `issued_token_type` has to be this one.
    Issued(&'a str),
}

impl TokenClient {
    /// The token endpoint of the server that this metadata is about.
    ///
    /// # Errors
    /// [`MetadataError::NoEndpoint`]
    pub fn at(
        http: Client,
        server: &Arc<AuthorizationServer>,
        identity: Arc<ClientIdentity>,
    ) -> Result<Self, MetadataError> {
        let endpoint = server.token_endpoint()?.clone();
        Ok(Self::new(
            BackChannel::new(http, Arc::clone(server), identity),
            endpoint,
        ))
    }

    /// The token endpoint of the server behind `channel`.
    pub fn new(channel: BackChannel, endpoint: Url) -> Self {
        Self {
            channel,
            endpoint,
            growth: Growth::Never,
            proof: None,
        }
    }

    /// What the server may grant beyond what was asked for; [`Growth::Never`] when not set.
    #[must_use]
    pub fn growth(mut self, growth: Growth) -> Self {
        self.growth = growth;
        self
    }

    /// Binds every token to this key (RFC 9449 section 5). A token that is not bound is refused then.
    #[must_use]
    pub fn bound_to(self, key: Arc<ProofKey>) -> Self {
        self.proven_by(key, Arc::default(), false)
    }

    /// As [`bound_to`](Self::bound_to), with nonces that others remember, too. With `or_bearer` the
    /// server decides: what it does not bind is taken as a plain token.
    #[must_use]
    pub fn proven_by(mut self, key: Arc<ProofKey>, nonces: Arc<Nonces>, or_bearer: bool) -> Self {
        self.proof = Some(Proof {
            key,
            nonces,
            or_bearer,
        });
        self
    }

    /// The way to the server.
    pub fn channel(&self) -> &BackChannel {
        &self.channel
    }

    /// Posts `form` and reads the answer. A server that wants its nonce in the proof is asked once
    /// more with it.
    pub(crate) async fn request(
        &self,
        form: Form,
        expected: &Expected<'_>,
        now: u64,
    ) -> Result<Tokens, TokenError> {
        let Some(proof) = &self.proof else {
            let answer = self.channel.send(&self.endpoint, form, None, now).await?;
            return self.read(&answer, expected, now);
        };
        let (answer, has_nonce) = self.send(proof, form.clone(), now).await?;
        let tokens = self.read(&answer, expected, now);
        if !has_nonce || !wants_nonce(&tokens) {
            return tokens;
        }
        let (answer, _) = self.send(proof, form, now).await?;
        self.read(&answer, expected, now)
    }

    /// Posts `form` with a proof that has the server's latest nonce. Says whether the answer has
    /// one, too.
    async fn send(
        &self,
        proof: &Proof,
        form: Form,
        now: u64,
    ) -> Result<(Answer, bool), TokenError> {
        let nonce = proof.nonces.latest(&self.endpoint);
        let request = ProvenRequest {
            method: "POST",
            url: &self.endpoint,
            token: None,
            nonce: nonce.as_deref(),
        };
        let header = proof.key.prove(&request, now).map_err(TokenError::Proof)?;
        let sending = self.channel.send(&self.endpoint, form, Some(header), now);
        let answer = sending.await?;
        let has_nonce = proof.nonces.hear(&self.endpoint, answer.response.headers());
        Ok((answer, has_nonce))
    }

    fn read(
        &self,
        answer: &Answer,
        expected: &Expected<'_>,
        now: u64,
    ) -> Result<Tokens, TokenError> {
        let rules = answer::Rules {
            growth: self.growth,
            bound: self.proof.is_some(),
            bearer: self.proof.as_ref().is_none_or(|proof| proof.or_bearer),
        };
        answer::read(answer, expected, rules, now)
    }
}

/// Whether the server wants its nonce in the proof (RFC 9449 section 8).
fn wants_nonce(tokens: &Result<Tokens, TokenError>) -> bool {
    matches!(tokens, Err(TokenError::Refused(refused)) if refused.code == ErrorCode::UseDpopNonce)
}

impl Asked<'_> {
    pub(crate) fn add_to(&self, form: &mut Form) {
        form.add_some("resource", self.resource.map(Resource::as_str));
        if !self.scopes.is_empty() {
            form.add("scope", &self.scopes.to_string());
        }
    }

    pub(crate) fn access(&self) -> Expected<'_> {
        Expected {
            scopes: self.scopes,
            kind: Kind::Access,
        }
    }
}

impl Tokens {
    /// Whether this token is another one than `old`, compared by content. For refresh tokens.
    pub fn rotated(&self, old: &SecretString) -> bool {
        self.refresh
            .as_ref()
            .is_some_and(|new| new.expose_secret() != old.expose_secret())
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("token_type", &self.token_type)
            .field("expires_at", &self.expires_at)
            .field("refresh", &self.refresh.is_some())
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
