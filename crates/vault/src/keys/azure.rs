//! The root key in Azure Key Vault, or a managed HSM.
//!
//! `GET keys/NAME`, `POST keys/NAME/VERSION/wrapkey` and `/unwrapkey`, api-version 7.4
//! (<https://learn.microsoft.com/rest/api/keyvault/keys/wrap-key>), with RSA-OAEP-256. RSA takes
//! no associated data, so Key Vault wraps a key that is used once, and that one wraps ours:
//!
//! ```text
//! offset  bytes
//!      0      1  format, 1
//!      1      1  v, length of the version
//!      2      v  version of the RSA key, ASCII
//!    2+v      2  w, length of what Key Vault wrapped, big-endian
//!    4+v      w  what Key Vault wrapped
//!  4+v+w     69  the key as `local` wraps it
//! ```

mod challenge;
mod channel;

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Method;
use portcullis_egress::Client;
use url::Url;
use zeroize::Zeroizing;

use super::http::object;
use super::{Key, KeyError, KeyId, KeyProvider, local};
use crate::secret::Secret;

pub(crate) use channel::Channel;

const FORMAT: u8 = 1;
const ALGORITHM: &str = "RSA-OAEP-256";

/// Where the key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureKey {
    vault: Url,
    name: String,
    version: Option<String>,
}

impl AzureKey {
    /// Reads a key identifier: `https://VAULT.vault.azure.net/keys/NAME`, with `/VERSION` if
    /// other versions should not be used for new wrappings.
    ///
    /// # Errors
    /// [`KeyError::Address`], when it is not of that form.
    pub fn parse(identifier: &str) -> Result<Self, KeyError> {
        let wrong = |what| KeyError::Address { what };
        let mut vault = Url::parse(identifier).map_err(|_| wrong("it is no URL"))?;
        if vault.query().is_some() || vault.fragment().is_some() {
            return Err(wrong("it has a query or a fragment"));
        }
        let path = vault.path().to_owned();
        let mut segments = path.trim_matches('/').split('/');
        let (Some("keys"), Some(name), version, None) = (
            segments.next(),
            segments.next().filter(|name| is_name(name)),
            segments.next(),
            segments.next(),
        ) else {
            return Err(wrong("its path is not keys/NAME"));
        };
        if version.is_some_and(|version| !is_name(version)) {
            return Err(wrong("the key's version is not letters and digits"));
        }
        vault.set_path("/");
        Ok(Self {
            vault,
            name: name.to_owned(),
            version: version.map(str::to_owned),
        })
    }

    /// The version in a key identifier that Key Vault answered with, if it is this key's.
    fn version_of<'k>(&self, identifier: &'k str) -> Option<&'k str> {
        identifier
            .strip_prefix(self.vault.as_str())?
            .strip_prefix("keys/")?
            .strip_prefix(self.name.as_str())?
            .strip_prefix('/')
            .filter(|version| is_name(version))
    }
}

fn is_name(text: &str) -> bool {
    (1..=127).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// What a token is needed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// The scope, such as `https://vault.azure.net/.default`. It was compared with the vault's
    /// own domain.
    pub scope: String,
    /// The authority that the vault names, such as `https://login.microsoftonline.com/TENANT`.
    /// A hint by the other side: never send a credential there unless it is the configured one.
    pub authority: String,
    /// A claims challenge that the next token must answer (base64), if there was one.
    pub claims: Option<String>,
}

/// Gives access tokens for Key Vault; keeps them as long as they are good.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A token for `request`.
    ///
    /// # Errors
    /// [`KeyError::Credential`], when there is none to be had.
    async fn token(&self, request: &TokenRequest) -> Result<Secret, KeyError>;
}

/// Wraps by asking Key Vault.
pub struct Azure {
    id: KeyId,
    key: AzureKey,
    channel: Channel,
}

impl Azure {
    /// A provider that asks with the tokens of `tokens`.
    #[must_use]
    pub fn new(key: AzureKey, client: Client, tokens: Arc<dyn TokenSource>) -> Self {
        Self {
            // Without version: a newer version of the key still opens what an older one wrapped.
            id: KeyId::new(format!("azkv:{}keys/{}", key.vault, key.name)),
            channel: Channel::new(key.vault.clone(), client, tokens),
            key,
        }
    }

    async fn current_version(&self) -> Result<String, KeyError> {
        if let Some(version) = &self.key.version {
            return Ok(version.clone());
        }
        let path = format!("keys/{}", self.key.name);
        let mut answer = self.channel.ask(Method::GET, &path, Bytes::new()).await?;
        answer
            .body
            .take("/key/kid")
            .and_then(|kid| self.key.version_of(&kid).map(str::to_owned))
            .ok_or(KeyError::Answer {
                what: "it names another key",
            })
    }

    async fn operate(
        &self,
        operation: &str,
        version: &str,
        value: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let value = Zeroizing::new(URL_SAFE_NO_PAD.encode(value));
        let body = object(&[("alg", ALGORITHM), ("value", &value)]);
        let path = format!("keys/{}/{version}/{operation}", self.key.name);
        let mut answer = self.channel.ask(Method::POST, &path, body).await?;
        let kid = answer.body.take("/kid");
        if kid.and_then(|kid| self.key.version_of(&kid).map(|found| found == version)) != Some(true)
        {
            return Err(KeyError::Answer {
                what: "it is of another key",
            });
        }
        answer
            .body
            .take("/value")
            .and_then(|text| URL_SAFE_NO_PAD.decode(text.as_bytes()).ok())
            .map(Zeroizing::new)
            .ok_or(KeyError::Answer {
                what: "it has no value",
            })
    }
}

#[async_trait]
impl KeyProvider for Azure {
    fn id(&self) -> &KeyId {
        &self.id
    }

    async fn wrap(&self, key: &Key, aad: &[u8]) -> Result<Vec<u8>, KeyError> {
        let version = self.current_version().await?;
        let once = Key::random()?;
        let outer = self.operate("wrapkey", &version, once.bytes()).await?;
        let wrong = KeyError::Answer {
            what: "it is longer than any RSA key",
        };
        let (Ok(version_length), Ok(outer_length)) =
            (u8::try_from(version.len()), u16::try_from(outer.len()))
        else {
            return Err(wrong);
        };
        let mut wrapped = vec![FORMAT, version_length];
        wrapped.extend_from_slice(version.as_bytes());
        wrapped.extend_from_slice(&outer_length.to_be_bytes());
        wrapped.extend_from_slice(&outer);
        wrapped.extend_from_slice(&local::wrap(&once, key, aad)?);
        Ok(wrapped)
    }

    async fn unwrap(&self, wrapped: &[u8], aad: &[u8]) -> Result<Key, KeyError> {
        let (version, outer, inner) = parts(wrapped).ok_or(KeyError::Damaged)?;
        let once = match self.operate("unwrapkey", version, outer).await {
            // Key Vault's word for a text that is no wrapping of this key: BadParameter.
            Err(KeyError::Refused { status: 400 }) => return Err(KeyError::Damaged),
            other => other?,
        };
        let once = Key::from_slice(&once).ok_or(KeyError::Damaged)?;
        local::unwrap(&once, inner, aad)
    }
}

fn parts(wrapped: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let (&FORMAT, rest) = wrapped.split_first()? else {
        return None;
    };
    let (length, rest) = rest.split_first()?;
    let (version, rest) = rest.split_at_checked(usize::from(*length))?;
    let (length, rest) = rest.split_first_chunk()?;
    let (outer, inner) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let version = std::str::from_utf8(version).ok().filter(|v| is_name(v))?;
    Some((version, outer, inner))
}

#[cfg(test)]
mod tests;
