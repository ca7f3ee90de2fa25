//! Clients that are the address of a document about themselves
//! (draft-ietf-oauth-client-id-metadata-document-00; MCP, "Client ID Metadata Documents").
//!
//! Anybody can send us such an address without having signed in. So it is judged before it is
//! asked, only public hosts are asked, little is read, few are asked at once, and nothing in the
//! document is fetched.

mod redirect;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use portcullis_egress::{Client, Limits, Naming};
use tokio::sync::Semaphore;
use url::Url;

use crate::cache::Cache;
use crate::document::{self, Document};
use crate::{Clock, DocumentError, freshness};

pub use redirect::RedirectMatch;
use redirect::RegisteredRedirect;

/// Bounds of [`ClientDocuments`].
#[derive(Clone, Debug)]
pub struct ClientDocumentSettings {
    /// How long a document is used that does not say for how long.
    pub usual_age: Duration,
    /// How long a document is used at most, whatever it says.
    pub max_age: Duration,
    /// Most documents that are kept.
    pub capacity: usize,
    /// Most requests under way at once; more are refused.
    pub parallel: usize,
    /// Time limit for each request.
    pub timeout: Duration,
    /// Most bytes of a document.
    pub max_body: usize,
    /// Schemes of applications that redirects may lead to besides those with a dot, which are
    /// named after a domain of their maker (RFC 8252 section 7.1).
    pub app_schemes: Vec<String>,
}

impl Default for ClientDocumentSettings {
    /// Ten minutes, a day, 1,000 documents, eight requests, five seconds, 5 KiB; the schemes of
    /// Cursor and Visual Studio Code.
    fn default() -> Self {
        ClientDocumentSettings {
            usual_age: Duration::from_secs(600),
            max_age: Duration::from_secs(24 * 3600),
            capacity: 1000,
            parallel: 8,
            timeout: Duration::from_secs(5),
            max_body: 5 * 1024,
            app_schemes: ["cursor", "vscode", "vscode-insiders"]
                .map(str::to_owned)
                .into(),
        }
    }
}

/// Why a client's document is not accepted.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientDocumentError {
    /// The client id is no https address with a path, or has dot segments, a fragment or a user.
    #[error("client id is not an https address with a path")]
    ClientId,
    /// Too many documents are being fetched.
    #[error("too many client documents are being fetched")]
    Busy,
    /// The document cannot be had or read.
    #[error("client document is of no use")]
    Document(#[source] DocumentError),
    /// The document is about another client.
    #[error("client document is about another client")]
    OtherClient,
    /// The document speaks of a secret, or of a way to sign in that needs one. Everybody can read
    /// it, so there is none.
    #[error("client document asks for authentication by secret")]
    Secret,
    /// The document names no redirect address that may be used.
    #[error("client document names no usable redirect address")]
    NoRedirect,
}

impl ClientDocumentError {
    /// The stable id of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            ClientDocumentError::ClientId => "client-id-address",
            ClientDocumentError::Busy => "client-document-busy",
            ClientDocumentError::Document(_) => "client-document-unavailable",
            ClientDocumentError::OtherClient => "client-document-other-client",
            ClientDocumentError::Secret => "client-document-secret",
            ClientDocumentError::NoRedirect => "client-document-no-redirect",
        }
    }
}

/// What a client says about itself. All of it but the address is a claim: show it as such.
#[derive(Clone, Debug)]
pub struct ClientDocument {
    /// The client id: the document's address.
    pub client_id: String,
    /// A name for people, at most 200 characters, without control characters.
    pub client_name: Option<String>,
    /// A page about the client.
    pub client_uri: Option<String>,
    /// Grant types that it uses; when it does not say, `authorization_code` (RFC 7591).
    pub grant_types: Vec<String>,
    /// Scopes that it wants to be able to ask for.
    pub scope: Option<String>,
    /// How it authenticates at our token endpoint: `none` or `private_key_jwt`.
    pub token_endpoint_auth_method: String,
    /// Where its keys are, for `private_key_jwt`.
    pub jwks_uri: Option<Url>,
    redirects: Vec<RegisteredRedirect>,
}

impl ClientDocument {
    /// The host that the client id belongs to, to be shown to whoever is asked for consent.
    pub fn host(&self) -> Option<String> {
        Url::parse(&self.client_id)
            .ok()?
            .host_str()
            .map(str::to_owned)
    }

    /// Whether `asked` is one of the client's redirect addresses: byte for byte, but for the port
    /// of an address of this machine (RFC 8252 section 7.3; OAuth 2.1 section 8.4.2).
    pub fn redirect(&self, asked: &str) -> Option<RedirectMatch> {
        self.redirects
            .iter()
            .find_map(|redirect| redirect.matches(asked))
    }

    /// Every redirect address, as the document names it.
    pub fn redirect_uris(&self) -> impl Iterator<Item = &str> {
        self.redirects.iter().map(RegisteredRedirect::as_str)
    }

    /// Whether every redirect address leads to this machine: anybody there may have opened the
    /// port, so that consent has to warn (MCP, "Localhost Redirect URI Risks").
    pub fn is_local_only(&self) -> bool {
        self.redirects.iter().all(RegisteredRedirect::is_loopback)
    }

    fn read(
        body: &[u8],
        client_id: &str,
        settings: &ClientDocumentSettings,
    ) -> Result<Self, ClientDocumentError> {
        let document = Document::parse(body).map_err(ClientDocumentError::Document)?;
        let text = |name| document.text(name).map_err(ClientDocumentError::Document);
        let texts = |name| document.texts(name).map_err(ClientDocumentError::Document);
        // RFC 3986 section 6.2.1: simple string comparison.
        if text("client_id")? != Some(client_id) {
            return Err(ClientDocumentError::OtherClient);
        }
        let method = text("token_endpoint_auth_method")?.unwrap_or("none");
        let is_secret = ["client_secret", "client_secret_expires_at"]
            .iter()
            .any(|name| document.has(name));
        if is_secret || !["none", "private_key_jwt"].contains(&method) {
            return Err(ClientDocumentError::Secret);
        }
        let redirects: Vec<RegisteredRedirect> = texts("redirect_uris")?
            .unwrap_or_default()
            .iter()
            .filter_map(|address| RegisteredRedirect::read(address, &settings.app_schemes))
            .collect();
        if redirects.is_empty() {
            return Err(ClientDocumentError::NoRedirect);
        }
        let jwks_uri = document
            .url("jwks_uri")
            .map_err(ClientDocumentError::Document)?
            .filter(|url| url.scheme() == "https");
        Ok(ClientDocument {
            client_id: client_id.to_owned(),
            client_name: text("client_name")?.map(presentable),
            client_uri: text("client_uri")?.map(str::to_owned),
            grant_types: texts("grant_types")?
                .unwrap_or_else(|| vec!["authorization_code".to_owned()]),
            scope: text("scope")?.map(str::to_owned),
            token_endpoint_auth_method: method.to_owned(),
            jwks_uri,
            redirects,
        })
    }
}

type Kept = Result<Arc<ClientDocument>, ClientDocumentError>;

/// Fetches and keeps the documents of clients.
#[derive(Debug)]
pub struct ClientDocuments {
    client: Client,
    settings: ClientDocumentSettings,
    permits: Semaphore,
    kept: Cache<String, Kept>,
}

impl ClientDocuments {
    /// With nothing kept.
    pub fn new(client: Client, settings: ClientDocumentSettings, clock: Arc<dyn Clock>) -> Self {
        ClientDocuments {
            client,
            permits: Semaphore::new(settings.parallel.max(1)),
            kept: Cache::new(settings.capacity, clock),
            settings,
        }
    }

    /// The document of the client `client_id`. Failures are not kept; who asks at the same time
    /// shares one.
    ///
    /// # Errors
    /// [`ClientDocumentError`].
    pub async fn fetch(&self, client_id: &str) -> Kept {
        let url = client_id_address(client_id)?;
        self.kept
            .get(client_id.to_owned(), || async {
                match self.download(&url, client_id).await {
                    Ok((document, keep)) => (Ok(Arc::new(document)), keep),
                    Err(error) => (Err(error), Duration::ZERO),
                }
            })
            .await
    }

    async fn download(
        &self,
        url: &Url,
        client_id: &str,
    ) -> Result<(ClientDocument, Duration), ClientDocumentError> {
        // Whoever sends us many addresses uses up these permits, not our connections.
        let _permit = self
            .permits
            .try_acquire()
            .map_err(|_| ClientDocumentError::Busy)?;
        let limits = Limits {
            timeout: self.settings.timeout,
            max_body: self.settings.max_body,
            redirects: 0,
        };
        let response = document::fetch(&self.client, url, Naming::Found, &limits)
            .await
            .map_err(ClientDocumentError::Document)?;
        if !is_json(response.headers()) {
            return Err(ClientDocumentError::Document(DocumentError::ContentType));
        }
        let keep = freshness::lifetime(response.headers())
            .unwrap_or(self.settings.usual_age)
            .min(self.settings.max_age);
        let document = ClientDocument::read(response.body(), client_id, &self.settings)?;
        Ok((document, keep))
    }
}

/// Reads a client id that is an address (draft section 3). The text is what the document has to
/// repeat, so it has to be in the normal form of an address already: then there is one spelling.
pub fn client_id_address(client_id: &str) -> Result<Url, ClientDocumentError> {
    let refused = || ClientDocumentError::ClientId;
    if client_id.len() > 2048 {
        return Err(refused());
    }
    let url = Url::parse(client_id).map_err(|_| refused())?;
    let accepted = url.scheme() == "https"
        && url.path() != "/"
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        // The parser resolves dot segments, also encoded ones, and lowers the host.
        && url.as_str() == client_id;
    if accepted { Ok(url) } else { Err(refused()) }
}

/// Whether a client id is meant to be the address of a document.
pub fn is_client_id_address(client_id: &str) -> bool {
    client_id
        .split_once("://")
        .is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("https"))
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(media_type) = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
    else {
        return false;
    };
    let media_type = media_type.trim().to_ascii_lowercase();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

/// A name as it may be shown: bounded, on one line.
fn presentable(name: &str) -> String {
    name.chars()
        .filter(|character| !character.is_control())
        .take(200)
        .collect()
}

#[cfg(test)]
mod tests;
