//! Secrets that a service has: HashiCorp Vault's key-value store, version 2, and Azure Key Vault.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode};
use portcullis_config::HashicorpVault;
use portcullis_egress::Client;
use secrecy::SecretString;
use url::Url;
use zeroize::Zeroizing;

use super::{ReferenceCause, References};
use crate::keys::http::{Answer, refusal, send};
use crate::keys::{AzureChannel, KeyError, SecretSource, TokenSource};
use crate::secret::Secret;

/// `GET /v1/MOUNT/data/PATH` (<https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2>).
/// The mount is the first segment of a reference's path.
pub(super) struct Hashicorp {
    server: Url,
    namespace: Option<String>,
    token: Arc<dyn SecretSource>,
    client: Client,
}

impl Hashicorp {
    pub(super) fn new(
        server: Url,
        vault: &HashicorpVault,
        client: Client,
        own: &References,
    ) -> Self {
        let namespace = vault.namespace.as_deref();
        Self {
            server,
            namespace: namespace.map(|name| name.trim_matches('/').to_owned()),
            token: own.source(&vault.token),
            client,
        }
    }

    pub(super) async fn read(
        &self,
        path: &str,
        field: &str,
    ) -> Result<SecretString, ReferenceCause> {
        // Read each time: Vault's agent writes a new token into its file.
        let token = self.token.secret().await.map_err(cause_of)?;
        let answer = send(&self.client, self.request(path, &token)?).await;
        let mut answer = checked(answer.map_err(cause_of)?)?;
        // RFC 6901: a name that holds `~`. It cannot hold `/`.
        let pointer = format!("/data/data/{}", field.replace('~', "~0"));
        let text = answer.body.take(&pointer).ok_or(ReferenceCause::Missing)?;
        Ok(secret(text))
    }

    fn request(&self, path: &str, token: &Secret) -> Result<Request<Bytes>, ReferenceCause> {
        let mut url = self.server.clone();
        let (mount, rest) = path.split_once('/').ok_or(ReferenceCause::Missing)?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .clear()
                .extend(["v1", mount, "data"])
                .extend(rest.split('/'));
        }
        let mut value = HeaderValue::from_bytes(token.expose())
            .map_err(|_| ReferenceCause::Credential("it cannot stand in a header".into()))?;
        value.set_sensitive(true);
        let mut request = Request::get(url.as_str())
            .header("x-vault-request", "true")
            .header("x-vault-token", value);
        if let Some(namespace) = &self.namespace {
            request = request.header("x-vault-namespace", format!("{namespace}/"));
        }
        request.body(Bytes::new()).map_err(|_| {
            ReferenceCause::Service(KeyError::Address {
                what: "no request can be made of it",
            })
        })
    }
}

/// `GET /secrets/NAME`, api-version 7.4
/// (<https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret>): the newest version.
pub(super) struct KeyVault(AzureChannel);

impl KeyVault {
    pub(super) fn new(mut server: Url, client: Client, tokens: Arc<dyn TokenSource>) -> Self {
        server.set_path("/");
        Self(AzureChannel::new(server, client, tokens))
    }

    pub(super) async fn read(&self, name: &str) -> Result<SecretString, ReferenceCause> {
        let path = format!("secrets/{name}");
        let answer = self.0.ask(Method::GET, &path, Bytes::new()).await;
        let mut answer = answer.map_err(cause_of)?;
        let text = answer.body.take("/value").ok_or(ReferenceCause::Missing)?;
        Ok(secret(text))
    }
}

fn checked(answer: Answer) -> Result<Answer, ReferenceCause> {
    match answer.status {
        StatusCode::OK => Ok(answer),
        status => Err(cause_of(refusal(status))),
    }
}

/// Words of a root key's provider, for a secret.
fn cause_of(error: KeyError) -> ReferenceCause {
    match error {
        KeyError::Unknown => ReferenceCause::Missing,
        KeyError::Unavailable(source) => ReferenceCause::Unavailable(source),
        KeyError::Refused { status } => ReferenceCause::Refused { status },
        KeyError::Credential(Some(source)) => ReferenceCause::Credential(source),
        other => ReferenceCause::Service(other),
    }
}

fn secret(mut text: Zeroizing<String>) -> SecretString {
    while text.ends_with(['\r', '\n']) {
        text.pop();
    }
    SecretString::from(std::mem::take(&mut *text))
}
