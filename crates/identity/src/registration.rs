//! The gateway's own registration at an issuer, with its secrets read.

use std::io;
use std::path::Path;

use portcullis_config::{ClientAuthentication, OauthClient, SecretRef};
use portcullis_oauth::{
    AssertionAudience, AssertionKind, ClientAuth, ClientAuthError, ClientIdentity,
};
use portcullis_token::Algorithm;
use portcullis_token::assertion::{SigningKey, SigningKeyError};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::secrets::{SecretError, Secrets};

/// Why the gateway cannot prove which client it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// The client id is not one.
    #[error("the client id is not usable")]
    ClientId(#[source] ClientAuthError),
    /// The secret or the private key is not there.
    #[error("a secret is missing")]
    Secret(#[source] SecretError),
    /// The private key is none that an assertion can be signed with.
    #[error("the private key is not usable")]
    Key(#[source] SigningKeyError),
    /// The certificate's file cannot be read.
    #[error("the certificate {path} cannot be read")]
    Certificate {
        /// The path, as configured.
        path: String,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
}

/// Reads what a registration needs. `base` is the folder of the configuration file.
///
/// A `private-key-jwt` assertion is signed by the first of ES256, ES384, EdDSA and RS256 that fits
/// the key, and is for the issuer; one with a certificate by PS256, or by ES256 if that fits, for
/// the token endpoint, as Entra wants it.
///
/// # Errors
/// What is missing or unusable.
pub async fn client_identity(
    client: &OauthClient,
    secrets: &dyn Secrets,
    base: &Path,
) -> Result<ClientIdentity, RegistrationError> {
    let material = Material::read(client, secrets, base).await?;
    material.identity(client, base)
}

/// The secrets and files of a registration, as they were read.
pub(crate) struct Material {
    secret: Option<SecretString>,
    certificate: Option<String>,
}

impl Material {
    pub(crate) async fn read(
        client: &OauthClient,
        secrets: &dyn Secrets,
        base: &Path,
    ) -> Result<Material, RegistrationError> {
        let certificate = match &client.authentication {
            ClientAuthentication::Certificate(pair) => {
                let path = base.join(&pair.certificate);
                let text = tokio::fs::read_to_string(path).await;
                Some(text.map_err(|source| RegistrationError::Certificate {
                    path: pair.certificate.clone(),
                    source,
                })?)
            }
            _ => None,
        };
        let secret = match reference(&client.authentication) {
            Some(reference) => Some(
                secrets
                    .read(reference)
                    .await
                    .map_err(RegistrationError::Secret)?,
            ),
            None => None,
        };
        Ok(Material {
            secret,
            certificate,
        })
    }

    /// Tells whether something was replaced since the last reading.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        if let Some(secret) = &self.secret {
            digest.update(secret.expose_secret());
        }
        digest.update(b"\0");
        digest.update(self.certificate.as_deref().unwrap_or_default());
        digest.finalize().into()
    }

    pub(crate) fn identity(
        self,
        client: &OauthClient,
        base: &Path,
    ) -> Result<ClientIdentity, RegistrationError> {
        let secret = || self.secret.clone().unwrap_or_default();
        let auth = match &client.authentication {
            ClientAuthentication::None => ClientAuth::None,
            ClientAuthentication::SecretBasic(_) => ClientAuth::SecretBasic(secret()),
            ClientAuthentication::SecretPost(_) => ClientAuth::SecretPost(secret()),
            ClientAuthentication::PrivateKey { key_id, .. } => {
                const ORDER: [Algorithm; 4] = [
                    Algorithm::Es256,
                    Algorithm::Es384,
                    Algorithm::EdDsa,
                    Algorithm::Rs256,
                ];
                let key = signing_key(&secret(), &ORDER)?;
                ClientAuth::PrivateKey {
                    key: match key_id {
                        Some(id) => key.with_key_id(id),
                        None => key,
                    },
                    audience: AssertionAudience::Issuer,
                }
            }
            ClientAuthentication::Certificate(_) => {
                let key = signing_key(&secret(), &[Algorithm::Ps256, Algorithm::Es256])?;
                let certificate = self.certificate.as_deref().unwrap_or_default();
                ClientAuth::PrivateKey {
                    key: key
                        .with_certificate(certificate)
                        .map_err(RegistrationError::Key)?,
                    audience: AssertionAudience::Endpoint,
                }
            }
            ClientAuthentication::AssertionFile(path) => ClientAuth::AssertionFile {
                path: base.join(path),
                kind: AssertionKind::JwtBearer,
            },
        };
        ClientIdentity::new(&client.id, auth).map_err(RegistrationError::ClientId)
    }
}

fn reference(authentication: &ClientAuthentication) -> Option<&SecretRef> {
    match authentication {
        ClientAuthentication::SecretBasic(reference)
        | ClientAuthentication::SecretPost(reference)
        | ClientAuthentication::PrivateKey { key: reference, .. } => Some(reference),
        ClientAuthentication::Certificate(pair) => Some(&pair.key),
        ClientAuthentication::None | ClientAuthentication::AssertionFile(_) => None,
    }
}

/// The key for the first algorithm that it fits.
fn signing_key(pem: &SecretString, order: &[Algorithm]) -> Result<SigningKey, RegistrationError> {
    let mut failure = SigningKeyError::NotPem;
    for algorithm in order {
        match SigningKey::from_pem(pem, *algorithm) {
            Ok(key) => return Ok(key),
            Err(error) => failure = error,
        }
    }
    Err(RegistrationError::Key(failure))
}
