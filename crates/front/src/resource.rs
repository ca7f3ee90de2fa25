//! The gateway's endpoints as OAuth resources (RFC 9728; MCP, authorization).

use portcullis_config::{BoundTokens, ClientCertificates, Config, IssuerKind, Profile};
use portcullis_oauth::{ProtectedResource, announced_scopes, canonical_resource};
use portcullis_token::dpop;
use url::Url;

use crate::issuer;

/// An endpoint for which tokens are given.
pub(crate) struct Resource {
    /// What people are told about it.
    pub(crate) title: String,
    /// Exactly the address that clients use.
    pub(crate) url: String,
    pub(crate) scopes: Vec<String>,
    /// Names of the issuers whose tokens it takes.
    pub(crate) issuers: Vec<String>,
    document: String,
    /// The path behind the well-known name.
    places: Vec<String>,
}

impl Resource {
    /// `None` for a profile that takes no tokens of anybody at whom people sign in.
    pub(crate) fn new(name: &str, profile: &Profile, config: &Config, base: &str) -> Option<Self> {
        let url = config
            .resource(profile)
            .unwrap_or_else(|| format!("{base}{}", profile.path));
        let taken: Vec<_> = config
            .authn
            .issuers
            .iter()
            .filter(|(issuer, settings)| {
                profile.takes(issuer) && !matches!(settings.kind, IssuerKind::Spiffe(_))
            })
            .collect();
        if taken.is_empty() {
            return None;
        }
        let servers =
            taken
                .iter()
                .filter_map(|(issuer, settings)| match settings.front_door.is_some() {
                    true => Some(format!("{base}/oauth/{issuer}")),
                    false => issuer::identifier(settings),
                });
        let issuers = taken.iter().map(|(_, settings)| *settings);
        let announced = announced_scopes(&profile.scopes, Some(&url), issuers);
        let certificates = takes_certificates(config);
        let all_bound = taken
            .iter()
            .all(|(_, settings)| settings.bound_tokens == BoundTokens::Required);
        let title = profile
            .description
            .clone()
            .unwrap_or_else(|| name.to_owned());
        let algorithms = dpop::ALGORITHMS.map(|algorithm| algorithm.as_str().to_owned());
        let document = ProtectedResource {
            resource: url.clone(),
            authorization_servers: servers.collect(),
            scopes_supported: (!profile.scopes.is_empty()).then_some(announced),
            bearer_methods_supported: Some(vec!["header".to_owned()]),
            resource_name: Some(title.clone()),
            resource_documentation: None,
            dpop_signing_alg_values_supported: Some(algorithms.into()),
            dpop_bound_access_tokens_required: all_bound && !certificates,
            tls_client_certificate_bound_access_tokens: certificates,
        };
        let own_path = Url::parse(&url).ok()?.path().to_owned();
        let mut places = vec![profile.path.clone(), own_path];
        places
            .iter_mut()
            .for_each(|place| place.truncate(place.trim_end_matches('/').len()));
        Some(Self {
            title,
            url,
            scopes: profile.scopes.clone(),
            issuers: taken.into_iter().map(|(name, _)| name.clone()).collect(),
            document: document.to_json(),
            places,
        })
    }

    /// The document to serve.
    pub(crate) fn document(&self) -> String {
        self.document.clone()
    }

    /// Whether the document is asked for by this path behind the well-known name.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        self.places.iter().any(|place| place == path)
    }

    /// Whether a client means this endpoint. Scheme and host in capitals and a slash at the end are
    /// taken (MCP, "Canonical Server URI").
    pub(crate) fn is_meant(&self, asked: &str) -> bool {
        let Ok(url) = Url::parse(asked) else {
            return false;
        };
        let is_plain =
            url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
        let own = Url::parse(&self.url).map(|own| canonical_resource(&own));
        is_plain && own.is_ok_and(|own| own == canonical_resource(&url))
    }

    pub(crate) fn takes(&self, issuer: &str) -> bool {
        self.issuers.iter().any(|name| name == issuer)
    }
}

fn takes_certificates(config: &Config) -> bool {
    let tls = config.listen.tls.as_ref();
    tls.is_some_and(|tls| tls.client_certificates != ClientCertificates::Off)
        || !config.listen.trusted_proxies.is_empty()
}
