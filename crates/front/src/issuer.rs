//! One issuer at which the gateway is registered, and the front door before it.

use std::sync::Arc;

use portcullis_config as config;
use portcullis_egress::{Client, Naming};
use portcullis_oauth::{
    AuthorizationServer, BackChannel, ClientIdentity, Discovery, Growth, IssuerQuery,
    MetadataError, Pkce, Scopes, TokenClient,
};
use portcullis_token::entra;
use url::Url;

/// The way to an issuer, and who the gateway is there.
#[derive(Clone)]
pub struct Upstream {
    /// Connects to it; trusts the issuer's own authority where one is configured.
    pub http: Client,
    /// Finds its metadata.
    pub discovery: Arc<Discovery>,
    /// The gateway's registration.
    pub identity: Arc<ClientIdentity>,
}

/// An issuer at which people sign in.
pub(crate) struct Issuer {
    pub(crate) name: String,
    /// The front door's own issuer identifier.
    pub(crate) url: String,
    /// The issuer's, for people.
    pub(crate) host: String,
    pub(crate) door: Option<config::FrontDoor>,
    /// Where the issuer sends browsers back to. One for each issuer, so that an answer of one is
    /// never taken for that of another (RFC 9700 section 4.4.2).
    pub(crate) callback: Url,
    pub(crate) is_entra: bool,
    query: IssuerQuery,
    upstream: Upstream,
}

impl Issuer {
    /// `None` when the addresses that follow from the configuration are none.
    pub(crate) fn new(
        name: &str,
        settings: &config::Issuer,
        base: &str,
        upstream: Upstream,
    ) -> Option<Self> {
        let url = format!("{base}/oauth/{name}");
        let query = query(settings)?;
        let host = Url::parse(&query.issuer).ok()?.host_str()?.to_owned();
        Some(Self {
            name: name.to_owned(),
            callback: Url::parse(&format!("{url}/callback")).ok()?,
            url,
            host,
            door: settings.front_door.clone(),
            is_entra: matches!(settings.kind, config::IssuerKind::Entra(_)),
            query,
            upstream,
        })
    }

    pub(crate) async fn server(&self) -> Result<Arc<AuthorizationServer>, MetadataError> {
        self.upstream
            .discovery
            .authorization_server(&self.query)
            .await
    }

    /// What the issuer's document says about PKCE that has to be there.
    pub(crate) fn pkce(&self) -> Pkce {
        self.query.pkce
    }

    pub(crate) fn client_id(&self) -> &str {
        self.upstream.identity.id()
    }

    pub(crate) fn channel(&self, server: &Arc<AuthorizationServer>) -> BackChannel {
        BackChannel::new(
            self.upstream.http.clone(),
            Arc::clone(server),
            Arc::clone(&self.upstream.identity),
        )
    }

    pub(crate) fn token_client(
        &self,
        server: &Arc<AuthorizationServer>,
    ) -> Result<TokenClient, MetadataError> {
        let growth = match self.is_entra {
            true => Growth::SameResource,
            false => Growth::Never,
        };
        let endpoint = server.token_endpoint()?.clone();
        Ok(TokenClient::new(self.channel(server), endpoint).growth(growth))
    }

    /// The scopes as the issuer calls them. Entra wants at least one; without any, all that were
    /// consented to for the gateway are asked for.
    pub(crate) fn qualified(
        &self,
        scopes: &[String],
        lasting: bool,
        server: &AuthorizationServer,
    ) -> Scopes {
        let prefix = self.prefix();
        let mut qualified: Vec<String> = scopes
            .iter()
            .map(|scope| match scope.contains('/') {
                true => scope.clone(),
                false => format!("{prefix}{scope}"),
            })
            .collect();
        if qualified.is_empty() && self.is_entra {
            let resource = match prefix.is_empty() {
                true => format!("{}/", self.client_id()),
                false => prefix.to_owned(),
            };
            qualified.push(format!("{resource}.default"));
        }
        let scopes = Scopes::of(qualified.iter().map(String::as_str)).unwrap_or_default();
        match (lasting, self.is_entra) {
            (false, _) => scopes,
            (true, true) => scopes.union(&Scopes::of(["offline_access"]).unwrap_or_default()),
            (true, false) => scopes.lasting(server.scopes_supported.as_deref()),
        }
    }

    /// The scopes that the issuer granted, as the client calls them.
    pub(crate) fn unqualified(&self, granted: &Scopes, asked: &[String]) -> Vec<String> {
        let prefix = self.prefix();
        granted
            .iter()
            .filter(|scope| *scope != "offline_access")
            .map(|scope| {
                let bare = scope
                    .strip_prefix(prefix)
                    .filter(|bare| !bare.is_empty() && !bare.contains('/'));
                match bare {
                    Some(bare) if !asked.iter().any(|own| own == scope) => bare.to_owned(),
                    _ => scope.to_owned(),
                }
            })
            .collect()
    }

    fn prefix(&self) -> &str {
        let door = self.door.as_ref();
        door.and_then(|door| door.scope_prefix.as_deref())
            .unwrap_or_default()
    }
}

/// The issuer's identifier as clients know it, for the metadata of a resource. `None` for those at
/// which nobody signs in.
pub(crate) fn identifier(settings: &config::Issuer) -> Option<String> {
    match &settings.kind {
        config::IssuerKind::Oidc { issuer } => Some(issuer.clone()),
        config::IssuerKind::Entra(entra) => {
            let version = entra::Version::V2;
            Some(cloud(entra).issuer(version, &entra.directory))
        }
        config::IssuerKind::Spiffe(_) => None,
    }
}

fn query(settings: &config::Issuer) -> Option<IssuerQuery> {
    let own = settings.metadata_url.as_deref().map(Url::parse);
    let own = own.transpose().ok()?;
    match &settings.kind {
        config::IssuerKind::Oidc { issuer } => {
            Some(IssuerQuery::configured(issuer).with_metadata_url(own))
        }
        config::IssuerKind::Entra(entra) => Some(entra_query(entra, own)),
        config::IssuerKind::Spiffe(_) => None,
    }
}

/// Entra has PKCE and does not say so. The document of several tenants names none of them.
fn entra_query(entra: &config::Entra, own: Option<Url>) -> IssuerQuery {
    let (cloud, version) = (cloud(entra), entra::Version::V2);
    let is_tenant = entra::is_guid(&entra.directory);
    let named = match is_tenant {
        true => entra.directory.as_str(),
        false => "{tenantid}",
    };
    let general = || Url::parse(&cloud.metadata_url(version, &entra.directory)).ok();
    IssuerQuery {
        issuer: cloud.issuer(version, named),
        metadata_url: own.or_else(general),
        naming: Naming::Configured,
        pkce: Pkce::Assumed,
    }
}

fn cloud(entra: &config::Entra) -> entra::Cloud {
    let mut cloud = match entra.cloud {
        config::Cloud::Global => entra::Cloud::global(),
        config::Cloud::UsGovernment => entra::Cloud::us_government(),
        config::Cloud::China => entra::Cloud::china(),
    };
    if let Some(authority) = &entra.authority_url {
        cloud.login = authority.trim_end_matches('/').to_owned();
    }
    cloud
}
