//! Dynamic registration (RFC 7591).

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use portcullis_egress::{Client, EgressError, Limits, Naming};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::{AuthMethod, ClientMetadata, MetadataRefused};
use crate::back_channel::is_json;
use crate::client_auth::{ClientAuth, ClientAuthError, ClientIdentity};
use crate::document::Document;
use crate::token_request::ErrorCode;

/// What a server registered. `Debug` does not show the secret.
#[derive(Debug)]
pub struct Registered {
    /// The client id.
    pub client_id: String,
    /// The secret, if the server made one.
    pub secret: Option<SecretString>,
    /// When the secret ends, in seconds since 1970; `None` when it does not.
    pub secret_expires_at: Option<u64>,
    /// How the client proves who it is.
    pub auth_method: AuthMethod,
}

/// Why nothing was registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// What was to be registered is not acceptable.
    #[error("the client metadata is not usable")]
    Metadata(#[from] MetadataRefused),
    /// The endpoint's address cannot stand in a request.
    #[error("the registration endpoint's address is not usable")]
    Address,
    /// The request did not get there, or no whole answer came back.
    #[error("no answer from the registration endpoint")]
    Unreachable(#[source] EgressError),
    /// The server refused.
    #[error("the authorization server does not register this client: {0}")]
    Refused(ErrorCode),
    /// The answer has this status and is no OAuth answer.
    #[error("the registration endpoint answered with status {0}")]
    Status(u16),
    /// The answer is not what RFC 7591 section 3.2.1 says.
    #[error("the registration endpoint's answer is malformed: {0}")]
    Malformed(&'static str),
    /// The server registered something else than was asked for.
    #[error("the authorization server registered another {0}")]
    Altered(&'static str),
}

/// Registers this gateway at `endpoint`. `initial` is an initial access token, where the server
/// demands one. What comes back belongs to this server's issuer alone.
///
/// # Errors
/// [`RegistrationError`], also when the server changed the redirect addresses.
pub async fn register(
    http: &Client,
    endpoint: &Url,
    naming: Naming,
    metadata: &ClientMetadata,
    initial: Option<&SecretString>,
) -> Result<Registered, RegistrationError> {
    let members = Value::Object(metadata.members()?);
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(endpoint.as_str())
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json")
        .body(Bytes::from(members.to_string()))
        .map_err(|_| RegistrationError::Address)?;
    if let Some(token) = initial {
        let value = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| RegistrationError::Malformed("initial access token"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let limits = Limits {
        timeout: Duration::from_secs(10),
        max_body: 64 * 1024,
        redirects: 0,
    };
    let response = http
        .send(request, naming, &limits)
        .await
        .map_err(RegistrationError::Unreachable)?;
    let status = response.status();
    let document = is_json(response.headers()).then(|| Document::parse(response.body()));
    match (status, document) {
        // Some servers answer with 200.
        (StatusCode::CREATED | StatusCode::OK, Some(Ok(document))) => read(&document, metadata),
        (StatusCode::CREATED | StatusCode::OK, _) => {
            Err(RegistrationError::Malformed("not a strict json object"))
        }
        (_, Some(Ok(document))) => Err(match document.text("error") {
            Ok(Some(error)) => RegistrationError::Refused(ErrorCode::of(error)),
            _ => RegistrationError::Status(status.as_u16()),
        }),
        _ => Err(RegistrationError::Status(status.as_u16())),
    }
}

fn read(document: &Document, asked: &ClientMetadata) -> Result<Registered, RegistrationError> {
    let malformed = |name| move |_| RegistrationError::Malformed(name);
    let redirects = document
        .texts("redirect_uris")
        .map_err(malformed("redirect_uris"))?;
    let same = |given: &Vec<String>| {
        given
            .iter()
            .map(String::as_str)
            .eq(asked.redirect_uris.iter().map(Url::as_str))
    };
    if redirects.as_ref().is_some_and(|given| !same(given)) {
        return Err(RegistrationError::Altered("redirect address"));
    }
    let secret = document
        .text("client_secret")
        .map_err(malformed("client_secret"))?
        .map(SecretString::from);
    let auth_method = match document
        .text("token_endpoint_auth_method")
        .map_err(malformed("token_endpoint_auth_method"))?
    {
        None => asked.auth_method,
        Some("none") => AuthMethod::None,
        Some("private_key_jwt") if asked.auth_method == AuthMethod::PrivateKeyJwt => {
            AuthMethod::PrivateKeyJwt
        }
        Some("client_secret_basic") => AuthMethod::SecretBasic,
        Some("client_secret_post") => AuthMethod::SecretPost,
        Some(_) => return Err(RegistrationError::Altered("authentication method")),
    };
    if auth_method.has_secret() && secret.is_none() {
        return Err(RegistrationError::Malformed("client_secret is missing"));
    }
    // 0 says that the secret does not end (RFC 7591 section 3.2.1).
    let ends = document
        .seconds("client_secret_expires_at")
        .map_err(malformed("client_secret_expires_at"))?;
    Ok(Registered {
        client_id: document
            .required_text("client_id")
            .map_err(malformed("client_id"))?
            .to_owned(),
        secret: secret.filter(|_| auth_method.has_secret()),
        secret_expires_at: ends
            .filter(|ends| *ends != 0)
            .map(|ends| u64::try_from(ends).unwrap_or(0)),
        auth_method,
    })
}

impl Registered {
    /// The identity; `key` is what [`AuthMethod::PrivateKeyJwt`] signs with, and unused otherwise.
    ///
    /// # Errors
    /// [`ClientAuthError::ClientId`] when the server gave an unusable id;
    /// [`ClientAuthError::NoKey`] without the key that is needed.
    pub fn identity(self, key: Option<ClientAuth>) -> Result<ClientIdentity, ClientAuthError> {
        let auth = match (self.auth_method, self.secret, key) {
            (AuthMethod::SecretBasic, Some(secret), _) => ClientAuth::SecretBasic(secret),
            (AuthMethod::SecretPost, Some(secret), _) => ClientAuth::SecretPost(secret),
            (AuthMethod::PrivateKeyJwt, _, Some(key @ ClientAuth::PrivateKey { .. })) => key,
            (AuthMethod::None, ..) => ClientAuth::None,
            _ => return Err(ClientAuthError::NoKey),
        };
        ClientIdentity::new(&self.client_id, auth)
    }
}
