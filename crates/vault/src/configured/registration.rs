//! References to secrets as an OAuth client reads them.

use async_trait::async_trait;
use portcullis_config::{OauthClient, SecretRef};
use portcullis_oauth::{
    AssertionTaker, ClientIdentity, ConfiguredClientError, ReadSecret, SecretUnreadable,
};
use secrecy::SecretString;

use crate::references::References;

#[async_trait]
impl ReadSecret for References {
    async fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretUnreadable> {
        let read = References::read(self, reference).await;
        read.map_err(|error| SecretUnreadable(Box::new(error)))
    }
}

/// The gateway's registration at an authorization server of which nothing else is known.
///
/// # Errors
/// What is missing or unusable.
pub async fn client_identity(
    client: &OauthClient,
    references: &References,
) -> Result<ClientIdentity, ConfiguredClientError> {
    let taker = AssertionTaker::Unknown;
    ClientIdentity::configured(client, taker, references, references.base()).await
}
