//! The gateway's registration at an authorization server, with its secret read.

use portcullis_config::{ClientAuthentication, OauthClient, SecretRef};
use portcullis_oauth::{
    AssertionAudience, AssertionKind, ClientAuth, ClientAuthError, ClientIdentity,
};
use portcullis_token::Algorithm;
use portcullis_token::assertion::{SigningKey, SigningKeyError};
use secrecy::SecretString;

use crate::references::{ReferenceError, References};

/// Why the gateway cannot prove which client it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// The secret or the private key cannot be read.
    #[error("the secret of the registration cannot be read")]
    Secret(#[from] ReferenceError),
    /// The certificate cannot be read.
    #[error("the certificate {path} cannot be read")]
    Certificate {
        /// The path, as configured.
        path: String,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The private key or the certificate is not usable.
    #[error("the private key or the certificate of the registration cannot be used")]
    Key(#[source] SigningKeyError),
    /// The client id is not usable.
    #[error("the registration cannot be used")]
    Client(#[from] ClientAuthError),
}

/// Reads what a registration needs. Assertions are signed by the first algorithm that fits the
/// key; those with a certificate are for the token endpoint, as Entra ID wants it, the others for
/// the issuer.
///
/// # Errors
/// What is missing or unusable.
pub async fn client_identity(
    client: &OauthClient,
    references: &References,
) -> Result<ClientIdentity, RegistrationError> {
    let auth = match &client.authentication {
        ClientAuthentication::None => ClientAuth::None,
        ClientAuthentication::SecretBasic(reference) => {
            ClientAuth::SecretBasic(references.read(reference).await?)
        }
        ClientAuthentication::SecretPost(reference) => {
            ClientAuth::SecretPost(references.read(reference).await?)
        }
        ClientAuthentication::PrivateKey { key, key_id } => {
            let pem = references.read(key).await?;
            let key = signing_key(
                &pem,
                &[
                    Algorithm::Es256,
                    Algorithm::Es384,
                    Algorithm::EdDsa,
                    Algorithm::Rs256,
                ],
            )?;
            ClientAuth::PrivateKey {
                key: match key_id {
                    Some(id) => key.with_key_id(id),
                    None => key,
                },
                audience: AssertionAudience::Issuer,
            }
        }
        ClientAuthentication::Certificate(pair) => {
            let pem = references.read(&pair.key).await?;
            let path = references.base().join(&pair.certificate);
            let certificate = tokio::task::spawn_blocking(move || std::fs::read_to_string(path))
                .await
                .map_err(std::io::Error::other)
                .flatten()
                .map_err(|source| RegistrationError::Certificate {
                    path: pair.certificate.clone(),
                    source,
                })?;
            let key = signing_key(&pem, &[Algorithm::Ps256, Algorithm::Es256])?;
            ClientAuth::PrivateKey {
                key: key
                    .with_certificate(&certificate)
                    .map_err(RegistrationError::Key)?,
                audience: AssertionAudience::Endpoint,
            }
        }
        ClientAuthentication::AssertionFile(path) => ClientAuth::AssertionFile {
            path: references.base().join(path),
            kind: AssertionKind::JwtBearer,
        },
    };
    Ok(ClientIdentity::new(&client.id, auth)?)
}

/// The reference to what proves that it is the client.
pub(super) fn reference_of(client: &OauthClient) -> Option<&SecretRef> {
    match &client.authentication {
        ClientAuthentication::SecretBasic(reference)
        | ClientAuthentication::SecretPost(reference)
        | ClientAuthentication::PrivateKey { key: reference, .. } => Some(reference),
        ClientAuthentication::Certificate(pair) => Some(&pair.key),
        ClientAuthentication::None | ClientAuthentication::AssertionFile(_) => None,
    }
}

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
