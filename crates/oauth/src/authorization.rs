//! Signing in: the authorization code flow with PKCE, seen from the client.
//!
//! [`begin`] makes the address that the person is sent to, and a [`Pending`] to remember. When the
//! browser comes back, [`Pending::accept`] judges what it brings, and [`TokenClient::redeem`]
//! exchanges the code. OAuth 2.1, RFC 7636, RFC 8707, RFC 9207.

mod pending;
mod pushed;
mod response;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use url::Url;

pub use pending::{Pending, PendingError};
pub use response::{AuthorizationResponse, Code, ResponseError};

use crate::document::is_secure;
use crate::form::Form;
use crate::metadata::{AuthorizationServer, MetadataError, Pkce};
use crate::resource::Resource;
use crate::scope::Scopes;
use crate::token_request::{Asked, NotAsked, TokenClient, TokenError, Tokens};

/// The parameters of a sign-in, which are ours to set.
const OURS: &[&str] = &[
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_challenge_method",
    "scope",
    "resource",
    "nonce",
    "claims",
    "dpop_jkt",
    "prompt",
    "login_hint",
    "response_mode",
    "request",
    "request_uri",
];

/// What a sign-in is for.
#[derive(Clone, Copy, Debug)]
pub struct SignIn<'a> {
    /// The authorization server's issuer identifier, from its metadata, byte for byte.
    pub issuer: &'a str,
    /// Its authorization endpoint.
    pub endpoint: &'a Url,
    /// Whether its metadata says `authorization_response_iss_parameter_supported`.
    pub names_issuer: bool,
    /// This client's id there.
    pub client_id: &'a str,
    /// Where the browser comes back to.
    pub redirect_uri: &'a Url,
    /// The scopes; none leaves it to the server.
    pub scopes: &'a Scopes,
    /// The resource (RFC 8707). Entra ID refuses it as a rule.
    pub resource: Option<&'a Resource>,
    /// Claims that are asked for, as JSON: from a claims challenge.
    pub claims: Option<&'a str>,
    /// The thumbprint of the key that the tokens will be bound to: the code is good with it only
    /// (RFC 9449 section 10).
    pub dpop_jkt: Option<&'a str>,
    /// OpenID Connect's `prompt`, such as `select_account`.
    pub prompt: Option<&'a str>,
    /// OpenID Connect's `login_hint`.
    pub login_hint: Option<&'a str>,
}

/// Why no sign-in is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BeginError {
    /// Neither https nor http on this machine, or with userinfo, a fragment, or a parameter that is
    /// ours to set.
    #[error("the authorization endpoint's address is not usable")]
    Endpoint,
    /// Neither https nor http on this machine, or with a fragment.
    #[error("the redirect address is not usable")]
    Redirect,
    /// The system gave no random bytes.
    #[error("no random bytes")]
    Random,
}

impl<'a> SignIn<'a> {
    /// A sign-in at the server that this metadata is about, for one resource.
    ///
    /// # Errors
    /// [`MetadataError::NoEndpoint`]; [`MetadataError::PkceMissing`] when the server does not
    /// announce what `pkce` demands.
    pub fn at(
        server: &'a AuthorizationServer,
        pkce: Pkce,
        client_id: &'a str,
        redirect_uri: &'a Url,
        asked: Asked<'a>,
    ) -> Result<Self, MetadataError> {
        server.check_pkce(pkce)?;
        Ok(Self {
            issuer: &server.issuer,
            endpoint: server.authorization_endpoint()?,
            names_issuer: server.authorization_response_iss_parameter_supported,
            client_id,
            redirect_uri,
            scopes: asked.scopes,
            resource: asked.resource,
            claims: None,
            dpop_jkt: None,
            prompt: None,
            login_hint: None,
        })
    }
}

/// Begins a sign-in: where to send the browser, and what to remember until it comes back. The
/// pending sign-in is a secret; store it sealed, for few minutes, only after the person consented,
/// and take it out once.
///
/// # Errors
/// [`BeginError`]
pub fn begin(sign_in: &SignIn<'_>) -> Result<(Url, Pending), BeginError> {
    check_endpoint(sign_in.endpoint)?;
    if !is_secure(sign_in.redirect_uri) || sign_in.redirect_uri.fragment().is_some() {
        return Err(BeginError::Redirect);
    }
    let pending = Pending::new(sign_in).map_err(|_| BeginError::Random)?;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(pending.verifier()));
    let mut url = sign_in.endpoint.clone();
    {
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", sign_in.client_id)
            .append_pair("redirect_uri", sign_in.redirect_uri.as_str())
            .append_pair("state", pending.state())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if !sign_in.scopes.is_empty() {
            query.append_pair("scope", &sign_in.scopes.to_string());
        }
        let optional = [
            ("resource", sign_in.resource.map(Resource::as_str)),
            ("nonce", pending.nonce()),
            ("claims", sign_in.claims),
            ("dpop_jkt", sign_in.dpop_jkt),
            ("prompt", sign_in.prompt),
            ("login_hint", sign_in.login_hint),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
    }
    Ok((url, pending))
}

/// A parameter that stands in the endpoint's address already would be there twice, and which one
/// counts would be the server's choice.
fn check_endpoint(endpoint: &Url) -> Result<(), BeginError> {
    let userinfo = !endpoint.username().is_empty() || endpoint.password().is_some();
    let taken = endpoint
        .query_pairs()
        .any(|(name, _)| OURS.contains(&name.as_ref()));
    if !is_secure(endpoint) || endpoint.fragment().is_some() || userinfo || taken {
        return Err(BeginError::Endpoint);
    }
    Ok(())
}

impl TokenClient {
    /// Exchanges the code of a sign-in that [`Pending::accept`] accepted.
    ///
    /// # Errors
    /// [`TokenError`]; [`NotAsked::OtherServer`] when the sign-in was begun at another server or as
    /// another client, so that no code is shown to a server that did not issue it.
    pub async fn redeem(
        &self,
        pending: &Pending,
        code: &Code,
        now: u64,
    ) -> Result<Tokens, TokenError> {
        let channel = self.channel();
        if pending.issuer() != channel.issuer() || pending.client_id() != channel.identity().id() {
            return Err(TokenError::NotAsked(NotAsked::OtherServer));
        }
        let mut form = Form::grant("authorization_code");
        form.add_secret("code", code.secret());
        form.add("redirect_uri", pending.redirect_uri());
        form.add_secret("code_verifier", pending.verifier_secret());
        form.add_some("resource", pending.resource().map(Resource::as_str));
        let asked = Asked {
            resource: None,
            scopes: pending.scopes(),
        };
        let tokens = self.request(form, &asked.access(), now).await?;
        if let Some(id_token) = &tokens.id_token
            && !pending.owns(id_token)
        {
            return Err(TokenError::Malformed("nonce"));
        }
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests;
