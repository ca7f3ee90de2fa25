//! Two tenants with the people and applications that tests and demonstrations need.

use super::directory::{App, Tenant, User};

/// The tenant of Contoso.
pub const CONTOSO: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
/// The tenant of Fabrikam, which Contoso does not trust.
pub const FABRIKAM: &str = "82229342-1101-4ab6-817b-70c0747630f3";
/// The gateway's API registration in Contoso.
pub const GATEWAY: &str = "6e74172b-be56-4843-9ff4-e66a39bb12e3";
/// The gateway's identifier URI that is its canonical URL.
pub const GATEWAY_URI: &str = "https://gw.contoso.com/research";
/// An API registration that still takes version 1.0 tokens.
pub const LEGACY_API: &str = "ef1da9d4-ff77-4c3e-a005-840c3f830745";
/// A public client, as an MCP host is.
pub const HOST: &str = "c1e199f6-ae8d-40a3-9c0c-b921e1af6474";
/// A confidential client without a person.
pub const DAEMON: &str = "75dbe77f-10a3-4e59-85fd-8c127544f17c";
/// An agent identity.
pub const AGENT: &str = "a6a2e7d4-1c3f-4a5e-9d0b-3f2b8f5c7e11";
/// The API behind the gateway, for on-behalf-of.
pub const PAPERS: &str = "3282373f-61da-4f89-847f-a02c60bbdc90";
/// The gateway's client secret.
pub const GATEWAY_SECRET: &str = "lab-gateway-secret";
/// The daemon's client secret.
pub const DAEMON_SECRET: &str = "lab-daemon-secret";
/// The agent's client secret.
pub const AGENT_SECRET: &str = "lab-agent-secret";
/// Ada, a member of Contoso with three groups, an application role and the context `c1`.
pub const ADA: &str = "ada@contoso.com";
/// Grace, a member with 201 groups.
pub const GRACE: &str = "grace@contoso.com";
/// Alan, a guest from Fabrikam.
pub const ALAN: &str = "alan_fabrikam.com#EXT#@contoso.com";
/// The agent's own user account.
pub const AGENT_USER: &str = "research-agent@contoso.com";

/// Contoso and Fabrikam.
#[must_use]
pub fn tenants() -> Vec<Tenant> {
    vec![contoso(), fabrikam()]
}

fn contoso() -> Tenant {
    let user = |number: u32, upn: &str, name: &str| User {
        oid: format!("690222be-ff1a-4d56-abd1-{number:012x}"),
        upn: upn.to_owned(),
        name: name.to_owned(),
        ..User::default()
    };
    let ada = User {
        groups: groups(3),
        roles: vec![(GATEWAY.to_owned(), "mcp.reader".to_owned())],
        contexts: vec!["c1".to_owned()],
        ..user(1, ADA, "Ada Lovelace")
    };
    let grace = User {
        groups: groups(201),
        ..user(2, GRACE, "Grace Hopper")
    };
    let alan = User {
        guest_of: Some(FABRIKAM.to_owned()),
        ..user(3, ALAN, "Alan Turing")
    };
    let agent_user = User {
        agent: true,
        ..user(4, AGENT_USER, "Research agent")
    };
    Tenant {
        id: CONTOSO.to_owned(),
        domains: vec![
            "contoso.com".to_owned(),
            "contoso.onmicrosoft.com".to_owned(),
        ],
        users: vec![ada, grace, alan, agent_user],
        apps: apps(),
    }
}

fn apps() -> Vec<App> {
    let gateway = App {
        identifier_uris: vec![GATEWAY_URI.to_owned(), format!("api://{GATEWAY}")],
        token_version: 2,
        scopes: vec!["tools.read".to_owned(), "tools.call".to_owned()],
        redirect_uris: vec![
            "https://gw.contoso.com/oauth/callback".to_owned(),
            "http://127.0.0.1/oauth/callback".to_owned(),
            // The front door of an issuer that the configuration calls `company`.
            "http://127.0.0.1/oauth/company/callback".to_owned(),
        ],
        secrets: vec![GATEWAY_SECRET.to_owned()],
        granted_roles: vec![(
            super::directory::GRAPH_APP.to_owned(),
            "GroupMember.Read.All".to_owned(),
        )],
        group_claims: true,
        optional_claims: ["idtyp", "acct", "xms_cc", "xms_act_fct"]
            .map(str::to_owned)
            .to_vec(),
        ..app(GATEWAY, "Research gateway", 1)
    };
    let legacy = App {
        identifier_uris: vec![
            "api://legacy.contoso.com".to_owned(),
            format!("api://{CONTOSO}/{LEGACY_API}"),
        ],
        token_version: 1,
        scopes: vec!["user_impersonation".to_owned()],
        group_claims: true,
        ..app(LEGACY_API, "Legacy API", 2)
    };
    let host = App {
        redirect_uris: vec!["http://localhost/callback".to_owned()],
        ..app(HOST, "MCP host", 3)
    };
    let daemon = App {
        secrets: vec![DAEMON_SECRET.to_owned()],
        granted_roles: vec![(GATEWAY.to_owned(), "mcp.operator".to_owned())],
        ..app(DAEMON, "Nightly import", 4)
    };
    let agent = App {
        secrets: vec![AGENT_SECRET.to_owned()],
        granted_roles: vec![(GATEWAY.to_owned(), "mcp.reader".to_owned())],
        redirect_uris: vec!["http://localhost/callback".to_owned()],
        agent_of: Some("bbbb2222-1c3f-4a5e-9d0b-3f2b8f5c7e22".to_owned()),
        ..app(AGENT, "Research agent", 5)
    };
    let papers = App {
        identifier_uris: vec!["api://papers.contoso.com".to_owned()],
        token_version: 2,
        scopes: vec!["papers.read".to_owned(), "papers.write".to_owned()],
        ..app(PAPERS, "Papers", 6)
    };
    vec![gateway, legacy, host, daemon, agent, papers]
}

fn app(id: &str, name: &str, number: u32) -> App {
    App {
        id: id.to_owned(),
        name: name.to_owned(),
        service_principal: format!("5a1e7e57-0000-4000-8000-{number:012x}"),
        ..App::default()
    }
}

fn fabrikam() -> Tenant {
    Tenant {
        id: FABRIKAM.to_owned(),
        domains: vec!["fabrikam.com".to_owned()],
        users: vec![User {
            oid: "7c9e6679-7425-40de-944b-e07fc1f90ae7".to_owned(),
            upn: "alan@fabrikam.com".to_owned(),
            name: "Alan Turing".to_owned(),
            ..User::default()
        }],
        apps: apps(),
    }
}

fn groups(count: u32) -> Vec<String> {
    (1..=count)
        .map(|number| format!("9e0f0000-6e0b-4f8a-8a5e-{number:012x}"))
        .collect()
}
