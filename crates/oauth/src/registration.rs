//! Which client this gateway is at an authorization server, and registering as one.
//!
//! The order of the MCP specification ("Client Registration Approaches"): an identity that the
//! operator registered; else the address of this gateway's own client metadata document, where the
//! server takes such; else dynamic registration (RFC 7591), which is deprecated. An identity belongs
//! to one issuer and is never shown to another; only the document's address is good everywhere.

mod dynamic;

use serde_json::{Map, Value, json};
use url::Url;

pub use dynamic::{Registered, RegistrationError, register};

use crate::client_document::client_id_address;
use crate::document::{is_loopback, is_secure};
use crate::scope::Scopes;

/// What this gateway says about itself as a client: in its client metadata document, and when it
/// registers.
#[derive(Clone, Debug)]
pub struct ClientMetadata {
    /// The name that people read when they consent.
    pub name: String,
    /// This gateway's home page.
    pub home: Option<Url>,
    /// Every address that a sign-in may come back to; servers compare them byte for byte.
    pub redirect_uris: Vec<Url>,
    /// `none`, or `private_key_jwt` with [`ClientMetadata::keys`].
    pub auth_method: AuthMethod,
    /// Where this gateway's public keys are (`jwks_uri`).
    pub keys: Option<Url>,
    /// The scopes that it may ask for.
    pub scopes: Scopes,
}

/// How a client that registers itself proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// It cannot; PKCE protects its sign-ins.
    None,
    /// By assertions under the keys at `jwks_uri`.
    PrivateKeyJwt,
    /// By a secret that the server makes, in the header (`client_secret_basic`). Only with dynamic
    /// registration.
    SecretBasic,
    /// The same, in the form (`client_secret_post`).
    SecretPost,
}

impl AuthMethod {
    /// What to register with at a server with these `token_endpoint_auth_methods_supported`: with
    /// the key, if there is one; else with nothing, since a secret that everybody gets who asks for
    /// one proves no more than PKCE does, and can end unnoticed; else with a secret in the header,
    /// else in the form. A server that names nothing of all that is asked for nothing.
    #[must_use]
    pub fn preferred(supported: &[String], has_key: bool) -> Self {
        const ORDER: &[AuthMethod] = &[
            AuthMethod::PrivateKeyJwt,
            AuthMethod::None,
            AuthMethod::SecretBasic,
            AuthMethod::SecretPost,
        ];
        let mut order = ORDER.iter().copied();
        let fits = |method: &Self| {
            (has_key || *method != Self::PrivateKeyJwt)
                && supported.iter().any(|name| name == method.name())
        };
        order.find(fits).unwrap_or(Self::None)
    }

    /// Its name at the authorization server (`token_endpoint_auth_method`).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::SecretBasic => "client_secret_basic",
            Self::SecretPost => "client_secret_post",
        }
    }

    /// Whether it rests on a secret that the server makes.
    #[must_use]
    pub fn has_secret(self) -> bool {
        matches!(self, Self::SecretBasic | Self::SecretPost)
    }
}

/// What can be used at one authorization server.
#[derive(Clone, Copy, Debug)]
pub struct Choices<'a> {
    /// The operator registered this gateway there.
    pub registered: bool,
    /// Where this gateway's client metadata document can be fetched.
    pub document: Option<&'a Url>,
    /// The server says `client_id_metadata_document_supported`.
    pub takes_documents: bool,
    /// The server's registration endpoint.
    pub registration: Option<&'a Url>,
    /// The operator allows dynamic registration.
    pub may_register: bool,
}

/// Which identity to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice<'a> {
    /// The one that the operator registered.
    Registered,
    /// The address of the client metadata document is the client id.
    Document(&'a Url),
    /// Register at this endpoint first.
    Register(&'a Url),
    /// None: the operator has to register this gateway there.
    Nothing,
}

/// Chooses the identity for one authorization server.
pub fn choose<'a>(choices: &Choices<'a>) -> Choice<'a> {
    if choices.registered {
        return Choice::Registered;
    }
    match (choices.document, choices.registration) {
        (Some(document), _)
            if choices.takes_documents && client_id_address(document.as_str()).is_ok() =>
        {
            Choice::Document(document)
        }
        (_, Some(endpoint)) if choices.may_register && is_secure(endpoint) => {
            Choice::Register(endpoint)
        }
        _ => Choice::Nothing,
    }
}

impl ClientMetadata {
    /// The client metadata document at `client_id` (OAuth Client ID Metadata Document): an https
    /// address with a path.
    ///
    /// # Errors
    /// [`MetadataRefused`] when the address is no client id, or the method rests on a shared secret.
    pub fn document(&self, client_id: &Url) -> Result<Value, MetadataRefused> {
        if client_id_address(client_id.as_str()).is_err() {
            return Err(MetadataRefused::ClientId);
        }
        if self.auth_method.has_secret() {
            return Err(MetadataRefused::SharedSecret);
        }
        let mut members = self.members()?;
        members.insert("client_id".to_owned(), json!(client_id.as_str()));
        Ok(Value::Object(members))
    }

    /// The members of RFC 7591 section 2.
    fn members(&self) -> Result<Map<String, Value>, MetadataRefused> {
        if self.redirect_uris.is_empty() || !self.redirect_uris.iter().all(is_secure) {
            return Err(MetadataRefused::Redirect);
        }
        let redirects: Vec<&str> = self.redirect_uris.iter().map(Url::as_str).collect();
        let mut members = Map::new();
        let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
        set("client_name", json!(self.name));
        set("redirect_uris", json!(redirects));
        set(
            "grant_types",
            json!(["authorization_code", "refresh_token"]),
        );
        set("response_types", json!(["code"]));
        set("application_type", json!(self.application_type()));
        let method = self.auth_method.name();
        set("token_endpoint_auth_method", json!(method));
        if let Some(home) = &self.home {
            set("client_uri", json!(home.as_str()));
        }
        if !self.scopes.is_empty() {
            set("scope", json!(self.scopes.to_string()));
        }
        match (self.auth_method, &self.keys) {
            (AuthMethod::PrivateKeyJwt, None) => return Err(MetadataRefused::NoKeys),
            (_, Some(keys)) => {
                set("jwks_uri", json!(keys.as_str()));
            }
            (_, None) => {}
        }
        Ok(members)
    }

    /// `native` when every sign-in comes back to this machine, else `web` (OpenID Connect Dynamic
    /// Client Registration section 2: web clients have no loopback addresses).
    pub fn application_type(&self) -> &'static str {
        if self
            .redirect_uris
            .iter()
            .all(|url| url.scheme() == "http" && is_loopback(url))
        {
            "native"
        } else {
            "web"
        }
    }
}

/// Why the metadata cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataRefused {
    /// No https address with a path, without userinfo and fragment.
    #[error("the client id is not an https address with a path")]
    ClientId,
    /// There is no redirect address, or one that is neither https nor http on this machine.
    #[error("a redirect address is not usable")]
    Redirect,
    /// `private_key_jwt` without keys.
    #[error("private_key_jwt needs the address of the keys")]
    NoKeys,
    /// A public document cannot hold a secret.
    #[error("a client metadata document cannot rest on a shared secret")]
    SharedSecret,
}

#[cfg(test)]
mod tests;
