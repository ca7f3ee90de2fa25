//! Who the gateway is at a server where the operator registered it: a registration of the
//! configuration, with what proves it read.

use std::path::Path;

use async_trait::async_trait;
use portcullis_config::{ClientAuthentication, OauthClient, SecretRef};
use portcullis_token::Algorithm;
use portcullis_token::assertion::{SigningKey, SigningKeyError};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::{AssertionAudience, AssertionKind, ClientAuth, ClientAuthError, ClientIdentity};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Reads secrets from where the configuration says.
#[async_trait]
pub trait ReadSecret: Send + Sync {
    /// The secret that a reference is to, as it is now.
    ///
    /// # Errors
    /// When it is not there, or cannot be reached now.
    async fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretUnreadable>;
}

/// A secret cannot be read. Its sources must not hold the secret.
#[derive(Debug, thiserror::Error)]
#[error("a secret cannot be read")]
pub struct SecretUnreadable(#[source] pub Cause);

/// Why a configured registration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfiguredClientError {
    /// The secret or the private key cannot be read.
    #[error("the secret of the registration cannot be read")]
    Secret(#[source] Cause),
    /// The certificate cannot be read.
    #[error("the certificate {path} cannot be read")]
    Certificate {
        /// The path, as configured.
        path: String,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The private key or the certificate is none that an assertion can be signed with.
    #[error("the private key or the certificate of the registration cannot be used")]
    Key(#[source] SigningKeyError),
    /// The server takes none of the algorithms that assertions are signed by.
    #[error("the server takes no assertion that can be signed here")]
    NoAlgorithm,
    /// The client id is not usable.
    #[error("the registration cannot be used")]
    Identity(#[from] ClientAuthError),
}

/// What is known of the server that takes an assertion.
#[derive(Clone, Copy, Debug)]
pub enum AssertionTaker<'a> {
    /// Nothing. A certificate beside the key is taken for a registration at Entra ID.
    Unknown,
    /// It is Entra ID, which wants its token endpoint as audience, and PS256.
    Entra,
    /// It does as RFC 7523 says.
    Standard {
        /// The algorithms that its metadata names, if it names any.
        algorithms: Option<&'a [String]>,
    },
}

/// What proves a registration, as it was read from where the configuration says.
pub struct ClientProof {
    secret: Option<SecretString>,
    certificate: Option<String>,
}

/// The reference to the secret, or the private key, of a registration.
#[must_use]
pub fn secret_of(client: &OauthClient) -> Option<&SecretRef> {
    match &client.authentication {
        ClientAuthentication::SecretBasic(reference)
        | ClientAuthentication::SecretPost(reference)
        | ClientAuthentication::PrivateKey { key: reference, .. } => Some(reference),
        ClientAuthentication::Certificate(pair) => Some(&pair.key),
        ClientAuthentication::None | ClientAuthentication::AssertionFile(_) => None,
    }
}

impl ClientIdentity {
    /// The client that an operator registered. `base` is the folder of the configuration file.
    ///
    /// # Errors
    /// What is missing or unusable.
    pub async fn configured(
        client: &OauthClient,
        taker: AssertionTaker<'_>,
        secrets: &dyn ReadSecret,
        base: &Path,
    ) -> Result<Self, ConfiguredClientError> {
        let proof = ClientProof::read(client, secrets, base).await?;
        proof.identity(client, taker, base)
    }
}

impl ClientProof {
    /// Reads the secret and the certificate of a registration.
    ///
    /// # Errors
    /// What cannot be read.
    pub async fn read(
        client: &OauthClient,
        secrets: &dyn ReadSecret,
        base: &Path,
    ) -> Result<Self, ConfiguredClientError> {
        let certificate = match &client.authentication {
            ClientAuthentication::Certificate(pair) => {
                let text = tokio::fs::read_to_string(base.join(&pair.certificate)).await;
                Some(text.map_err(|source| ConfiguredClientError::Certificate {
                    path: pair.certificate.clone(),
                    source,
                })?)
            }
            _ => None,
        };
        let secret = match secret_of(client) {
            Some(reference) => {
                let read = secrets.read(reference).await;
                Some(read.map_err(|SecretUnreadable(cause)| ConfiguredClientError::Secret(cause))?)
            }
            None => None,
        };
        Ok(Self {
            secret,
            certificate,
        })
    }

    /// Tells whether something was replaced since the last reading.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        if let Some(secret) = &self.secret {
            digest.update(secret.expose_secret());
        }
        digest.update(b"\0");
        digest.update(self.certificate.as_deref().unwrap_or_default());
        digest.finalize().into()
    }

    /// The identity that is proven with it. `client` is the registration that it was read for.
    ///
    /// # Errors
    /// What is unusable.
    pub fn identity(
        self,
        client: &OauthClient,
        taker: AssertionTaker<'_>,
        base: &Path,
    ) -> Result<ClientIdentity, ConfiguredClientError> {
        let secret = self.secret.unwrap_or_default();
        let auth = match &client.authentication {
            ClientAuthentication::None => ClientAuth::None,
            ClientAuthentication::SecretBasic(_) => ClientAuth::SecretBasic(secret),
            ClientAuthentication::SecretPost(_) => ClientAuth::SecretPost(secret),
            ClientAuthentication::PrivateKey { key_id, .. } => {
                let key = signing_key(&secret, &taker.algorithms(false))?;
                ClientAuth::PrivateKey {
                    key: match key_id {
                        Some(id) => key.with_key_id(id),
                        None => key,
                    },
                    audience: taker.audience(false),
                }
            }
            ClientAuthentication::Certificate(_) => {
                let key = signing_key(&secret, &taker.algorithms(true))?;
                let certificate = self.certificate.as_deref().unwrap_or_default();
                ClientAuth::PrivateKey {
                    key: key
                        .with_certificate(certificate)
                        .map_err(ConfiguredClientError::Key)?,
                    audience: taker.audience(true),
                }
            }
            ClientAuthentication::AssertionFile(path) => ClientAuth::AssertionFile {
                path: base.join(path),
                kind: AssertionKind::JwtBearer,
            },
        };
        Ok(ClientIdentity::new(&client.id, auth)?)
    }
}

impl AssertionTaker<'_> {
    /// What the server is asked to verify, the preferred ones first. A server that does not say what
    /// it takes is shown RS256 with an RSA key, which every server knows.
    fn algorithms(self, has_certificate: bool) -> Vec<Algorithm> {
        use Algorithm::{EdDsa, Es256, Es384, Ps256, Rs256};

        match self {
            Self::Entra => vec![Ps256],
            Self::Unknown if has_certificate => vec![Ps256, Es256],
            Self::Unknown | Self::Standard { algorithms: None } => vec![Es256, Es384, EdDsa, Rs256],
            Self::Standard {
                algorithms: Some(names),
            } => {
                let takes =
                    |algorithm: &Algorithm| names.iter().any(|name| name == algorithm.as_str());
                let all = [Es256, Es384, EdDsa, Ps256, Rs256];
                all.into_iter().filter(takes).collect()
            }
        }
    }

    fn audience(self, has_certificate: bool) -> AssertionAudience {
        match self {
            Self::Entra => AssertionAudience::Endpoint,
            Self::Unknown if has_certificate => AssertionAudience::Endpoint,
            Self::Unknown | Self::Standard { .. } => AssertionAudience::Issuer,
        }
    }
}

/// The key for the first algorithm that it fits.
fn signing_key(
    pem: &SecretString,
    algorithms: &[Algorithm],
) -> Result<SigningKey, ConfiguredClientError> {
    let mut failure = ConfiguredClientError::NoAlgorithm;
    for algorithm in algorithms {
        match SigningKey::from_pem(pem, *algorithm) {
            Ok(key) => return Ok(key),
            Err(error) => failure = ConfiguredClientError::Key(error),
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests;
