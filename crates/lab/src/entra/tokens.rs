//! The claims of access tokens and id tokens, version 1.0 and 2.0.
//!
//! Source: Microsoft's "Access token claims reference", "ID token claims reference", "Optional claims", and for agents
//! "Token claims in Microsoft Entra Agent ID".

use serde_json::{Map, Value, json};

use super::directory::{App, Tenant, User};
use super::scope::Wanted;
use super::state::{Session, State};
use crate::jose;

/// More groups than this are not named in a JWT.
const GROUPS_LIMIT: usize = 200;

/// How a client proved who it is: the value of `azpacr` and `appidacr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Public,
    Secret,
    Certificate,
}

impl Proof {
    fn level(self) -> &'static str {
        match self {
            Self::Public => "0",
            Self::Secret => "1",
            Self::Certificate => "2",
        }
    }
}

/// Who gets a token, and for what.
pub(super) struct Issue<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) client: &'a App,
    pub(super) proof: Proof,
    pub(super) resource: &'a App,
    /// The resource as the request named it.
    pub(super) named: &'a str,
}

impl<'a> Issue<'a> {
    pub(super) fn new(
        tenant: &'a Tenant,
        client: &'a App,
        proof: Proof,
        wanted: &'a Wanted<'_>,
    ) -> Self {
        Self {
            tenant,
            client,
            proof,
            resource: wanted.resource,
            named: &wanted.named,
        }
    }
}

impl State {
    /// The claims of a token for a person.
    pub(super) fn user_claims(
        &self,
        issue: &Issue<'_>,
        user: &User,
        scopes: &[String],
        session: &Session,
    ) -> Value {
        let (api, v2) = (issue.resource, issue.resource.wants_v2());
        let mut claims = self.base(issue);
        claims.extend(members(json!({
            "name": user.name,
            "oid": user.oid,
            "scp": scopes.join(" "),
            "sub": pairwise(&user.oid, &api.id),
            "sid": session.id,
        })));
        if v2 {
            claims.insert("preferred_username".into(), user.upn.as_str().into());
        } else {
            let (given, family) = user.name.split_once(' ').unwrap_or((&user.name, ""));
            claims.extend(members(json!({
                "acr": "1",
                "amr": if session.contexts.is_empty() { json!(["pwd"]) } else { json!(["pwd", "mfa"]) },
                "family_name": family,
                "given_name": given,
                "ipaddr": "203.0.113.7",
                "unique_name": user.upn,
                "upn": user.upn,
            })));
        }
        let roles = roles(&user.roles, api);
        if !roles.is_empty() {
            claims.insert("roles".into(), roles.into());
        }
        if let Some(home) = &user.guest_of {
            claims.insert("idp".into(), self.issuer_v1(home).into());
        }
        if !session.contexts.is_empty() {
            claims.insert("acrs".into(), session.contexts.clone().into());
        }
        if session.cp1 && api.wants("xms_cc") {
            claims.insert("xms_cc".into(), json!(["cp1"]));
        }
        if api.wants("idtyp") {
            claims.insert("idtyp".into(), "user".into());
        }
        if api.wants("acct") {
            claims.insert("acct".into(), u8::from(user.guest_of.is_some()).into());
        }
        if api.wants("auth_time") {
            claims.insert("auth_time".into(), session.signed_in.into());
        }
        if api.group_claims {
            claims.extend(groups(issue.tenant, user));
        }
        if api.wants("xms_act_fct") {
            claims.extend(agent_claims(issue.client, Some(user)));
        }
        Value::Object(claims)
    }

    /// The claims of an app-only token.
    pub(super) fn app_claims(&self, issue: &Issue<'_>) -> Value {
        let api = issue.resource;
        let mut claims = self.base(issue);
        let principal = issue.client.service_principal.as_str();
        claims.insert("oid".into(), principal.into());
        // The subject of an app-only token is the service principal itself.
        claims.insert("sub".into(), principal.into());
        if !api.wants_v2() {
            claims.insert("idp".into(), self.issuer_v1(&issue.tenant.id).into());
        }
        let roles = roles(&issue.client.granted_roles, api);
        if !roles.is_empty() {
            claims.insert("roles".into(), roles.into());
        }
        if api.wants("idtyp") {
            claims.insert("idtyp".into(), "app".into());
        }
        if api.wants("xms_act_fct") {
            claims.extend(agent_claims(issue.client, None));
        }
        Value::Object(claims)
    }

    /// What every access token says.
    fn base(&self, issue: &Issue<'_>) -> Map<String, Value> {
        let now = self.now();
        let tenant = issue.tenant.id.as_str();
        let mut claims = members(json!({
            "iat": now,
            "nbf": now,
            "exp": now + self.settings.token_lifetime,
            "aio": format!("AXQAi/8{}", jose::random()),
            "rh": format!("1.A{}.", jose::random()),
            "tid": tenant,
            "uti": jose::random(),
        }));
        let (client, level) = (issue.client.id.as_str(), issue.proof.level());
        claims.extend(members(if issue.resource.wants_v2() {
            json!({
                "aud": issue.resource.id,
                "iss": self.issuer_v2(tenant),
                "azp": client,
                "azpacr": level,
                "ver": "2.0",
            })
        } else {
            json!({
                "aud": issue.named,
                "iss": self.issuer_v1(tenant),
                "appid": client,
                "appidacr": level,
                "ver": "1.0",
            })
        }));
        claims
    }

    /// The claims of an id token.
    pub(super) fn id_claims(
        &self,
        tenant: &Tenant,
        client: &App,
        user: &User,
        session: &Session,
    ) -> Value {
        let now = self.now();
        let mut claims = members(json!({
            "aud": client.id,
            "iss": self.issuer_v2(&tenant.id),
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "name": user.name,
            "oid": user.oid,
            "preferred_username": user.upn,
            "rh": format!("1.A{}.", jose::random()),
            "sid": session.id,
            "sub": pairwise(&user.oid, &client.id),
            "tid": tenant.id,
            "uti": jose::random(),
            "ver": "2.0",
        }));
        if let Some(nonce) = &session.nonce {
            claims.insert("nonce".into(), nonce.as_str().into());
        }
        if let Some(home) = &user.guest_of {
            claims.insert("idp".into(), self.issuer_v1(home).into());
        }
        Value::Object(claims)
    }
}

/// The groups by name, or, above the limit, where they are: an address of the retired Azure AD Graph.
fn groups(tenant: &Tenant, user: &User) -> Map<String, Value> {
    if user.groups.len() <= GROUPS_LIMIT {
        return members(json!({"groups": user.groups}));
    }
    let endpoint = format!(
        "https://graph.windows.net/{}/users/{}/getMemberObjects",
        tenant.id, user.oid
    );
    members(json!({
        "_claim_names": {"groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": endpoint}},
    }))
}

/// 11 is an agent identity, 13 an agent's user account; the other numbers mean nothing to a reader and are there so
/// that nobody takes the text for one number.
fn agent_claims(client: &App, user: Option<&User>) -> Map<String, Value> {
    let Some(blueprint) = &client.agent_of else {
        return Map::new();
    };
    let (subject, relation) = match user {
        None => ("11 3", "7"),
        Some(user) if user.agent => ("13 3", "1"),
        Some(user) if user.guest_of.is_some() => ("3", "5"),
        Some(_) => ("3", "1"),
    };
    members(json!({
        "xms_act_fct": "3 11",
        "xms_sub_fct": subject,
        "xms_tnt_fct": "3",
        "xms_par_app_azp": blueprint,
        "xms_idrel": relation,
    }))
}

fn roles(granted: &[(String, String)], api: &App) -> Vec<String> {
    granted
        .iter()
        .filter(|(resource, _)| *resource == api.id)
        .map(|(_, role)| role.clone())
        .collect()
}

/// The subject that one application sees, and no other.
fn pairwise(object: &str, application: &str) -> String {
    jose::digest_of(&format!("{object}/{application}"))
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
