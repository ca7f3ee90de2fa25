//! The authorization server: what it does when it is honest, and each way to misbehave.

mod honest;
mod hostile;

use std::collections::BTreeMap;

use portcullis_lab::identity_provider::{IdentityProvider, ProviderSettings, Shape};
use serde_json::Value;

use super::browse::{Response, get, post_form};
use super::entra::{CHALLENGE, VERIFIER};

const CALLBACK: &str = "http://127.0.0.1:7777/oauth/callback";
const SECRET: &str = "lab-provider-secret";

async fn shaped(shape: Shape) -> IdentityProvider {
    let settings = ProviderSettings {
        shape,
        ..ProviderSettings::default()
    };
    IdentityProvider::start(settings).await.unwrap()
}

async fn provider() -> IdentityProvider {
    shaped(Shape::Standard).await
}

async fn authorize(provider: &IdentityProvider, changed: &[(&str, &str)]) -> Response {
    let mut parameters = BTreeMap::from([
        ("client_id", "gateway"),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("scope", "tools.read tools.call"),
        ("state", "its-state"),
    ]);
    parameters.extend(changed.iter().copied());
    parameters.retain(|_, value| !value.is_empty());
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    let endpoint = provider.endpoint("authorization_endpoint").unwrap();
    get(endpoint, &format!("?{}", query.finish())).await
}

/// A token request of the confidential client; `changed` replaces parameters, an empty value leaves one out.
async fn token(provider: &IdentityProvider, changed: &[(&str, &str)]) -> Response {
    let mut form = BTreeMap::from([("client_id", "gateway"), ("client_secret", SECRET)]);
    form.extend(changed.iter().copied());
    form.retain(|_, value| !value.is_empty());
    let form: Vec<_> = form.into_iter().collect();
    post_form(provider.endpoint("token_endpoint").unwrap(), "", &[], &form).await
}

async fn redeem(provider: &IdentityProvider, code: &str, changed: &[(&str, &str)]) -> Response {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    form.extend(changed);
    token(provider, &form).await
}

async fn signed_in(provider: &IdentityProvider) -> Value {
    let code = authorize(provider, &[]).await.redirected("code");
    let answer = redeem(provider, &code, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn refresh(provider: &IdentityProvider, body: &Value) -> Response {
    let token_of = body["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", token_of)];
    token(provider, &form).await
}
