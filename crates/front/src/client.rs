//! Which client it is that asks.

use portcullis_config::FrontDoor;
use portcullis_oauth::{ClientDocumentError, is_client_id_address};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::fault::Fault;
use crate::front::Front;
use crate::issuer::Issuer;
use crate::redirect::{self, Kind};
use crate::refused::Refused;
use crate::register;

/// A client that may ask here.
pub(crate) struct Client {
    pub(crate) id: String,
    /// A name for people. Who says so: see [`Client::source`].
    pub(crate) name: String,
    pub(crate) source: Source,
    /// Whether it gets refresh tokens without asking for `offline_access`.
    pub(crate) lasting: bool,
    redirects: Vec<String>,
}

/// How a client is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Source {
    /// The operator wrote it into the configuration.
    Configured,
    /// Its id is the address of a document on this host.
    Document(String),
    /// It registered itself: nobody vouches for anything that it says.
    Registered,
}

impl Client {
    /// How the redirect URI fits one of the client's own.
    pub(crate) fn redirect(&self, asked: &str) -> Option<Kind> {
        self.redirects
            .iter()
            .find_map(|own| redirect::fits(own, asked))
    }

    pub(crate) fn registered(id: &str, said: register::Registration) -> Self {
        Self {
            id: id.to_owned(),
            name: said.client_name,
            source: Source::Registered,
            lasting: said.lasting,
            redirects: said.redirect_uris,
        }
    }
}

/// Finds a client by its id. The operator's own word comes first.
pub(crate) async fn find(
    front: &Front,
    issuer: &Issuer,
    door: &FrontDoor,
    id: &str,
) -> Result<Client, Refused<Fault>> {
    if let Some(redirects) = door.clients.get(id) {
        return Ok(Client {
            id: id.to_owned(),
            name: id.to_owned(),
            source: Source::Configured,
            lasting: true,
            redirects: redirects.clone(),
        });
    }
    if door.registration
        && let Some(said) = register::read(front, issuer, id)
    {
        return Ok(Client::registered(id, said));
    }
    if !is_client_id_address(id) {
        return Err(Fault::CLIENT_UNKNOWN.into());
    }
    let document = front
        .context
        .documents
        .fetch(id)
        .await
        .map_err(of_document)?;
    // A client that has a key would have to prove it at the token endpoint, which takes public
    // clients only.
    if document.token_endpoint_auth_method != "none" {
        return Err(Fault::document("client-authentication-unsupported").into());
    }
    let host = Url::parse(id)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default();
    Ok(Client {
        id: id.to_owned(),
        name: document.client_name.clone().unwrap_or_else(|| host.clone()),
        source: Source::Document(host),
        lasting: document
            .grant_types
            .iter()
            .any(|grant| grant == "refresh_token"),
        redirects: document.redirect_uris().map(str::to_owned).collect(),
    })
}

fn of_document(error: ClientDocumentError) -> Refused<Fault> {
    Refused::because(Fault::document(error.code()), error)
}
