//! The root key in the transit engine of HashiCorp Vault.
//!
//! `POST /v1/MOUNT/encrypt/NAME` and `/decrypt/NAME`
//! (<https://developer.hashicorp.com/vault/api-docs/secret/transit>). What a key is bound to goes
//! along twice: as `associated_data`, which AEAD keys authenticate, and as `context`, from which
//! keys with `derived=true` derive and which others ignore.
//!
//! The token's policy should allow `update` on the two paths and not `create`: with `create`,
//! Vault makes a missing key instead of saying that it is missing.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use portcullis_egress::Client;
use sha2::{Digest, Sha256};
use url::Url;
use zeroize::Zeroizing;

use super::http::{Answer, object, refusal, send};
use super::{Key, KeyError, KeyId, KeyProvider, SecretSource};

/// Where the key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitKey {
    server: Url,
    mount: String,
    name: String,
    namespace: Option<String>,
}

impl TransitKey {
    /// Reads `https://HOST:PORT/MOUNT/NAME`; the mount may have several segments.
    ///
    /// # Errors
    /// [`KeyError::Address`], when it is not of that form.
    pub fn parse(address: &str, namespace: Option<&str>) -> Result<Self, KeyError> {
        let wrong = |what| KeyError::Address { what };
        let mut server = Url::parse(address).map_err(|_| wrong("it is no URL"))?;
        if server.query().is_some() || server.fragment().is_some() {
            return Err(wrong("it has a query or a fragment"));
        }
        let path = server.path().trim_start_matches('/').to_owned();
        let (mount, name) = path
            .rsplit_once('/')
            .filter(|(mount, name)| mount.split('/').chain([*name]).all(is_segment))
            .ok_or_else(|| wrong("its path is not MOUNT/NAME"))?;
        let namespace = namespace.map(|name| name.trim_matches('/'));
        if namespace.is_some_and(|name| !name.split('/').all(is_segment)) {
            return Err(wrong("the namespace is no path"));
        }
        server.set_path("/");
        Ok(Self {
            server,
            mount: mount.to_owned(),
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
        })
    }
}

fn is_segment(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('.')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Wraps by asking Vault.
pub struct Transit {
    id: KeyId,
    key: TransitKey,
    client: Client,
    token: Arc<dyn SecretSource>,
}

impl Transit {
    /// A provider that asks with the token that `token` gives at that time.
    #[must_use]
    pub fn new(key: TransitKey, client: Client, token: Arc<dyn SecretSource>) -> Self {
        let namespace = key
            .namespace
            .as_ref()
            .map(|name| format!("{name}/"))
            .unwrap_or_default();
        // Without the server: it may get another name, or several, and has the same key.
        let id = format!("transit:{namespace}{}/{}", key.mount, key.name);
        Self {
            id: KeyId::new(id),
            key,
            client,
            token,
        }
    }

    async fn ask(&self, operation: &str, body: Bytes) -> Result<Answer, KeyError> {
        let TransitKey {
            server,
            mount,
            name,
            namespace,
        } = &self.key;
        let secret = self.token.secret().await?;
        let mut token = HeaderValue::from_bytes(secret.expose())
            .map_err(|_| KeyError::Credential(Some("it cannot stand in a header".into())))?;
        token.set_sensitive(true);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("{server}v1/{mount}/{operation}/{name}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-vault-request", "true")
            .header("x-vault-token", token);
        if let Some(namespace) = namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        let request = request.body(body).map_err(|_| KeyError::Address {
            what: "no request can be made of it",
        })?;
        send(&self.client, request).await
    }
}

#[async_trait]
impl KeyProvider for Transit {
    fn id(&self) -> &KeyId {
        &self.id
    }

    async fn wrap(&self, key: &Key, aad: &[u8]) -> Result<Vec<u8>, KeyError> {
        let plaintext = Zeroizing::new(STANDARD.encode(key.bytes()));
        let place = place(aad);
        let body = object(&[
            ("plaintext", &plaintext),
            ("context", &place),
            ("associated_data", &place),
        ]);
        let mut answer = self.ask("encrypt", body).await?;
        if answer.status != StatusCode::OK {
            return Err(refused(&answer));
        }
        answer
            .body
            .take("/data/ciphertext")
            .filter(|text| text.starts_with("vault:v"))
            .map(|text| text.as_bytes().to_vec())
            .ok_or(KeyError::Answer {
                what: "it has no ciphertext",
            })
    }

    async fn unwrap(&self, wrapped: &[u8], aad: &[u8]) -> Result<Key, KeyError> {
        let ciphertext = std::str::from_utf8(wrapped)
            .ok()
            .filter(|text| is_ciphertext(text))
            .ok_or(KeyError::Damaged)?;
        let place = place(aad);
        let body = object(&[
            ("ciphertext", ciphertext),
            ("context", &place),
            ("associated_data", &place),
        ]);
        let mut answer = self.ask("decrypt", body).await?;
        if answer.status != StatusCode::OK {
            return Err(refused(&answer));
        }
        answer
            .body
            .take("/data/plaintext")
            .and_then(|text| STANDARD.decode(text.as_bytes()).ok())
            .and_then(|bytes| super::wiped(bytes, Key::from_slice))
            .ok_or(KeyError::Answer {
                what: "it has no key",
            })
    }
}

/// Of fixed length, because a context is also the salt of a derivation.
fn place(aad: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(aad))
}

/// `vault:vN:BASE64`. It comes from the database and goes into a JSON text unescaped.
fn is_ciphertext(text: &str) -> bool {
    let Some((version, data)) = text
        .strip_prefix("vault:v")
        .and_then(|rest| rest.split_once(':'))
    else {
        return false;
    };
    !version.is_empty()
        && version.bytes().all(|byte| byte.is_ascii_digit())
        && STANDARD.decode(data).is_ok()
}

/// Vault says with status 400 both that a text is no ciphertext of this key and that there is no
/// key; only its words tell them apart.
fn refused(answer: &Answer) -> KeyError {
    let says = |words: &str| {
        answer
            .body
            .texts("/errors")
            .any(|error| error.contains(words))
    };
    if answer.status != StatusCode::BAD_REQUEST {
        refusal(answer.status)
    } else if says("message authentication failed") || says("invalid ciphertext") {
        KeyError::Damaged
    } else if says("encryption key not found") || says("policy not found") {
        KeyError::Unknown
    } else {
        refusal(answer.status)
    }
}

#[cfg(test)]
mod tests;
