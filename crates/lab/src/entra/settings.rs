//! How the lab's Entra is set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::directory::Tenant;
use super::sample;

/// How the lab's Entra is set up. Its JSON form is what `LAB_SETTINGS` names.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EntraSettings {
    /// Where it listens; the port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder that gets `ca.pem`. With it the servers speak TLS, under a certificate for loopback and for the
    /// real names of all national clouds.
    pub tls: Option<PathBuf>,
    /// What issuers begin with, such as `https://login.microsoftonline.com`; without it, the server's own origin.
    pub authority: Option<String>,
    /// What the endpoints in metadata begin with; without it, the server's own origin.
    pub endpoints: Option<String>,
    /// What version 1.0 issuers begin with.
    pub sts: String,
    /// The directory.
    pub tenants: Vec<Tenant>,
    /// What becomes of the parameter `resource` (RFC 8707).
    pub resource: ResourceRule,
    /// What the keys say about their issuer in a tenant's own document.
    pub key_issuer: KeyIssuer,
    /// What becomes of a refresh token that is used again.
    pub refresh_reuse: RefreshReuse,
    /// How long an access token is good, in seconds.
    pub token_lifetime: u64,
}

impl Default for EntraSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: None,
            authority: None,
            endpoints: None,
            sts: "https://sts.windows.net".to_owned(),
            tenants: sample::tenants(),
            resource: ResourceRule::Matched,
            key_issuer: KeyIssuer::Fixed,
            refresh_reuse: RefreshReuse::Tolerated,
            token_lifetime: 4500,
        }
    }
}

/// What becomes of the parameter `resource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceRule {
    /// It must equal an identifier URI of the application that owns the scopes, else AADSTS9010010. So it is since
    /// March 2026.
    Matched,
    /// It is refused always, with AADSTS901002. So it was before.
    Unsupported,
}

/// What the keys say about their issuer in a tenant's own document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyIssuer {
    /// The tenant's issuer.
    Fixed,
    /// The template with `{tenantid}`, as in the document of `common`.
    Templated,
}

/// What becomes of a refresh token that is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefreshReuse {
    /// It works: Entra replaces refresh tokens but does not revoke the old one.
    Tolerated,
    /// It ends the whole family, as for an authorization server with reuse detection.
    Revokes,
}

/// A condition that is not satisfied, set while the lab runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Policy {
    /// Conditional Access on a resource: a token for it needs a sign-in with the policy's claims. On-behalf-of gets
    /// `interaction_required` with `claims`.
    ConditionalAccess {
        /// The resource's application id.
        resource: String,
        /// The AADSTS code: 50076 (multifactor), 50079 (enrolment), 50158 (external challenge).
        code: u64,
        /// The policy's GUID, as it stands in `polids`.
        policy: String,
    },
    /// Nobody consented to the client's use of the resource: AADSTS65001.
    ConsentMissing {
        /// The client's application id.
        client: String,
        /// The resource's application id.
        resource: String,
    },
    /// An endpoint is down: `authorize`, `token`, `keys`, `metadata` or `graph`.
    Outage {
        /// The endpoint.
        endpoint: String,
        /// The HTTP status, such as 429 or 503.
        status: u16,
        /// `Retry-After` in seconds.
        retry_after: Option<u64>,
    },
}
