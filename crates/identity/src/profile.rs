//! What the configuration says about an issuer's tokens, as `portcullis_token` wants it.

use std::time::Duration;

use portcullis_config::{self as config, BoundTokens, CallerCredential, EntraVersion, Guests};
use portcullis_token::entra::{ClientAuthentication, Cloud, EntraRules, Version};
use portcullis_token::issuer::ClaimNames;
use portcullis_token::{Algorithm, Issuer, IssuerKind};

/// The profile of `[authn.issuers.NAME]`.
pub(crate) fn compile(name: &str, issuer: &config::Issuer) -> Issuer {
    let identifier = issuer.issuer().unwrap_or_default();
    let kind = match &issuer.kind {
        config::IssuerKind::Oidc { .. } => IssuerKind::Standard,
        config::IssuerKind::Entra(entra) => IssuerKind::Entra(rules(entra)),
        config::IssuerKind::Spiffe(spiffe) => IssuerKind::Spiffe {
            trust_domain: spiffe.trust_domain.clone(),
        },
    };
    let clients = &issuer.clients;
    Issuer {
        algorithms: issuer
            .algorithms
            .iter()
            .filter_map(|algorithm| Algorithm::parse(algorithm.name()))
            .collect(),
        token_types: issuer.token_types.clone(),
        allow_untyped: issuer.untyped_tokens,
        clients: (!clients.is_empty()).then(|| clients.iter().cloned().collect()),
        agents: issuer.agent_clients.iter().cloned().collect(),
        skew: seconds(issuer.clock_skew),
        max_age: Some(seconds(issuer.max_token_age)),
        required_claims: issuer.required_claims.clone(),
        claims: ClaimNames {
            scopes: issuer.claims.scopes.clone(),
            roles: issuer.claims.roles.clone(),
            groups: issuer.claims.groups.clone(),
            clients: issuer.claims.clients.clone(),
        },
        workload_marker: issuer.workload_marker.clone(),
        require_binding: issuer.bound_tokens == BoundTokens::Required,
        kind,
        ..Issuer::standard(name, identifier)
    }
}

/// The hosts of an Entra issuer. `authority-url` takes the place of the sign-in host, in
/// addresses and in the issuers of version 2.0 tokens.
pub fn cloud(entra: &config::Entra) -> Cloud {
    let mut cloud = national(entra.cloud);
    let origin = |url: &String| url.trim_end_matches('/').to_owned();
    if let Some(url) = &entra.authority_url {
        cloud.login = origin(url);
    }
    if let Some(url) = &entra.graph_url {
        cloud.graph = origin(url);
    }
    cloud
}

/// The hosts of a cloud, as they are called whoever stands in front of them.
pub(crate) fn national(cloud: config::Cloud) -> Cloud {
    match cloud {
        config::Cloud::Global => Cloud::global(),
        config::Cloud::UsGovernment => Cloud::us_government(),
        config::Cloud::China => Cloud::china(),
    }
}

fn rules(entra: &config::Entra) -> EntraRules {
    let version = |version: &EntraVersion| match version {
        EntraVersion::V1 => Version::V1,
        EntraVersion::V2 => Version::V2,
    };
    EntraRules {
        cloud: cloud(entra),
        versions: entra.token_versions.iter().map(version).collect(),
        client_authentication: match entra.min_client_authentication {
            CallerCredential::Any => ClientAuthentication::Public,
            CallerCredential::Secret => ClientAuthentication::Secret,
            CallerCredential::Certificate => ClientAuthentication::Certificate,
        },
        guests: entra.guests == Guests::Allow,
        agents: entra.agents,
        ..EntraRules::new(entra.tenants.iter().cloned())
    }
}

/// Whole seconds, rounded up: a bound of half a second is not one of none.
fn seconds(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0))
}
