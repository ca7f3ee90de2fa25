//! What a front door says about itself (RFC 8414, OpenID Connect Discovery 1.0).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::issuer::Issuer;
use crate::resource::Resource;

/// In which form the document is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// RFC 8414.
    Oauth,
    /// OpenID Connect, for clients that look there. It has what that form demands; there are no ID
    /// tokens of ours, so the key set that it names is empty.
    OpenId,
}

pub(crate) fn document<'a>(
    issuer: &Issuer,
    resources: impl Iterator<Item = &'a Resource>,
    form: Form,
) -> Option<String> {
    let door = issuer.door.as_ref()?;
    let url = &issuer.url;
    let resources: Vec<_> = resources
        .filter(|resource| resource.takes(&issuer.name))
        .collect();
    let mut scopes: BTreeSet<&str> = door.scopes.iter().map(String::as_str).collect();
    scopes.extend(
        resources
            .iter()
            .flat_map(|resource| &resource.scopes)
            .map(String::as_str),
    );
    scopes.insert("offline_access");
    let protected: Vec<&str> = resources
        .iter()
        .map(|resource| resource.url.as_str())
        .collect();
    let mut document = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": true,
        "protected_resources": protected,
    });
    let members = document.as_object_mut()?;
    if door.registration {
        let endpoint = format!("{url}/register");
        members.insert("registration_endpoint".to_owned(), endpoint.into());
    }
    if form == Form::OpenId {
        let openid: [(&str, Value); 3] = [
            ("jwks_uri", format!("{url}/jwks").into()),
            ("subject_types_supported", json!(["public"])),
            ("id_token_signing_alg_values_supported", json!(["RS256"])),
        ];
        members.extend(openid.map(|(name, value)| (name.to_owned(), value)));
    }
    Some(document.to_string())
}
