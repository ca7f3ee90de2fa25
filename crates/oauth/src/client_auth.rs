//! How this gateway proves to an authorization server which client it is.

mod configured;

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use portcullis_token::assertion::{ASSERTION_TYPE, ClientAssertion, SigningError, SigningKey};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use crate::form::Form;
use crate::random;

pub use configured::{
    AssertionTaker, ClientProof, ConfiguredClientError, ReadSecret, SecretUnreadable, secret_of,
};

/// OAuth SPIFFE Client Authentication (draft).
const JWT_SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";
/// How long a signed assertion is good, in seconds. Entra ID asks for five to ten minutes at most.
const ASSERTION_LIFE: u64 = 300;
/// Most bytes of an assertion in a file.
const MAX_FILE: u64 = 64 * 1024;

/// A client id, and how it is proven.
pub struct ClientIdentity {
    id: String,
    auth: ClientAuth,
}

/// How a client id is proven.
pub enum ClientAuth {
    /// Not at all: a public client, or one that the TLS certificate identifies (RFC 8705). The id
    /// stands in the form.
    None,
    /// `client_secret_basic` (RFC 6749 section 2.3.1).
    SecretBasic(SecretString),
    /// `client_secret_post`.
    SecretPost(SecretString),
    /// `private_key_jwt` (RFC 7523): a key, or for Entra ID a certificate and its key.
    PrivateKey {
        /// Signs one assertion for each request.
        key: SigningKey,
        /// For whom it is signed.
        audience: AssertionAudience,
    },
    /// An assertion that another issuer signed, read from a file at each use: workload identity
    /// federation (`AZURE_FEDERATED_TOKEN_FILE`), or a SPIFFE JWT-SVID.
    AssertionFile {
        /// The file.
        path: PathBuf,
        /// What is in it.
        kind: AssertionKind,
    },
}

/// Whom a signed assertion names as its audience.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssertionAudience {
    /// The issuer. An assertion for one server is then worth nothing at another that claims the
    /// first one's endpoint as its own.
    #[default]
    Issuer,
    /// The endpoint that it is sent to. Entra ID wants its token endpoint.
    Endpoint,
}

/// What an assertion from a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssertionKind {
    /// A JWT of an issuer that the server trusts for this client.
    #[default]
    JwtBearer,
    /// A SPIFFE JWT-SVID.
    JwtSpiffe,
}

/// Why this gateway could not authenticate.
#[derive(Debug, thiserror::Error)]
pub enum ClientAuthError {
    /// The client id is empty or has characters that RFC 6749 appendix A.1 does not allow.
    #[error("the client id is not usable")]
    ClientId,
    /// The file with the assertion cannot be read.
    #[error("the assertion file cannot be read")]
    File(#[source] std::io::Error),
    /// The file holds no compact JWS.
    #[error("the assertion file holds no token")]
    NoToken,
    /// There is no key to sign with.
    #[error("no key for the client assertion")]
    NoKey,
    /// The assertion could not be signed.
    #[error("the client assertion cannot be signed")]
    Signature(#[source] SigningError),
    /// The system gave no random bytes.
    #[error("no random bytes")]
    Random,
}

impl ClientAuth {
    /// A secret, sent as the server prefers among its `token_endpoint_auth_methods_supported`: in
    /// the header if it takes that or does not say, else in the form.
    pub fn secret(secret: SecretString, supported: &[String]) -> Self {
        let takes = |method: &str| supported.iter().any(|known| known == method);
        if takes("client_secret_post") && !takes("client_secret_basic") {
            ClientAuth::SecretPost(secret)
        } else {
            ClientAuth::SecretBasic(secret)
        }
    }

    /// The assertion in a file, read now.
    ///
    /// # Errors
    /// [`ClientAuthError::File`], [`ClientAuthError::NoToken`]
    pub async fn read_assertion(path: &Path) -> Result<SecretString, ClientAuthError> {
        read_assertion(path).await
    }
}

impl ClientIdentity {
    /// A client as the server knows it.
    ///
    /// # Errors
    /// [`ClientAuthError::ClientId`]
    pub fn new(id: &str, auth: ClientAuth) -> Result<Self, ClientAuthError> {
        if id.is_empty() || id.len() > 2048 || !id.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
        {
            return Err(ClientAuthError::ClientId);
        }
        Ok(Self {
            id: id.to_owned(),
            auth,
        })
    }

    /// The client id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it has nothing to prove itself with.
    pub fn is_public(&self) -> bool {
        matches!(self.auth, ClientAuth::None)
    }

    /// The method's name in the registry of RFC 7591 (`token_endpoint_auth_method`).
    pub fn method(&self) -> &'static str {
        match self.auth {
            ClientAuth::None => "none",
            ClientAuth::SecretBasic(_) => "client_secret_basic",
            ClientAuth::SecretPost(_) => "client_secret_post",
            ClientAuth::PrivateKey { .. } | ClientAuth::AssertionFile { .. } => "private_key_jwt",
        }
    }

    /// Adds what proves this client to a request that goes to `endpoint` of `issuer`. `now` is in
    /// seconds since 1970.
    ///
    /// # Errors
    /// [`ClientAuthError`]; nothing may be sent then.
    pub async fn authenticate(
        &self,
        form: &mut Form,
        headers: &mut HeaderMap,
        issuer: &str,
        endpoint: &Url,
        now: u64,
    ) -> Result<(), ClientAuthError> {
        match &self.auth {
            ClientAuth::None => form.add("client_id", &self.id),
            ClientAuth::SecretBasic(secret) => {
                headers.insert(AUTHORIZATION, basic(&self.id, secret)?);
                form.remember(secret);
            }
            ClientAuth::SecretPost(secret) => {
                form.add("client_id", &self.id);
                form.add_secret("client_secret", secret);
            }
            ClientAuth::PrivateKey { key, audience } => {
                let audience = match audience {
                    AssertionAudience::Issuer => issuer,
                    AssertionAudience::Endpoint => endpoint.as_str(),
                };
                let jti = random::token().map_err(|_| ClientAuthError::Random)?;
                let assertion = ClientAssertion {
                    client_id: &self.id,
                    audience,
                    token_id: &jti,
                    now,
                    lifetime: ASSERTION_LIFE,
                };
                let assertion = assertion.sign(key).map_err(ClientAuthError::Signature)?;
                self.assert(form, ASSERTION_TYPE, &assertion);
            }
            ClientAuth::AssertionFile { path, kind } => {
                let assertion = read_assertion(path).await?;
                let kind = match kind {
                    AssertionKind::JwtBearer => ASSERTION_TYPE,
                    AssertionKind::JwtSpiffe => JWT_SPIFFE,
                };
                self.assert(form, kind, &assertion);
            }
        }
        Ok(())
    }

    fn assert(&self, form: &mut Form, kind: &str, assertion: &SecretString) {
        form.add("client_id", &self.id);
        form.add("client_assertion_type", kind);
        form.add_secret("client_assertion", assertion);
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity")
            .field("id", &self.id)
            .field("method", &self.method())
            .finish_non_exhaustive()
    }
}

/// Id and secret are encoded as in a form before they are joined (RFC 6749 section 2.3.1).
fn basic(id: &str, secret: &SecretString) -> Result<HeaderValue, ClientAuthError> {
    let mut pair = Zeroizing::new(String::with_capacity(1024));
    pair.extend(form_urlencoded::byte_serialize(id.as_bytes()));
    pair.push(':');
    pair.extend(form_urlencoded::byte_serialize(
        secret.expose_secret().as_bytes(),
    ));
    let encoded = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&encoded).map_err(|_| ClientAuthError::ClientId)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Reads it anew each time: whoever writes the file replaces it before it expires.
async fn read_assertion(path: &Path) -> Result<SecretString, ClientAuthError> {
    use tokio::io::AsyncReadExt as _;

    let file = tokio::fs::File::open(path)
        .await
        .map_err(ClientAuthError::File)?;
    let mut text = Zeroizing::new(String::with_capacity(16 * 1024));
    file.take(MAX_FILE + 1)
        .read_to_string(&mut text)
        .await
        .map_err(ClientAuthError::File)?;
    let token = text.trim_ascii();
    if text.len() as u64 > MAX_FILE || !is_compact_jws(token) {
        return Err(ClientAuthError::NoToken);
    }
    Ok(SecretString::from(token))
}

fn is_compact_jws(text: &str) -> bool {
    text.split('.').count() == 3
        && text
            .split('.')
            .all(|part| !part.is_empty() && URL_SAFE_NO_PAD.decode(part).is_ok())
}

#[cfg(test)]
mod tests;
