//! Which client the gateway is where users sign in.

use portcullis_oauth::{
    AuthMethod, AuthorizationServer, Choice, Choices, ClientAuth, ClientIdentity, ClientMetadata,
    Registered, Scopes, choose, register,
};
use portcullis_vault::{CredentialKey, Secret};
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
}

impl Parts {
    /// The gateway's identity at that server: the one that the operator registered, else its client
    /// metadata document, else one that it registers itself. The last is kept, and belongs to this
    /// issuer alone.
    pub(crate) async fn sign_in_identity(
        &self,
        authority: &Authority,
        metadata: &AuthorizationServer,
    ) -> Result<ClientIdentity, Needed> {
        if let Some(client) = &self.setup.source.client {
            return self.registered(client, authority, metadata).await;
        }
        let Some(own) = &self.context.client else {
            return Err(Needed::refused(Reason::Client));
        };
        let choice = choose(&Choices {
            registered: false,
            document: own.document.as_ref(),
            takes_documents: metadata.client_id_metadata_document_supported,
            registration: metadata.registration_endpoint.as_ref(),
            may_register: own.may_register,
        });
        match choice {
            Choice::Document(url) => ClientIdentity::new(url.as_str(), ClientAuth::None)
                .map_err(|_| Needed::refused(Reason::Client)),
            Choice::Register(endpoint) => self.registers(authority, metadata, own, endpoint).await,
            Choice::Registered | Choice::Nothing => Err(Needed::refused(Reason::Client)),
        }
    }

    async fn registers(
        &self,
        authority: &Authority,
        server: &AuthorizationServer,
        own: &OwnClient,
        endpoint: &Url,
    ) -> Result<ClientIdentity, Needed> {
        let key = CredentialKey {
            tenant: String::new(),
            // The registration is good for this address only.
            principal: own.callback.to_string(),
            server: String::new(),
            issuer: authority.issuer.clone(),
            kind: REGISTRATION.to_owned(),
        };
        let vault = &self.context.vault;
        let unavailable = |error: portcullis_vault::VaultError| {
            tracing::error!(server = self.name, error = %Chain(&error), "the vault fails");
            Needed::Unavailable
        };
        let now_us = self.context.now_us();
        if let Some(opened) = vault.get(&key).await.map_err(unavailable)?
            && opened.record.expires_us.is_none_or(|end| now_us < end)
            && let Ok(kept) = serde_json::from_slice::<Kept>(opened.secret.expose())
        {
            return identity(kept);
        }
        let http = self.way_to(&authority.issuer);
        let naming = server.naming(endpoint);
        let registered = register(http, endpoint, naming, &about(own), None).await;
        let registered = registered.map_err(|error| {
            tracing::warn!(server = self.name, error = %Chain(&error), "the gateway could not register itself");
            Needed::refused(Reason::Client)
        })?;
        let expires_us = registered.secret_expires_at.map(micros);
        let kept = keep(&registered);
        let content = serde_json::to_vec(&kept).map_err(|_| Needed::Unavailable)?;
        let kept_record = vault.put(&key, &Secret::new(content), expires_us).await;
        kept_record.map_err(unavailable)?;
        identity(kept)
    }
}

fn about(own: &OwnClient) -> ClientMetadata {
    ClientMetadata {
        name: own.name.clone(),
        home: None,
        redirect_uris: vec![own.callback.clone()],
        auth_method: AuthMethod::None,
        keys: None,
        scopes: Scopes::default(),
    }
}

fn keep(registered: &Registered) -> Kept {
    let secret = registered.secret.as_ref();
    Kept {
        client_id: registered.client_id.clone(),
        secret: secret.map(|secret| secret.expose_secret().to_owned()),
    }
}

fn identity(kept: Kept) -> Result<ClientIdentity, Needed> {
    let auth = match kept.secret {
        Some(secret) => ClientAuth::SecretBasic(SecretString::from(secret)),
        None => ClientAuth::None,
    };
    ClientIdentity::new(&kept.client_id, auth).map_err(|_| Needed::refused(Reason::Client))
}
