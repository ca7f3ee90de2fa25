//! This gateway's own credentials at a real authorization server.

use std::io::Write as _;

use portcullis_oauth::{
    Asked, AssertionAudience, AssertionKind, ClientAuth, ErrorCode, Form, Resource, Scopes,
    TokenError, Tokens,
};
use portcullis_token::Algorithm;
use portcullis_token::assertion::{ClientAssertion, SigningKey};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::provider::{Provider, jwt, now};

const MCP: &str = "https://mcp.example.com/research";

fn key(algorithm: Algorithm, pem: &str) -> SigningKey {
    SigningKey::from_pem(&SecretString::from(pem), algorithm).unwrap()
}

fn pem(algorithm: Algorithm) -> String {
    let kind = match algorithm {
        Algorithm::Ps256 => &rcgen::PKCS_RSA_SHA256,
        _ => &rcgen::PKCS_ECDSA_P256_SHA256,
    };
    rcgen::KeyPair::generate_for(kind).unwrap().serialize_pem()
}

fn registration(id: &str, key: &SigningKey) -> Value {
    let jwk: Value = serde_json::from_str(&key.public_jwk()).unwrap();
    json!({
        "client_id": id, "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [jwk] },
        "token_endpoint_auth_signing_alg": key.algorithm().to_string(),
        "grant_types": ["client_credentials"], "redirect_uris": [], "response_types": [],
    })
}

async fn asked(provider: &Provider, id: &str, auth: ClientAuth) -> Result<Tokens, TokenError> {
    let resource = Resource::parse(MCP).unwrap();
    let asked = Asked {
        resource: Some(&resource),
        scopes: &Scopes::parse("tools.read").unwrap(),
    };
    provider
        .client(id, auth)
        .client_credentials(asked, now())
        .await
}

fn check(tokens: Result<Tokens, TokenError>, id: &str) {
    let tokens = tokens.unwrap();
    let (header, claims) = jwt(&tokens.access);
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(
        (&claims["client_id"], &claims["aud"], &claims["scope"]),
        (&json!(id), &json!(MCP), &json!("tools.read"))
    );
    assert!(tokens.refresh.is_none());
}

fn refused(tokens: Result<Tokens, TokenError>) -> ErrorCode {
    match tokens {
        Err(TokenError::Refused(refused)) => refused.code,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn proves_itself_in_every_way() {
    let (es256, ps256) = (pem(Algorithm::Es256), pem(Algorithm::Ps256));
    let clients = json!([
        registration("es256", &key(Algorithm::Es256, &es256)),
        registration("ps256", &key(Algorithm::Ps256, &ps256)),
        registration("file", &key(Algorithm::Es256, &es256)),
    ]);
    let Some(provider) = Provider::start(json!({ "clients": clients })).await else {
        return;
    };

    let secret = |text: &str| SecretString::from(text);
    check(
        asked(
            &provider,
            "service",
            ClientAuth::SecretBasic(secret("service-secret")),
        )
        .await,
        "service",
    );
    check(
        asked(
            &provider,
            "posting",
            ClientAuth::SecretPost(secret("posted-secret")),
        )
        .await,
        "posting",
    );
    for audience in [AssertionAudience::Issuer, AssertionAudience::Endpoint] {
        for (id, algorithm, pem) in [
            ("es256", Algorithm::Es256, &es256),
            ("ps256", Algorithm::Ps256, &ps256),
        ] {
            let key = key(algorithm, pem);
            let auth = ClientAuth::PrivateKey { key, audience };
            check(asked(&provider, id, auth).await, id);
        }
    }

    let mut file = tempfile::NamedTempFile::new().unwrap();
    let assertion = ClientAssertion {
        client_id: "file",
        audience: &provider.issuer,
        token_id: "only-once",
        now: now(),
        lifetime: 60,
    };
    let assertion = assertion.sign(&key(Algorithm::Es256, &es256)).unwrap();
    file.write_all(assertion.expose_secret().as_bytes())
        .unwrap();
    let from_file = || ClientAuth::AssertionFile {
        path: file.path().to_owned(),
        kind: AssertionKind::JwtBearer,
    };
    check(asked(&provider, "file", from_file()).await, "file");
    // The same assertion again is a replay.
    assert_eq!(
        refused(asked(&provider, "file", from_file()).await),
        ErrorCode::InvalidClient
    );
}

#[tokio::test]
async fn is_refused_with_what_is_not_its_own() {
    let es256 = pem(Algorithm::Es256);
    let clients = json!([registration("es256", &key(Algorithm::Es256, &es256))]);
    let config = json!({ "clients": clients, "resources": ["https://another.example"] });
    let Some(provider) = Provider::start(config).await else {
        return;
    };
    let other = key(Algorithm::Es256, &pem(Algorithm::Es256));
    let wrong_key = ClientAuth::PrivateKey {
        key: other,
        audience: AssertionAudience::Issuer,
    };
    assert_eq!(
        refused(asked(&provider, "es256", wrong_key).await),
        ErrorCode::InvalidClient
    );
    let wrong_secret = ClientAuth::SecretBasic(SecretString::from("wrong"));
    assert_eq!(
        refused(asked(&provider, "service", wrong_secret).await),
        ErrorCode::InvalidClient
    );
    let right = ClientAuth::SecretBasic(SecretString::from("service-secret"));
    assert_eq!(
        refused(asked(&provider, "service", right).await),
        ErrorCode::InvalidTarget
    );
    let error = asked(&provider, "public", ClientAuth::None)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "token-not-asked");
}

#[tokio::test]
async fn asks_about_a_token() {
    let Some(provider) = Provider::start(json!({})).await else {
        return;
    };
    let auth = || ClientAuth::SecretBasic(SecretString::from("service-secret"));
    // Without a resource the token is opaque.
    let nothing = Asked {
        resource: None,
        scopes: &Scopes::default(),
    };
    let tokens = provider
        .client("service", auth())
        .client_credentials(nothing, now())
        .await
        .unwrap();
    let endpoint = provider.server.introspection_endpoint.as_ref().unwrap();
    let channel = provider.channel("service", auth());
    let mut active = Vec::new();
    for token in [&tokens.access, &SecretString::from("never-was")] {
        let mut form = Form::new();
        form.add_secret("token", token);
        let response = channel.post(endpoint, form, now()).await.unwrap();
        let answer: Value = serde_json::from_slice(response.body()).unwrap();
        active.push(answer["active"].clone());
    }
    assert_eq!(active, [json!(true), json!(false)]);
}
