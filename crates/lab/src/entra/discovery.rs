//! Metadata and keys.
//!
//! The documents name what Entra's name, and leave out what Entra's leave out: `code_challenge_methods_supported`,
//! `registration_endpoint`, `authorization_response_iss_parameter_supported`, `grant_types_supported`.

use http::StatusCode;
use serde_json::{Value, json};

use super::settings::KeyIssuer;
use super::state::{PERSONAL_TENANT, State, personal_key};
use crate::web::{Answer, lock};

/// Which generation of endpoints is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// A path's first segment: a tenant, or all of them.
enum Whose<'a> {
    Tenant(&'a str),
    /// `common` or `organizations`.
    Everyone(&'a str),
}

impl State {
    /// The document at `.well-known/openid-configuration`.
    pub(super) fn metadata(&self, segment: &str, version: Version) -> Option<Answer> {
        let whose = self.whose(segment)?;
        let (name, tenant) = match whose {
            Whose::Tenant(id) => (id, id),
            Whose::Everyone(name) => (name, "{tenantid}"),
        };
        let at = format!("{}/{name}", self.endpoints);
        let (generation, keys, issuer) = match version {
            Version::One => ("oauth2", "discovery/keys", self.issuer_v1(tenant)),
            Version::Two => ("oauth2/v2.0", "discovery/v2.0/keys", self.issuer_v2(tenant)),
        };
        let scope = match whose {
            Whose::Tenant(_) => json!("EU"),
            Whose::Everyone(_) => Value::Null,
        };
        let document = json!({
            "token_endpoint": format!("{at}/{generation}/token"),
            "token_endpoint_auth_methods_supported": [
                "client_secret_post", "private_key_jwt", "client_secret_basic", "self_signed_tls_client_auth",
            ],
            "jwks_uri": format!("{at}/{keys}"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": issuer,
            "request_uri_parameter_supported": false,
            "userinfo_endpoint": format!("{}/oidc/userinfo", self.graph),
            "authorization_endpoint": format!("{at}/{generation}/authorize"),
            "device_authorization_endpoint": format!("{at}/{generation}/devicecode"),
            "http_logout_supported": true,
            "frontchannel_logout_supported": true,
            "end_session_endpoint": format!("{at}/{generation}/logout"),
            "claims_supported": [
                "sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name",
                "msgraph_host", "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid",
                "ver", "at_hash", "c_hash", "email",
            ],
            "kerberos_endpoint": format!("{at}/kerberos"),
            "tenant_region_scope": scope,
            "cloud_instance_name": "microsoftonline.com",
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": "graph.microsoft.com",
            "rbac_url": "https://pas.windows.net",
        });
        Some(Answer::json(StatusCode::OK, &document))
    }

    /// The JWK set. Keys of the version 2.0 document say whose they are; `common` has those of personal accounts too.
    pub(super) fn key_set(&self, segment: &str, version: Version) -> Option<Answer> {
        let whose = self.whose(segment)?;
        let template = self.issuer_v2("{tenantid}");
        let issuer = match (&whose, self.settings.key_issuer) {
            (Whose::Tenant(id), KeyIssuer::Fixed) => self.issuer_v2(id),
            _ => template,
        };
        let labelled = |mut jwk: Value, issuer: String| {
            if let (Version::Two, Some(members)) = (version, jwk.as_object_mut()) {
                members.insert("cloud_instance_name".into(), "microsoftonline.com".into());
                members.insert("issuer".into(), issuer.into());
            }
            jwk
        };
        let keys = lock(&self.keys);
        let mut set: Vec<Value> = keys
            .published()
            .map(|key| labelled(key.jwk_with_certificate(), issuer.clone()))
            .collect();
        if let (Whose::Everyone("common"), Ok(personal)) = (whose, personal_key()) {
            let personal = personal.jwk_with_certificate();
            set.push(labelled(personal, self.issuer_v2(PERSONAL_TENANT)));
        }
        Some(Answer::json(StatusCode::OK, &json!({"keys": set})))
    }

    fn whose<'a>(&'a self, segment: &'a str) -> Option<Whose<'a>> {
        match segment {
            "common" | "organizations" => Some(Whose::Everyone(segment)),
            _ => Some(Whose::Tenant(&self.tenant(segment)?.id)),
        }
    }
}
