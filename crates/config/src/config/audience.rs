//! For whom a token must be: the addresses of the endpoints.

use super::Config;
use crate::authn::{EntraVersion, Issuer, IssuerKind};
use crate::listen::Listen;
use crate::profile::Profile;

impl Config {
    /// The canonical URL of a profile's endpoint, which hosts use as resource indicator
    /// (RFC 8707, RFC 9728): its `resource`, or else the gateway's address with its path. `None`:
    /// nobody can tell, since the gateway listens beyond this machine and has no `public-url`.
    pub fn resource(&self, profile: &Profile) -> Option<String> {
        resource(&self.listen, profile)
    }

    /// The audiences that a token of an issuer may have at a profile, compared byte by byte: the
    /// profile's canonical URL, the issuer's `audiences`, and at Entra the gateway's own client
    /// id, which is what its tokens have (v1.0 also as `api://ID` and `api://TENANT/ID`). Never empty in a checked configuration.
    pub fn audiences(&self, profile: &Profile, issuer: &Issuer) -> Vec<String> {
        audiences(&self.listen, profile, issuer)
    }
}

pub(super) fn audiences(listen: &Listen, profile: &Profile, issuer: &Issuer) -> Vec<String> {
    let mut out: Vec<String> = resource(listen, profile).into_iter().collect();
    out.extend(issuer.audiences.iter().cloned());
    if let (IssuerKind::Entra(entra), Some(client)) = (&issuer.kind, &issuer.client) {
        out.push(client.id.clone());
        if entra.token_versions.contains(&EntraVersion::V1) {
            out.push(format!("api://{}", client.id));
            let in_tenant = |tenant: &String| format!("api://{tenant}/{}", client.id);
            out.extend(entra.tenants.iter().map(in_tenant));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    out.retain(|audience| seen.insert(audience.clone()));
    out
}

fn resource(listen: &Listen, profile: &Profile) -> Option<String> {
    let own = || listen.base_url().map(|base| base + &profile.path);
    profile.resource.clone().or_else(own)
}

#[cfg(test)]
mod tests;
