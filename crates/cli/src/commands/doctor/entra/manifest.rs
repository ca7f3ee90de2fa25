//! The change of the app registration's manifest, to paste.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::Subject;
use super::judge::Judged;
use super::trial::Tried;

/// The roles that policies usually speak of: value, who may have it, what it is for.
const ROLES: [(&str, &[&str], &str); 4] = [
    (
        "mcp.reader",
        &["User", "Application"],
        "May call tools that only read",
    ),
    (
        "mcp.operator",
        &["User", "Application"],
        "May call tools that change something",
    ),
    (
        "mcp.approver",
        &["User"],
        "May approve calls and definitions",
    ),
    ("mcp.admin", &["User"], "May change the gateway"),
];
/// The scopes where the front door names none.
const SCOPES: [&str; 2] = ["tools.read", "tools.call"];
/// Optional claims of access tokens.
const CLAIMS: [&str; 3] = ["acrs", "idtyp", "xms_cc"];

/// What to merge into the manifest (the Microsoft Graph form). `None` when nothing that could be
/// seen is missing.
pub(super) fn change(subject: &Subject<'_>, tried: &Tried, judged: &Judged) -> Option<Value> {
    let mut uris = Vec::new();
    if judged.lacks_api_uri {
        uris.push(format!("api://{}", subject.client));
    }
    // With a front door, hosts never name a profile to Entra.
    if subject.issuer.front_door.is_none() {
        uris.extend(judged.missing_uris.iter().cloned());
    }
    let is_whole =
        uris.is_empty() && !judged.has_old_tokens && !judged.lacks_idtyp && !judged.is_open;
    if is_whole || !(tried.own.is_known() || tried.by_api_uri.is_known()) {
        return None;
    }
    let mut manifest = Map::new();
    if !uris.is_empty() {
        manifest.insert("identifierUris".to_owned(), json!(uris));
    }
    manifest.insert("api".to_owned(), api(subject));
    manifest.insert("appRoles".to_owned(), roles(subject.client));
    let claims: Vec<Value> = CLAIMS
        .iter()
        .map(|name| json!({"name": name, "essential": false, "additionalProperties": []}))
        .collect();
    manifest.insert(
        "optionalClaims".to_owned(),
        json!({ "accessToken": claims }),
    );
    Some(Value::Object(manifest))
}

fn api(subject: &Subject<'_>) -> Value {
    let configured = subject.issuer.front_door.as_ref().map(|door| &door.scopes);
    let names: Vec<&str> = match configured.filter(|scopes| !scopes.is_empty()) {
        Some(scopes) => scopes.iter().map(|scope| short(scope)).collect(),
        None => SCOPES.to_vec(),
    };
    let scopes: Vec<Value> = names
        .into_iter()
        .map(|name| {
            json!({
                "id": guid(subject.client, "scope", name),
                "value": name,
                "type": "User",
                "isEnabled": true,
                "adminConsentDisplayName": name,
                "adminConsentDescription": format!("{name} through the MCP gateway"),
                "userConsentDisplayName": name,
                "userConsentDescription": format!("{name} through the MCP gateway"),
            })
        })
        .collect();
    json!({
        "requestedAccessTokenVersion": 2,
        "oauth2PermissionScopes": scopes,
        "knownClientApplications": subject.issuer.clients,
    })
}

fn roles(client: &str) -> Value {
    let roles = ROLES.iter().map(|(value, members, description)| {
        json!({
            "id": guid(client, "role", value),
            "value": value,
            "displayName": value,
            "description": description,
            "allowedMemberTypes": members,
            "isEnabled": true,
        })
    });
    Value::Array(roles.collect())
}

/// `tools.read` of `api://ID/tools.read`.
fn short(scope: &str) -> &str {
    scope.rsplit_once('/').map_or(scope, |(_, name)| name)
}

/// A GUID that is the same each time (RFC 9562, version 8), so that the change can be pasted twice.
fn guid(client: &str, kind: &str, name: &str) -> String {
    let mut hash = Sha256::new();
    for part in ["portcullis entra manifest", client, kind, name] {
        hash.update(part);
        hash.update([0]);
    }
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes
        .iter_mut()
        .zip(digest)
        .for_each(|(to, from)| *to = from);
    let number = u128::from_be_bytes(bytes);
    let number = (number & !(0xf << 76)) | (0x8 << 76);
    let number = (number & !(0x3 << 62)) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let mut out = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if [8, 12, 16, 20].contains(&at) {
            out.push('-');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{guid, short};

    #[test]
    fn guids_are_stable_and_well_formed() {
        let of = |kind| guid("6e74172b-be56-4843-9ff4-e66a39bb12e3", kind, "tools.read");
        let parts: Vec<String> = of("scope").split('-').map(str::to_owned).collect();
        let lengths: Vec<usize> = parts.iter().map(String::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(parts[2].starts_with('8'));
        assert!(parts[3].starts_with(['8', '9', 'a', 'b']));
        assert_eq!(of("scope"), of("scope"));
        assert_ne!(of("scope"), of("role"));
    }

    #[test]
    fn scopes_have_short_names() {
        for (scope, name) in [
            ("tools.read", "tools.read"),
            ("api://x/tools.read", "tools.read"),
            ("https://gw.contoso.com/research/tools.call", "tools.call"),
        ] {
            assert_eq!(short(scope), name);
        }
    }
}
