//! Finding the documents, in the order that MCP prescribes, and keeping them for a while.

use std::sync::Arc;
use std::time::Duration;

use portcullis_egress::{Client, Limits, Naming};
use url::Url;

use super::protected_resource::well_known;
use super::{AuthorizationServer, MetadataError, Pkce, ProtectedResource};
use crate::cache::Cache;
use crate::document::{self, is_secure};
use crate::{Clock, DocumentError};

/// Bounds of [`Discovery`].
#[derive(Clone, Copy, Debug)]
pub struct DiscoverySettings {
    /// How long a document is used before it is asked for again.
    pub max_age: Duration,
    /// How long after a failure it is not tried again.
    pub pause: Duration,
    /// Most documents of each kind that are kept.
    pub capacity: usize,
    /// Time limit for each request.
    pub timeout: Duration,
    /// Most bytes of a document.
    pub max_body: usize,
}

impl Default for DiscoverySettings {
    /// One hour, five seconds, 1,024 documents, ten seconds, 256 KiB.
    fn default() -> Self {
        DiscoverySettings {
            max_age: Duration::from_secs(3600),
            pause: Duration::from_secs(5),
            capacity: 1024,
            timeout: Duration::from_secs(10),
            max_body: 256 * 1024,
        }
    }
}

/// Which authorization server is meant, and what is demanded of it.
#[derive(Clone, Debug)]
pub struct IssuerQuery {
    /// The issuer, byte for byte as the document has to name it.
    pub issuer: String,
    /// The document's address where it does not follow from the issuer (Entra ID's v1.0 and
    /// tenant-independent documents). Always the operator's own words.
    pub metadata_url: Option<Url>,
    /// Who named the issuer.
    pub naming: Naming,
    /// What it has to say about PKCE.
    pub pkce: Pkce,
}

impl IssuerQuery {
    /// An issuer that the operator configured, for a sign-in.
    pub fn configured(issuer: &str) -> Self {
        IssuerQuery {
            issuer: issuer.to_owned(),
            metadata_url: None,
            naming: Naming::Configured,
            pkce: Pkce::Announced,
        }
    }

    /// An issuer that a resource's metadata names, for a sign-in.
    pub fn found(issuer: &str) -> Self {
        IssuerQuery {
            naming: Naming::Found,
            ..IssuerQuery::configured(issuer)
        }
    }

    /// The same with another demand about PKCE.
    #[must_use]
    pub fn with_pkce(mut self, pkce: Pkce) -> Self {
        self.pkce = pkce;
        self
    }

    /// The same with the document at an address of its own.
    #[must_use]
    pub fn with_metadata_url(mut self, url: Option<Url>) -> Self {
        self.metadata_url = url;
        self
    }
}

type Kept<T> = Result<Arc<T>, MetadataError>;
/// Issuer, the document's own address, and whether the operator named it: what was found at a
/// stranger's word must not be served as if the operator had said it.
type ServerKey = (String, Option<Url>, bool);

/// Finds and keeps metadata. Clone it with an [`Arc`].
#[derive(Debug)]
pub struct Discovery {
    client: Client,
    settings: DiscoverySettings,
    resources: Cache<(Url, Option<Url>), Kept<ProtectedResource>>,
    servers: Cache<ServerKey, Kept<AuthorizationServer>>,
}

impl Discovery {
    /// With nothing kept.
    pub fn new(client: Client, settings: DiscoverySettings, clock: Arc<dyn Clock>) -> Self {
        Discovery {
            client,
            settings,
            resources: Cache::new(settings.capacity, Arc::clone(&clock)),
            servers: Cache::new(settings.capacity, clock),
        }
    }

    /// The metadata of the configured server at `endpoint`: from the address that its challenge
    /// names in `resource_metadata`, else with the endpoint's path inserted, else from its root.
    ///
    /// # Errors
    /// [`MetadataError`]. When the challenge names an address, nothing else is tried.
    pub async fn protected_resource(
        &self,
        endpoint: &Url,
        challenged: Option<&Url>,
    ) -> Result<Arc<ProtectedResource>, MetadataError> {
        let key = (endpoint.clone(), challenged.cloned());
        self.resources
            .get(key, || async {
                self.keep(self.find_resource(endpoint, challenged).await)
            })
            .await
    }

    /// The metadata of an authorization server.
    ///
    /// # Errors
    /// [`MetadataError`].
    pub async fn authorization_server(
        &self,
        query: &IssuerQuery,
    ) -> Result<Arc<AuthorizationServer>, MetadataError> {
        let key = (
            query.issuer.clone(),
            query.metadata_url.clone(),
            matches!(query.naming, Naming::Configured),
        );
        let server = self
            .servers
            .get(key, || async { self.keep(self.find_server(query).await) })
            .await?;
        server.check_pkce(query.pkce)?;
        Ok(server)
    }

    /// Forgets every document, so that the next use fetches it.
    pub fn forget(&self) {
        self.resources.clear();
        self.servers.clear();
    }

    fn keep<T>(&self, found: Result<T, MetadataError>) -> (Kept<T>, Duration) {
        match found {
            Ok(document) => (Ok(Arc::new(document)), self.settings.max_age),
            Err(error) => (Err(error), self.settings.pause),
        }
    }

    async fn find_resource(
        &self,
        endpoint: &Url,
        challenged: Option<&Url>,
    ) -> Result<ProtectedResource, MetadataError> {
        let places = match challenged {
            Some(place) if is_secure(place) => vec![place.clone()],
            Some(_) => return Err(MetadataError::MetadataAddress),
            None => well_known(endpoint)?,
        };
        let mut search = Search::default();
        for place in places {
            let naming = if place.origin() == endpoint.origin() {
                Naming::Configured
            } else {
                Naming::Found
            };
            let found = self.read(&place, naming).await.and_then(|body| {
                let document = ProtectedResource::parse(&body)?;
                document.check_is_about(endpoint)?;
                if document.authorization_servers.is_empty() {
                    return Err(MetadataError::NoAuthorizationServer);
                }
                Ok(document)
            });
            match search.judge(found) {
                Some(end) => return end,
                None => continue,
            }
        }
        Err(search.failure())
    }

    async fn find_server(&self, query: &IssuerQuery) -> Result<AuthorizationServer, MetadataError> {
        let (places, naming) = match &query.metadata_url {
            Some(url) if is_secure(url) => (vec![url.clone()], Naming::Configured),
            Some(_) => return Err(MetadataError::MetadataAddress),
            None => (server_places(&query.issuer)?, query.naming),
        };
        let mut search = Search::default();
        for place in places {
            let found = self
                .read(&place, naming)
                .await
                .and_then(|body| AuthorizationServer::read(&body, &query.issuer, naming, &place));
            match search.judge(found) {
                Some(end) => return end,
                None => continue,
            }
        }
        Err(search.failure())
    }

    async fn read(&self, place: &Url, naming: Naming) -> Result<bytes::Bytes, MetadataError> {
        let limits = Limits {
            timeout: self.settings.timeout,
            max_body: self.settings.max_body,
            redirects: 0,
        };
        let response = document::fetch(&self.client, place, naming, &limits).await?;
        Ok(response.into_body())
    }
}

/// Goes on to the next place as long as there may be something there, and remembers the failure
/// that says most.
#[derive(Default)]
struct Search {
    failure: Option<MetadataError>,
}

impl Search {
    fn judge<T>(&mut self, found: Result<T, MetadataError>) -> Option<Result<T, MetadataError>> {
        match found {
            Ok(document) => Some(Ok(document)),
            // The places are on one host: who cannot be reached here cannot be reached there.
            Err(error @ MetadataError::Document(DocumentError::Fetch(_))) => Some(Err(error)),
            // 404 is the normal way to say that nothing is published here.
            Err(MetadataError::Document(DocumentError::Status(404))) => None,
            Err(error) => {
                self.failure.get_or_insert(error);
                None
            }
        }
    }

    fn failure(self) -> MetadataError {
        self.failure.unwrap_or(MetadataError::NotFound)
    }
}

/// Where an issuer's document may be. MCP, "Authorization Server Metadata Discovery": RFC 8414
/// with the path inserted, OpenID Connect with the path inserted, OpenID Connect with it appended.
fn server_places(issuer: &str) -> Result<Vec<Url>, MetadataError> {
    let url = Url::parse(issuer).map_err(|_| MetadataError::IssuerAddress)?;
    let plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !plain || !is_secure(&url) {
        return Err(MetadataError::IssuerAddress);
    }
    let path = url.path().trim_end_matches('/');
    let mut paths = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        paths.push(format!("{path}/.well-known/openid-configuration"));
    }
    Ok(paths
        .into_iter()
        .map(|path| {
            let mut place = url.clone();
            place.set_path(&path);
            place
        })
        .collect())
}

#[cfg(test)]
mod tests;
