//! What a directory holds: tenants, people, applications.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The application id of Microsoft Graph, the same in every tenant.
pub const GRAPH_APP: &str = "00000003-0000-0000-c000-000000000000";
/// The identifier URI of Microsoft Graph.
pub const GRAPH_URI: &str = "https://graph.microsoft.com";

/// One tenant.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tenant {
    /// The tenant's GUID.
    pub id: String,
    /// Its verified domains, which work in place of the GUID in paths.
    pub domains: Vec<String>,
    /// Who may sign in. The first one is signed in when a request has no `login_hint`.
    pub users: Vec<User>,
    /// Registered applications. Microsoft Graph is added when it is missing.
    pub apps: Vec<App>,
}

impl Tenant {
    /// The application with that id.
    #[must_use]
    pub fn app(&self, id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.id == id)
    }

    /// The application that is named by its id or, exactly, by one of its identifier URIs.
    #[must_use]
    pub fn resource(&self, name: &str) -> Option<&App> {
        self.apps
            .iter()
            .find(|app| app.id == name || app.identifier_uris.iter().any(|uri| uri == name))
    }

    /// The person with that user principal name or object id.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users
            .iter()
            .find(|user| user.upn == name || user.oid == name)
    }
}

/// One person in a tenant, or the user account of an agent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    /// The object id in this tenant.
    pub oid: String,
    /// The user principal name.
    pub upn: String,
    /// The name on the screen.
    pub name: String,
    /// Object ids of the groups.
    pub groups: Vec<String>,
    /// Application roles: (resource's application id, role).
    pub roles: Vec<(String, String)>,
    /// Authentication contexts that this person can satisfy.
    pub contexts: Vec<String>,
    /// The home tenant of a guest.
    pub guest_of: Option<String>,
    /// Whether this is an agent's own account.
    pub agent: bool,
    /// Whether the account is disabled.
    pub disabled: bool,
}

/// One application: a client, an API, or both.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct App {
    /// The application (client) id.
    pub id: String,
    /// The name in messages.
    pub name: String,
    /// The object id of the service principal.
    pub service_principal: String,
    /// Application ID URIs.
    pub identifier_uris: Vec<String>,
    /// `requestedAccessTokenVersion`: 2, or anything else for version 1.0.
    pub token_version: u8,
    /// Delegated scopes, by their short names.
    pub scopes: Vec<String>,
    /// Registered redirect URIs. The port of a loopback one is ignored.
    pub redirect_uris: Vec<String>,
    /// Client secrets.
    pub secrets: Vec<String>,
    /// Certificates for client assertions, as JWKs with `x5t#S256`.
    pub certificates: Vec<Value>,
    /// Federated credentials.
    pub federated: Vec<FederatedCredential>,
    /// Roles granted to this application: (resource's application id, role).
    pub granted_roles: Vec<(String, String)>,
    /// `appRoleAssignmentRequired`: no app-only token without a role.
    pub assignment_required: bool,
    /// `groupMembershipClaims`: whether tokens for this API name groups.
    pub group_claims: bool,
    /// Optional claims in tokens for this API: `idtyp`, `acct`, `xms_cc`, `auth_time`, `email`, and the agents' ones
    /// (`xms_act_fct`, which brings the others).
    pub optional_claims: Vec<String>,
    /// Whether people of other tenants may sign in.
    pub multi_tenant: bool,
    /// The blueprint's application id, when this application is an agent identity.
    pub agent_of: Option<String>,
}

impl App {
    /// Whether the application has no credential: a public client.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.secrets.is_empty() && self.certificates.is_empty() && self.federated.is_empty()
    }

    /// Whether tokens for this API are of version 2.0.
    #[must_use]
    pub fn wants_v2(&self) -> bool {
        self.token_version == 2
    }

    /// Whether tokens for this API carry that optional claim.
    #[must_use]
    pub fn wants(&self, claim: &str) -> bool {
        self.optional_claims.iter().any(|name| name == claim)
    }

    /// Whether the redirect URI is registered. The comparison is exact, but for the port of a loopback address
    /// (RFC 8252, section 7.3).
    #[must_use]
    pub fn has_redirect(&self, uri: &str) -> bool {
        self.redirect_uris
            .iter()
            .any(|registered| registered == uri || is_same_on_loopback(registered, uri))
    }

    /// Microsoft Graph.
    #[must_use]
    pub fn graph() -> Self {
        let names = |names: [&str; 3]| names.map(str::to_owned).to_vec();
        Self {
            id: GRAPH_APP.to_owned(),
            name: "Microsoft Graph".to_owned(),
            service_principal: "b19d498e-6687-4156-869a-2e8a95a9d659".to_owned(),
            identifier_uris: vec![GRAPH_URI.to_owned()],
            token_version: 1,
            scopes: names(["User.Read", "GroupMember.Read.All", "Mail.Read"]),
            multi_tenant: true,
            assignment_required: false,
            optional_claims: vec!["idtyp".to_owned()],
            ..Self::default()
        }
    }
}

fn is_same_on_loopback(registered: &str, asked: &str) -> bool {
    let (Ok(mut registered), Ok(mut asked)) = (url::Url::parse(registered), url::Url::parse(asked))
    else {
        return false;
    };
    let loopback = matches!(asked.host_str(), Some("localhost" | "127.0.0.1"));
    let ports_gone = registered.set_port(None).and(asked.set_port(None)).is_ok();
    asked.scheme() == "http" && loopback && ports_gone && registered == asked
}

/// A credential that another issuer's tokens are (workload identity federation).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FederatedCredential {
    /// The issuer, compared exactly.
    pub issuer: String,
    /// The subject, compared exactly.
    pub subject: String,
    /// The audiences; `api://AzureADTokenExchange` by default in the real directory.
    pub audiences: Vec<String>,
    /// The issuer's public keys as JWKs: the lab fetches nothing.
    pub keys: Vec<Value>,
}
