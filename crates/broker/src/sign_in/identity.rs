//! Which client the gateway is where users sign in.

use portcullis_config::ClientDocument;
use portcullis_oauth::{
    AuthMethod, AuthorizationServer, Choice, Choices, ClientAuth, ClientIdentity, ClientMetadata,
    Registered, Scopes, choose, register,
};
use portcullis_vault::{CredentialKey, Secret, VaultError};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::context::{OwnClient, micros};
use crate::needed::{Needed, Reason};
use crate::revocations::Chain;
use crate::server::{Authority, Parts};

/// What a registration is called in the vault.
const REGISTRATION: &str = "client-registration";

/// What is kept of a registration (RFC 7591). Sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    client_id: String,
    secret: Option<String>,
    /// Whether the secret stands in the form (`client_secret_post`).
    #[serde(default)]
    in_form: bool,
}

/// Which client the gateway is at an authorization server.
pub(crate) struct OwnIdentity {
    pub(crate) identity: ClientIdentity,
    /// The registration that it is, where the gateway registered itself.
    pub(crate) registration: Option<String>,
}

impl From<ClientIdentity> for OwnIdentity {
    fn from(identity: ClientIdentity) -> Self {
        Self {
            identity,
            registration: None,
        }
    }
}

impl Parts {
    /// The gateway's identity at that server: the one that the operator registered, else its client
    /// metadata document, else one that it registers itself. The last is kept, and belongs to this
    /// issuer alone.
    pub(crate) async fn sign_in_identity(
        &self,
        authority: &Authority,
        metadata: &AuthorizationServer,
    ) -> Result<OwnIdentity, Needed> {
        if let Some(client) = &self.setup.source.client {
            let registered = self.registered(client, authority, metadata).await;
            return registered.map(OwnIdentity::from);
        }
        let Some(own) = &self.context.client else {
            return Err(Needed::refused(Reason::Client));
        };
        let document = match &self.setup.source.client_document {
            ClientDocument::Unused => None,
            ClientDocument::At(url) => Url::parse(url).ok(),
            // What was registered before goes on: its grants are good for no other client.
            ClientDocument::Own if self.is_registered(authority, own).await? => None,
            ClientDocument::Own => own.document.clone(),
        };
        let choice = choose(&Choices {
            registered: false,
            document: document.as_ref(),
            takes_documents: metadata.client_id_metadata_document_supported,
            registration: metadata.registration_endpoint.as_ref(),
            may_register: own.may_register,
        });
        match choice {
            Choice::Document(url) => ClientIdentity::new(url.as_str(), ClientAuth::None)
                .map(OwnIdentity::from)
                .map_err(|_| Needed::refused(Reason::Client)),
            Choice::Register(endpoint) => Ok(OwnIdentity {
                identity: self.registers(authority, metadata, own, endpoint).await?,
                registration: Some(own.callback.to_string()),
            }),
            Choice::Registered | Choice::Nothing => Err(Needed::refused(Reason::Client)),
        }
    }

    /// The identity that a grant was given to. `None` if it was a registration that is gone.
    pub(crate) async fn identity_of_grant(
        &self,
        authority: &Authority,
        metadata: &AuthorizationServer,
        registration: Option<&str>,
    ) -> Result<Option<ClientIdentity>, Needed> {
        let Some(registration) = registration else {
            let own = self.sign_in_identity(authority, metadata).await?;
            return Ok(Some(own.identity));
        };
        let kept = self.registration(&place(authority, registration)).await?;
        kept.map(identity).transpose()
    }

    async fn is_registered(&self, authority: &Authority, own: &OwnClient) -> Result<bool, Needed> {
        let kept = self
            .registration(&place(authority, own.callback.as_str()))
            .await?;
        Ok(kept.is_some())
    }

    /// The registration that is kept there.
    async fn registration(&self, key: &CredentialKey) -> Result<Option<Kept>, Needed> {
        let opened = self.context.vault.get(key).await;
        let now_us = self.context.now_us();
        let opened = opened.map_err(|error| self.no_vault(&error))?;
        let opened =
            opened.filter(|opened| opened.record.expires_us.is_none_or(|end| now_us < end));
        Ok(opened.and_then(|opened| serde_json::from_slice(opened.secret.expose()).ok()))
    }

    fn no_vault(&self, error: &VaultError) -> Needed {
        tracing::error!(server = self.name, error = %Chain(error), "the vault fails");
        Needed::Unavailable
    }

    async fn registers(
        &self,
        authority: &Authority,
        server: &AuthorizationServer,
        own: &OwnClient,
        endpoint: &Url,
    ) -> Result<ClientIdentity, Needed> {
        let key = place(authority, own.callback.as_str());
        if let Some(kept) = self.registration(&key).await? {
            return identity(kept);
        }
        let http = self.way_to(&authority.issuer);
        let naming = server.naming(endpoint);
        // There is no key that is the gateway's own everywhere.
        let supported = &server.token_endpoint_auth_methods_supported;
        let about = own.about(AuthMethod::preferred(supported, false));
        let registered = register(http, endpoint, naming, &about, None).await;
        let registered = registered.map_err(|error| {
            tracing::warn!(server = self.name, error = %Chain(&error), "the gateway could not register itself");
            Needed::refused(Reason::Client)
        })?;
        let expires_us = registered.secret_expires_at.map(micros);
        let kept = keep(&registered);
        let content = serde_json::to_vec(&kept).map_err(|_| Needed::Unavailable)?;
        let vault = &self.context.vault;
        let kept_record = vault.put(&key, &Secret::new(content), expires_us).await;
        kept_record.map_err(|error| self.no_vault(&error))?;
        identity(kept)
    }
}

impl OwnClient {
    /// The client metadata document behind [`OwnClient::document`]; `None` where there is none, or
    /// where its address or the callback is not usable.
    #[must_use]
    pub fn to_document(&self) -> Option<String> {
        let url = self.document.as_ref()?;
        let document = self.about(AuthMethod::None).document(url);
        document.ok().map(|document| document.to_string())
    }

    fn about(&self, auth_method: AuthMethod) -> ClientMetadata {
        ClientMetadata {
            name: self.name.clone(),
            home: None,
            redirect_uris: vec![self.callback.clone()],
            auth_method,
            keys: None,
            scopes: Scopes::default(),
        }
    }
}

/// Where a registration is kept. It is good for this issuer and this callback only.
fn place(authority: &Authority, callback: &str) -> CredentialKey {
    CredentialKey {
        tenant: String::new(),
        principal: callback.to_owned(),
        server: String::new(),
        issuer: authority.issuer.clone(),
        kind: REGISTRATION.to_owned(),
    }
}

fn keep(registered: &Registered) -> Kept {
    let secret = registered.secret.as_ref();
    Kept {
        in_form: registered.auth_method == AuthMethod::SecretPost,
        client_id: registered.client_id.clone(),
        secret: secret.map(|secret| secret.expose_secret().to_owned()),
    }
}

fn identity(kept: Kept) -> Result<ClientIdentity, Needed> {
    let auth = match kept.secret {
        Some(secret) if kept.in_form => ClientAuth::SecretPost(SecretString::from(secret)),
        Some(secret) => ClientAuth::SecretBasic(SecretString::from(secret)),
        None => ClientAuth::None,
    };
    ClientIdentity::new(&kept.client_id, auth).map_err(|_| Needed::refused(Reason::Client))
}
