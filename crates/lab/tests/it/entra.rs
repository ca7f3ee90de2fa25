//! Entra as the lab plays it, over HTTP: what it gives, and what it refuses under which code.

mod clients;
mod sign_in;
mod tokens;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_lab::entra::sample::{CONTOSO, HOST};
use portcullis_lab::entra::{EntraLab, EntraSettings};
use serde_json::{Value, json};

use super::browse::{Response, get, post_form};

pub(super) const CALLBACK: &str = "http://localhost:7777/callback";
/// RFC 7636, appendix B.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(super) async fn lab() -> EntraLab {
    EntraLab::start(EntraSettings::default()).await.unwrap()
}

/// An authorization request of the public host; `changed` replaces parameters, an empty value leaves one out.
pub(super) async fn authorize(lab: &EntraLab, changed: &[(&str, &str)]) -> Response {
    let mut parameters = BTreeMap::from([
        ("client_id", HOST),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "its-state"),
    ]);
    parameters.extend(changed.iter().copied());
    parameters.retain(|_, value| !value.is_empty());
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    let path = format!("/{CONTOSO}/oauth2/v2.0/authorize?{}", query.finish());
    get(lab.base_url(), &path).await
}

pub(super) async fn token(lab: &EntraLab, form: &[(&str, &str)]) -> Response {
    let path = format!("/{CONTOSO}/oauth2/v2.0/token");
    post_form(lab.base_url(), &path, &[], form).await
}

/// The tokens of a whole sign-in of the public host.
pub(super) async fn signed_in(lab: &EntraLab, scope: &str, changed: &[(&str, &str)]) -> Value {
    let changed: Vec<_> = [("scope", scope)].iter().chain(changed).copied().collect();
    let code = authorize(lab, &changed).await.redirected("code");
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", HOST),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let answer = token(lab, &form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// The claims of the token in that member.
pub(super) fn claims(body: &Value, member: &str) -> Value {
    part(body[member].as_str().unwrap(), 1)
}

pub(super) fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The whole shape of a refusal, and its code.
pub(super) fn refused(answer: &Response, error: &str, code: u64) {
    let body = answer.json();
    assert_eq!(body["error"], error, "{body}");
    assert_eq!(body["error_codes"], json!([code]), "{body}");
    let description = body["error_description"].as_str().unwrap();
    assert!(
        description.starts_with(&format!("AADSTS{code}: ")),
        "{body}"
    );
    for member in ["trace_id", "correlation_id"] {
        let id = body[member].as_str().unwrap();
        assert_eq!(id.len(), 36);
        assert!(description.contains(id));
    }
    assert!(body["timestamp"].as_str().unwrap().ends_with('Z'));
    let status = if matches!(error, "invalid_client" | "unauthorized_client") {
        401
    } else {
        400
    };
    assert_eq!(answer.status, status);
}
