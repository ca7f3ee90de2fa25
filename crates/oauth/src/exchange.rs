//! Tokens in exchange for other tokens: Entra ID's on-behalf-of, RFC 8693, and enterprise-managed
//! authorization (ID-JAG).

use secrecy::SecretString;

use crate::form::Form;
use crate::resource::Resource;
use crate::scope::Scopes;
use crate::token_request::{
    Asked, Expected, Kind, NotAsked, TokenClient, TokenError, TokenType, Tokens,
};

/// An access token, whatever its form (RFC 8693 section 3).
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// An ID token.
pub const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// A JWT.
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// A refresh token.
pub const REFRESH_TOKEN: &str = "urn:ietf:params:oauth:token-type:refresh_token";
/// An identity assertion authorization grant.
pub const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";

/// Most actors in a chain of delegation, this gateway included.
pub const MAX_ACTORS: usize = 4;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A token and what it is.
#[derive(Clone, Copy)]
pub struct Typed<'a> {
    /// The token.
    pub token: &'a SecretString,
    /// One of the URIs of RFC 8693 section 3, such as [`ACCESS_TOKEN`].
    pub kind: &'a str,
}

/// What is exchanged for what (RFC 8693 section 2.1).
#[derive(Clone, Copy)]
pub struct Exchange<'a> {
    /// For whom the new token is.
    pub subject: Typed<'a>,
    /// Who acts for them, if that is to stand in the token.
    pub actor: Option<Typed<'a>>,
    /// How many actors stand in the subject's token already (`act`).
    pub actors: usize,
    /// Where the new token is to be used, by name.
    pub audience: Option<&'a str>,
    /// Where and for what it is to be used.
    pub asked: Asked<'a>,
    /// The most that may be asked for: what the caller was granted, in the words of the new token's
    /// audience.
    pub within: &'a Scopes,
    /// What kind of token is wanted; [`ACCESS_TOKEN`] as a rule.
    pub requested: &'a str,
}

/// Asks an enterprise's identity provider for a grant at another authorization server.
#[derive(Clone, Copy)]
pub struct AssertionRequest<'a> {
    /// The person's ID token, or refresh token, of the identity provider.
    pub subject: Typed<'a>,
    /// The issuer of the authorization server that the grant is for.
    pub audience: &'a str,
    /// The MCP server.
    pub resource: &'a Resource,
    /// The scopes; none leaves it to the identity provider.
    pub scopes: &'a Scopes,
}

/// A grant that an identity provider gave (`oauth-id-jag+jwt`). `Debug` does not show it.
pub struct IdentityAssertion {
    /// The assertion.
    pub assertion: SecretString,
    /// The issuer of the only server that may get it.
    pub audience: String,
    /// When it ends, in seconds since 1970.
    pub expires_at: Option<u64>,
    /// What it is good for.
    pub scopes: Scopes,
}

impl TokenClient {
    /// Entra ID's on-behalf-of: `assertion` is the caller's access token for this gateway. Only for
    /// persons' tokens; applications use [`TokenClient::client_credentials`]. The scopes are those
    /// of one resource, or its `.default`; `offline_access` may be among them.
    ///
    /// # Errors
    /// [`TokenError::InteractionRequired`] holds the claims for the caller's next sign-in.
    pub async fn on_behalf_of(
        &self,
        assertion: &SecretString,
        scopes: &Scopes,
        now: u64,
    ) -> Result<Tokens, TokenError> {
        if scopes.resources().len() != 1 {
            return Err(TokenError::NotAsked(NotAsked::SeveralResources));
        }
        if self.channel().identity().is_public() {
            return Err(TokenError::NotAsked(NotAsked::PublicClient));
        }
        let mut form = Form::grant(JWT_BEARER);
        form.add_secret("assertion", assertion);
        form.add("requested_token_use", "on_behalf_of");
        let asked = Asked {
            resource: None,
            scopes,
        };
        asked.add_to(&mut form);
        self.request(form, &asked.access(), now).await
    }

    /// Exchanges a token (RFC 8693).
    ///
    /// # Errors
    /// [`TokenError`]; [`TokenError::NotAsked`] when the scopes are wider than `within`, the chain
    /// of actors is too long, or neither audience nor resource is named.
    pub async fn exchange(&self, exchange: &Exchange<'_>, now: u64) -> Result<Tokens, TokenError> {
        exchange.check().map_err(TokenError::NotAsked)?;
        let mut form = Form::grant(EXCHANGE);
        add_typed(
            &mut form,
            "subject_token",
            "subject_token_type",
            exchange.subject,
        );
        if let Some(actor) = exchange.actor {
            add_typed(&mut form, "actor_token", "actor_token_type", actor);
        }
        form.add_some("audience", exchange.audience);
        form.add("requested_token_type", exchange.requested);
        exchange.asked.add_to(&mut form);
        // What is left to the server must still not pass the bound.
        let bound = if exchange.asked.scopes.is_empty() {
            exchange.within
        } else {
            exchange.asked.scopes
        };
        let expected = Expected {
            scopes: bound,
            kind: Kind::Issued(exchange.requested),
        };
        self.request(form, &expected, now).await
    }

    /// The first leg of enterprise-managed authorization, at the identity provider: a grant for one
    /// MCP server at its authorization server.
    ///
    /// # Errors
    /// [`TokenError`], also when the answer is not an `id-jag` with token type `N_A`.
    pub async fn identity_assertion(
        &self,
        request: &AssertionRequest<'_>,
        now: u64,
    ) -> Result<IdentityAssertion, TokenError> {
        let mut form = Form::grant(EXCHANGE);
        add_typed(
            &mut form,
            "subject_token",
            "subject_token_type",
            request.subject,
        );
        form.add("requested_token_type", ID_JAG);
        form.add("audience", request.audience);
        let asked = Asked {
            resource: Some(request.resource),
            scopes: request.scopes,
        };
        asked.add_to(&mut form);
        let expected = Expected {
            scopes: request.scopes,
            kind: Kind::Issued(ID_JAG),
        };
        let tokens = self.request(form, &expected, now).await?;
        if tokens.token_type != TokenType::NotApplicable {
            return Err(TokenError::TokenType);
        }
        Ok(IdentityAssertion {
            assertion: tokens.access,
            audience: request.audience.to_owned(),
            expires_at: tokens.expires_at,
            scopes: tokens.scopes,
        })
    }

    /// The second leg, at the MCP server's authorization server: the grant for an access token
    /// (RFC 7523 section 2.1).
    ///
    /// # Errors
    /// [`TokenError`]; [`NotAsked::OtherServer`] when the grant is for another server.
    pub async fn redeem_assertion(
        &self,
        grant: &IdentityAssertion,
        asked: Asked<'_>,
        now: u64,
    ) -> Result<Tokens, TokenError> {
        if grant.audience != self.channel().issuer() {
            return Err(TokenError::NotAsked(NotAsked::OtherServer));
        }
        self.assertion(&grant.assertion, asked, now).await
    }

    /// An access token for an assertion that an issuer signed whom the server trusts (RFC 7523
    /// section 2.1): a workload's identity token (SEP-1933), or a grant of [`IdentityAssertion`]'s
    /// kind that came another way. The assertion has to name this server as its audience.
    ///
    /// # Errors
    /// [`TokenError`]
    pub async fn assertion(
        &self,
        assertion: &SecretString,
        asked: Asked<'_>,
        now: u64,
    ) -> Result<Tokens, TokenError> {
        let mut form = Form::grant(JWT_BEARER);
        form.add_secret("assertion", assertion);
        asked.add_to(&mut form);
        self.request(form, &asked.access(), now).await
    }
}

impl Exchange<'_> {
    /// What is refused before anybody is asked.
    fn check(&self) -> Result<(), NotAsked> {
        let actors = self
            .actors
            .saturating_add(usize::from(self.actor.is_some()));
        if self.audience.is_none() && self.asked.resource.is_none() {
            return Err(NotAsked::NoTarget);
        }
        if !self.within.covers(self.asked.scopes) {
            return Err(NotAsked::WiderScope);
        }
        if actors > MAX_ACTORS {
            return Err(NotAsked::ChainTooLong);
        }
        Ok(())
    }
}

impl std::fmt::Debug for IdentityAssertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityAssertion")
            .field("audience", &self.audience)
            .field("expires_at", &self.expires_at)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

fn add_typed(form: &mut Form, token: &str, kind: &str, typed: Typed<'_>) {
    form.add_secret(token, typed.token);
    form.add(kind, typed.kind);
}
