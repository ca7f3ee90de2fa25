//! Dynamic client registration (RFC 7591), for clients that know nothing newer.
//!
//! Nothing is kept: the client id is what the client said, sealed. So registering costs the gateway
//! no memory, and a client id is worth what the person decides who sees it.

use bytes::Bytes;
use http::{Response, StatusCode};
use portcullis_mcp::json;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::{self, OauthError};
use crate::front::{Front, Visit};
use crate::issuer::Issuer;
use crate::redirect;
use crate::refused::Refused;
use crate::sealing::Purpose;

/// What client ids of this kind begin with.
const PREFIX: &str = "registered.";
const MAX_BODY: usize = 16 * 1024;
const MAX_REDIRECTS: usize = 8;
/// Most bytes of all redirect URIs together, so that the client id fits into an address.
const MAX_TEXT: usize = 1500;
const MAX_NAME: usize = 100;

/// What a client said about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registration {
    pub(crate) client_name: String,
    pub(crate) redirect_uris: Vec<String>,
    /// Whether it wants refresh tokens.
    pub(crate) lasting: bool,
    issued: u64,
}

pub(crate) fn register(
    front: &Front,
    issuer: &Issuer,
    visit: &Visit<'_>,
) -> Result<Response<Bytes>, Refused<OauthError>> {
    if !visit.is_declared("application/json") {
        return Err(metadata("the body is no application/json").into());
    }
    let said = parse(visit.body, front.now())?;
    let content = serde_json::to_string(&said).map_err(|error| {
        Refused::because(OauthError::server("the gateway has a problem"), error)
    })?;
    let sealed = front
        .context
        .key
        .seal_text(Purpose::Client, &issuer.name, content)?;
    let mut grants = vec!["authorization_code"];
    if said.lasting {
        grants.push("refresh_token");
    }
    let document = json!({
        "client_id": format!("{PREFIX}{sealed}"),
        "client_id_issued_at": said.issued,
        "client_name": said.client_name,
        "redirect_uris": said.redirect_uris,
        "grant_types": grants,
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    Ok(answer::json(StatusCode::CREATED, document.to_string()))
}

/// What stands in a client id that was given here.
pub(crate) fn read(front: &Front, issuer: &Issuer, client_id: &str) -> Option<Registration> {
    let sealed = client_id.strip_prefix(PREFIX)?;
    let key = &front.context.key;
    let content = key.open_text(Purpose::Client, &issuer.name, sealed)?;
    serde_json::from_slice(content.expose()).ok()
}

fn parse(body: &[u8], now: u64) -> Result<Registration, OauthError> {
    let limits = json::Limits {
        max_bytes: MAX_BODY,
        max_depth: 8,
    };
    let text = json::check(body, &limits).map_err(|_| metadata("the body is no strict JSON"))?;
    let Ok(Value::Object(members)) = serde_json::from_str(text) else {
        return Err(metadata("the body is no JSON object"));
    };
    let redirect_uris = texts(members.get("redirect_uris")).unwrap_or_default();
    let length: usize = redirect_uris.iter().map(String::len).sum();
    let all_fit = !redirect_uris.is_empty()
        && redirect_uris.len() <= MAX_REDIRECTS
        && length <= MAX_TEXT
        && redirect_uris
            .iter()
            .all(|uri| redirect::is_registrable(uri));
    if !all_fit {
        return Err(OauthError::new(
            "invalid_redirect_uri",
            "redirect URIs are https, http to a loopback address, or of an app's own scheme",
        ));
    }
    let grants = match members.get("grant_types") {
        None => vec!["authorization_code".to_owned()],
        given => texts(given).ok_or(metadata("grant_types is no list of names"))?,
    };
    if !grants.iter().any(|grant| grant == "authorization_code") {
        return Err(metadata(
            "the only grant that begins here is authorization_code",
        ));
    }
    let name = members.get("client_name").and_then(Value::as_str);
    let client_name: String = name
        .unwrap_or("An application without a name")
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_NAME)
        .collect();
    Ok(Registration {
        client_name,
        redirect_uris,
        lasting: grants.iter().any(|grant| grant == "refresh_token"),
        issued: now,
    })
}

fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    let items = value?.as_array()?;
    items
        .iter()
        .map(|item| item.as_str().map(str::to_owned))
        .collect()
}

const fn metadata(description: &'static str) -> OauthError {
    OauthError::new("invalid_client_metadata", description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Result<(&[&str], bool), &str>) {
        let read = parse(body.as_bytes(), 7);
        let read = read.as_ref().map_err(|error| error.error).map(|said| {
            let uris: Vec<&str> = said.redirect_uris.iter().map(String::as_str).collect();
            (uris, said.lasting)
        });
        assert_eq!(
            read,
            expected.map(|(uris, lasting)| (uris.to_vec(), lasting)),
            "{body}"
        );
    }

    #[test]
    fn reads_what_a_client_says() {
        const LOCAL: &[&str] = &["http://127.0.0.1/cb"];
        check(
            r#"{"redirect_uris":["http://127.0.0.1/cb"]}"#,
            Ok((LOCAL, false)),
        );
        check(
            r#"{"redirect_uris":["http://127.0.0.1/cb"],"grant_types":["authorization_code","refresh_token"]}"#,
            Ok((LOCAL, true)),
        );
        for body in [
            r#"{}"#,
            r#"{"redirect_uris":[]}"#,
            r#"{"redirect_uris":"https://a.example/"}"#,
            r#"{"redirect_uris":[1]}"#,
            r#"{"redirect_uris":["javascript:alert(1)"]}"#,
            r#"{"redirect_uris":["https://a.example/","http://a.example/"]}"#,
        ] {
            check(body, Err("invalid_redirect_uri"));
        }
        for body in [
            "",
            "[]",
            r#"{"redirect_uris":["https://a.example/"],"redirect_uris":[]}"#,
            r#"{"redirect_uris":["https://a.example/"],"grant_types":["client_credentials"]}"#,
            r#"{"redirect_uris":["https://a.example/"],"grant_types":"x"}"#,
        ] {
            check(body, Err("invalid_client_metadata"));
        }
    }
}
