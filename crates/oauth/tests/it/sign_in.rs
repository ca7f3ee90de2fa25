//! Signing in at a real authorization server.

use std::sync::Arc;

use portcullis_oauth::{
    Asked, AuthMethod, AuthorizationResponse, Choice, Choices, ClientAuth, ClientMetadata,
    ErrorCode, NotAsked, Pending, Pkce, ProofKey, Resource, ResponseError, Scopes, SignIn,
    TokenClient, TokenError, TokenHint, TokenType, Tokens, begin, choose, register,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

use crate::provider::{CALLBACK, Provider, browse, jwt, now};
use crate::world::guarded_client;

const MCP: &str = "https://mcp.example.com/research";

/// A sign-in that has begun: where the browser goes, and what is remembered.
fn started(
    provider: &Provider,
    client_id: &str,
    callback: &str,
    scopes: &str,
    hint: &str,
) -> (Url, Pending) {
    let redirect = Url::parse(callback).unwrap();
    let scopes = Scopes::parse(scopes).unwrap();
    let resource = Resource::parse(MCP).unwrap();
    let asked = Asked {
        resource: Some(&resource),
        scopes: &scopes,
    };
    let sign_in = SignIn::at(
        &provider.server,
        Pkce::Announced,
        client_id,
        &redirect,
        asked,
    )
    .unwrap();
    let (url, pending) = begin(&SignIn {
        login_hint: Some(hint),
        prompt: Some("consent"),
        ..sign_in
    })
    .unwrap();
    // What is remembered is remembered as bytes.
    (url, Pending::from_bytes(&pending.to_bytes()).unwrap())
}

async fn signed_in(
    provider: &Provider,
    client: &TokenClient,
    callback: &str,
    scopes: &str,
) -> Tokens {
    let id = client.channel().identity().id().to_owned();
    let (url, pending) = started(provider, &id, callback, scopes, "alice");
    let query = browse(&url, callback).await;
    let code = pending
        .accept(AuthorizationResponse::parse(&query).unwrap())
        .unwrap();
    client.redeem(&pending, &code, now()).await.unwrap()
}

async fn refreshed(
    client: &TokenClient,
    refresh: &SecretString,
    scopes: &str,
) -> Result<Tokens, TokenError> {
    let resource = Resource::parse(MCP).unwrap();
    let asked = Asked {
        resource: Some(&resource),
        scopes: &Scopes::parse(scopes).unwrap(),
    };
    client.refresh(refresh, asked, now()).await
}

#[tokio::test]
async fn a_person_signs_in_and_the_token_is_for_the_resource_only() {
    let Some(provider) = Provider::start(json!({})).await else {
        return;
    };
    for (id, auth) in [
        ("public", ClientAuth::None),
        (
            "confidential",
            ClientAuth::SecretBasic(SecretString::from("a secret: with + and %")),
        ),
    ] {
        let client = provider.client(id, auth);
        let tokens = signed_in(&provider, &client, CALLBACK, "openid tools.read").await;
        let (header, claims) = jwt(&tokens.access);
        assert_eq!(header["typ"], "at+jwt");
        assert_eq!(claims["aud"], MCP);
        assert_eq!(claims["sub"], "alice");
        assert_eq!(claims["client_id"], id);
        assert_eq!(claims["scope"], "tools.read");
        let (_, id_claims) = jwt(tokens.id_token.as_ref().unwrap());
        assert_eq!(id_claims["aud"], id);
        assert!(tokens.expires_at.unwrap() > now());
    }
}

#[tokio::test]
async fn a_refresh_token_is_good_once() {
    let Some(provider) = Provider::start(json!({})).await else {
        return;
    };
    let client = provider.client("public", ClientAuth::None);
    let first = signed_in(&provider, &client, CALLBACK, "tools.read tools.write").await;
    let first_refresh = first.refresh.as_ref().unwrap();

    let second = refreshed(&client, first_refresh, "tools.read")
        .await
        .unwrap();
    assert!(second.rotated(first_refresh));
    let (_, claims) = jwt(&second.access);
    assert_eq!(claims["aud"], MCP);
    assert_eq!(claims["scope"], "tools.read");

    // The old one again: the server takes it for theft and ends the whole family.
    let error = refreshed(&client, first_refresh, "tools.read")
        .await
        .unwrap_err();
    assert!(error.is_invalid_grant(), "{error:?}");
    let error = refreshed(&client, second.refresh.as_ref().unwrap(), "tools.read")
        .await
        .unwrap_err();
    assert!(error.is_invalid_grant(), "{error:?}");
}

#[tokio::test]
async fn a_revoked_refresh_token_is_of_no_use() {
    let Some(provider) = Provider::start(json!({})).await else {
        return;
    };
    let client = provider.client("public", ClientAuth::None);
    let tokens = signed_in(&provider, &client, CALLBACK, "tools.read").await;
    let refresh = tokens.refresh.as_ref().unwrap();
    let endpoint = provider.server.revocation_endpoint.as_ref().unwrap();
    client
        .channel()
        .revoke(endpoint, refresh, TokenHint::Refresh, now())
        .await
        .unwrap();
    let error = refreshed(&client, refresh, "tools.read").await.unwrap_err();
    assert!(error.is_invalid_grant(), "{error:?}");
    // Again, and one that never was: the purpose is reached.
    for token in [refresh, &SecretString::from("never-was")] {
        client
            .channel()
            .revoke(endpoint, token, TokenHint::Refresh, now())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn tokens_are_bound_to_a_key() {
    let Some(provider) = Provider::start(json!({})).await else {
        return;
    };
    let key = Arc::new(ProofKey::generate().unwrap());
    let client = provider
        .client("public", ClientAuth::None)
        .bound_to(Arc::clone(&key));
    let tokens = signed_in(&provider, &client, CALLBACK, "tools.read").await;
    assert_eq!(tokens.token_type, TokenType::Dpop);
    assert_eq!(jwt(&tokens.access).1["cnf"]["jkt"], key.thumbprint());
    // A public client's refresh token is bound too.
    let refresh = tokens.refresh.as_ref().unwrap();
    let other = Arc::new(ProofKey::generate().unwrap());
    let thief = provider.client("public", ClientAuth::None).bound_to(other);
    let error = refreshed(&thief, refresh, "tools.read").await.unwrap_err();
    assert!(error.is_invalid_grant(), "{error:?}");
    let key = ProofKey::from_pkcs8(key.to_pkcs8()).unwrap();
    let client = provider
        .client("public", ClientAuth::None)
        .bound_to(Arc::new(key));
    refreshed(&client, refresh, "tools.read").await.unwrap();
}

#[tokio::test]
async fn a_person_may_decline() {
    let Some(provider) = Provider::start(json!({})).await else {
        return;
    };
    let (url, pending) = started(&provider, "public", CALLBACK, "tools.read", "nobody");
    let response = AuthorizationResponse::parse(&browse(&url, CALLBACK).await).unwrap();
    assert_eq!(response.state(), Some(pending.state()));
    assert_eq!(
        pending.accept(response).unwrap_err(),
        ResponseError::Refused(ErrorCode::AccessDenied)
    );
}

#[tokio::test]
async fn the_answer_of_another_server_is_not_accepted() {
    let Some(honest) = Provider::start(json!({})).await else {
        return;
    };
    let Some(other) = Provider::start(json!({})).await else {
        return;
    };
    let (url, pending) = started(&honest, "public", CALLBACK, "tools.read", "alice");
    // The other server is made to answer with the state of the sign-in at the honest one.
    let mut astray = other.server.authorization_endpoint.clone().unwrap();
    astray.set_query(url.query());
    let query = browse(&astray, CALLBACK).await;
    let response = AuthorizationResponse::parse(&query).unwrap();
    assert_eq!(response.state(), Some(pending.state()));
    assert_eq!(
        pending.accept(response).unwrap_err(),
        ResponseError::IssuerWrong
    );

    // And no code of the honest server is shown to the other one.
    let response = AuthorizationResponse::parse(&browse(&url, CALLBACK).await).unwrap();
    let code = pending.accept(response).unwrap();
    let error = other
        .client("public", ClientAuth::None)
        .redeem(&pending, &code, now())
        .await
        .unwrap_err();
    assert!(
        matches!(error, TokenError::NotAsked(NotAsked::OtherServer)),
        "{error:?}"
    );
    let client = honest.client("public", ClientAuth::None);
    client.redeem(&pending, &code, now()).await.unwrap();
    // A code is good once.
    let error = client.redeem(&pending, &code, now()).await.unwrap_err();
    assert!(error.is_invalid_grant(), "{error:?}");
}

#[tokio::test]
async fn a_stolen_code_is_of_no_use_without_the_verifier() {
    let Some(provider) = Provider::start(json!({})).await else {
        return;
    };
    let client = provider.client("public", ClientAuth::None);
    let (url, pending) = started(&provider, "public", CALLBACK, "tools.read", "alice");
    let response = AuthorizationResponse::parse(&browse(&url, CALLBACK).await).unwrap();
    let code = pending.accept(response).unwrap();
    let (_, thief) = started(&provider, "public", CALLBACK, "tools.read", "alice");
    let error = client.redeem(&thief, &code, now()).await.unwrap_err();
    assert!(error.is_invalid_grant(), "{error:?}");
}

#[tokio::test]
async fn registers_itself_and_signs_in() {
    let Some(provider) = Provider::start(json!({})).await else {
        return;
    };
    let endpoint = provider.server.registration_endpoint.as_ref().unwrap();
    let metadata = ClientMetadata {
        name: "Portcullis".to_owned(),
        home: None,
        redirect_uris: vec![Url::parse("http://127.0.0.1:7777/callback").unwrap()],
        auth_method: AuthMethod::SecretBasic,
        keys: None,
        scopes: Scopes::default(),
    };
    let http = guarded_client();
    let naming = provider.server.naming(endpoint);
    for auth_method in [AuthMethod::None, AuthMethod::SecretBasic] {
        let metadata = ClientMetadata {
            auth_method,
            ..metadata.clone()
        };
        let registered = register(&http, endpoint, naming, &metadata, None)
            .await
            .unwrap();
        assert_eq!(registered.auth_method, auth_method);
        assert_eq!(registered.secret_expires_at, None);
        let id = registered.client_id.clone();
        let auth = match &registered.secret {
            Some(secret) => ClientAuth::SecretBasic(secret.clone()),
            None => ClientAuth::None,
        };
        let client = provider.client(&id, auth);
        let tokens = signed_in(
            &provider,
            &client,
            "http://127.0.0.1:7777/callback",
            "tools.read",
        )
        .await;
        assert_eq!(jwt(&tokens.access).1["client_id"], id);
    }
    let wrong = ClientMetadata {
        redirect_uris: vec![Url::parse("https://gw.example/callback?code=x").unwrap()],
        auth_method: AuthMethod::PrivateKeyJwt,
        keys: Some(Url::parse("https://gw.example/keys").unwrap()),
        scopes: Scopes::parse("no.such.scope").unwrap(),
        ..metadata
    };
    let error = register(&http, endpoint, naming, &wrong, None)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("invalid_client_metadata"),
        "{error}"
    );
}

#[tokio::test]
async fn is_known_by_its_document() {
    let id = Url::parse("https://gw.example.com/oauth/client.json").unwrap();
    let callback = "https://gw.example.com/oauth/callback";
    let metadata = ClientMetadata {
        name: "Portcullis".to_owned(),
        home: None,
        redirect_uris: vec![Url::parse(callback).unwrap()],
        auth_method: AuthMethod::None,
        keys: None,
        scopes: Scopes::default(),
    };
    let documents = json!({ id.as_str(): metadata.document(&id).unwrap() });
    let Some(provider) = Provider::start(json!({ "documents": documents })).await else {
        return;
    };
    let server = &provider.server;
    let choice = choose(&Choices {
        registered: false,
        document: Some(&id),
        takes_documents: server.client_id_metadata_document_supported,
        registration: server.registration_endpoint.as_ref(),
        may_register: true,
    });
    assert_eq!(choice, Choice::Document(&id));
    let client = provider.client(id.as_str(), ClientAuth::None);
    let tokens = signed_in(&provider, &client, callback, "tools.read").await;
    assert_eq!(jwt(&tokens.access).1["client_id"], id.as_str());
    assert!(!tokens.access.expose_secret().is_empty());
}

#[tokio::test]
async fn pushes_what_it_asks_for() {
    let Some(provider) = Provider::start(json!({})).await else {
        return;
    };
    let endpoint = provider
        .server
        .pushed_authorization_request_endpoint
        .as_ref()
        .unwrap();
    let secret = SecretString::from("a secret: with + and %");
    for (id, auth) in [
        ("public", ClientAuth::None),
        ("confidential", ClientAuth::SecretBasic(secret)),
    ] {
        let client = provider.client(id, auth);
        let (url, pending) = started(&provider, id, CALLBACK, "tools.read", "alice");
        let pushed = client.channel().push(endpoint, &url, now()).await.unwrap();
        let names: Vec<String> = pushed
            .query_pairs()
            .map(|(name, _)| name.into_owned())
            .collect();
        assert_eq!(names, ["client_id", "request_uri"]);
        let response = AuthorizationResponse::parse(&browse(&pushed, CALLBACK).await).unwrap();
        let code = pending.accept(response).unwrap();
        let tokens = client.redeem(&pending, &code, now()).await.unwrap();
        assert_eq!(jwt(&tokens.access).1["aud"], MCP);
    }
    let (url, _) = started(
        &provider,
        "public",
        "http://127.0.0.1/other",
        "tools.read",
        "alice",
    );
    let channel = provider.channel("public", ClientAuth::None);
    let error = channel.push(endpoint, &url, now()).await.unwrap_err();
    assert_eq!(error.code(), "token-refused", "{error:?}");
}
