//! Who the gateway is at an authorization server where the operator registered it.

use std::path::Path;

use portcullis_config::{ClientAuthentication, OauthClient};
use portcullis_oauth::{
    AssertionAudience, AssertionKind, ClientAuth, ClientAuthError, ClientIdentity,
};
use portcullis_token::Algorithm;
use portcullis_token::assertion::{SigningKey, SigningKeyError};
use secrecy::SecretString;

use crate::context::{ReadSecret, SecretUnreadable};

/// What a key may sign with, the preferred ones first.
const ALGORITHMS: &[Algorithm] = &[
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
    Algorithm::Ps256,
    Algorithm::Rs256,
];

/// For whom an identity is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    /// Entra ID wants its token endpoint as audience, and PS256.
    pub(crate) is_entra: bool,
    /// The algorithms of assertions that the server takes, if it says.
    pub(crate) algorithms: Option<&'a [String]>,
}

/// Why the gateway's registration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("the secret of the registration cannot be read")]
    Secret(#[from] SecretUnreadable),
    #[error("the certificate of the registration cannot be read")]
    Certificate(#[source] std::io::Error),
    #[error("the key of the registration cannot be used")]
    Key(#[from] SigningKeyError),
    #[error("the registration cannot be used")]
    Identity(#[from] ClientAuthError),
}

/// Reads what proves the registration and makes the identity of it.
pub(crate) async fn identity(
    client: &OauthClient,
    at: At<'_>,
    secrets: &dyn ReadSecret,
    base: &Path,
) -> Result<ClientIdentity, ClientError> {
    let audience = if at.is_entra {
        AssertionAudience::Endpoint
    } else {
        AssertionAudience::Issuer
    };
    let auth = match &client.authentication {
        ClientAuthentication::None => ClientAuth::None,
        ClientAuthentication::SecretBasic(secret) => {
            ClientAuth::SecretBasic(secrets.read(secret).await?)
        }
        ClientAuthentication::SecretPost(secret) => {
            ClientAuth::SecretPost(secrets.read(secret).await?)
        }
        ClientAuthentication::PrivateKey { key, key_id } => {
            let mut key = signing_key(&secrets.read(key).await?, at)?;
            if let Some(key_id) = key_id {
                key = key.with_key_id(key_id);
            }
            ClientAuth::PrivateKey { key, audience }
        }
        ClientAuthentication::Certificate(pair) => {
            let certificate = tokio::fs::read_to_string(base.join(&pair.certificate))
                .await
                .map_err(ClientError::Certificate)?;
            let key = signing_key(&secrets.read(&pair.key).await?, at)?;
            let key = key.with_certificate(&certificate)?;
            ClientAuth::PrivateKey { key, audience }
        }
        ClientAuthentication::AssertionFile(path) => ClientAuth::AssertionFile {
            path: base.join(path),
            kind: AssertionKind::JwtBearer,
        },
    };
    Ok(ClientIdentity::new(&client.id, auth)?)
}

/// The key, for the best algorithm that fits it and that the server takes.
fn signing_key(pem: &SecretString, at: At<'_>) -> Result<SigningKey, SigningKeyError> {
    let takes = |algorithm: &Algorithm| {
        let named = |names: &[String]| names.iter().any(|name| name == algorithm.as_str());
        match at.algorithms {
            _ if at.is_entra => *algorithm == Algorithm::Ps256,
            names => names.is_none_or(named),
        }
    };
    let mut failure = SigningKeyError::NotPem;
    for algorithm in ALGORITHMS.iter().filter(|algorithm| takes(algorithm)) {
        match SigningKey::from_pem(pem, *algorithm) {
            Ok(key) => return Ok(key),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
