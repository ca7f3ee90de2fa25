//! Against a real authorization server.

use portcullis_broker::{AtServer, GrantFilter, Needed, Rejected, Retry, Visit};
use secrecy::SecretString;
use serde_json::json;

use crate::browser::browse;
use crate::mcp::Mcp;
use crate::provider::Provider;
use crate::world::{CALLBACK, World, claims, needed, token, user};

#[tokio::test]
async fn the_gateway_gets_a_token_of_its_own() {
    let key = portcullis_lab::jose::SigningKey::ec().unwrap();
    let clients = json!([{
        "client_id": "signer", "token_endpoint_auth_method": "private_key_jwt",
        "jwks": { "keys": [key.jwk()] }, "token_endpoint_auth_signing_alg": "ES256",
        "grant_types": ["client_credentials"], "redirect_uris": [], "response_types": [],
    }]);
    let Some(provider) = Provider::start(json!({ "clients": clients })).await else {
        return;
    };
    let world = World::new().await;
    for (name, value) in [
        ("SERVICE", "service-secret"),
        ("POSTING", "posted-secret"),
        ("PEM", key.private_pem()),
    ] {
        let mut secrets = world.secrets.0.lock().unwrap();
        secrets.insert(name.to_owned(), value.to_owned());
    }
    let ways = [
        ("service", "client-secret = \"env:SERVICE\""),
        (
            "posting",
            "client-secret = \"env:POSTING\"\nclient-auth = \"post\"",
        ),
        ("signer", "key = \"env:PEM\""),
    ];
    for (id, proof) in ways {
        let broker = world.broker(&format!(
            r#"
            [servers.papers]
            url = "http://127.0.0.1:9/mcp"
            [servers.papers.auth]
            kind = "client-credentials"
            issuer = "{}"
            scopes = ["tools.read"]
            client-id = "{id}"
            {proof}
            "#,
            provider.issuer
        ));
        let credential = broker
            .credential("papers", &user("ada"))
            .await
            .unwrap()
            .unwrap();
        let told = claims(&credential);
        assert_eq!(
            (&told["client_id"], &told["aud"], &told["scope"]),
            (
                &json!(id),
                &json!("http://127.0.0.1:9/mcp"),
                &json!("tools.read")
            )
        );
    }
}

#[tokio::test]
async fn a_user_signs_in_renews_and_leaves() {
    let clients = json!([{
        "client_id": "gateway", "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "redirect_uris": [CALLBACK], "application_type": "native",
    }]);
    let Some(provider) = Provider::start(json!({ "clients": clients })).await else {
        return;
    };
    let mcp = Mcp::start(&[&provider.issuer]).await;
    let world = World::new().await;
    let broker = world.broker(&format!(
        r#"
        [servers.papers]
        url = "{}"
        [servers.papers.auth]
        kind = "user-grant"
        client-id = "gateway"
        client-auth = "none"
        [servers.papers.identity]
        issuer = "{}"
        "#,
        mcp.url(),
        provider.issuer
    ));
    let mark = SecretString::from("a-mark-of-at-least-128-bits");
    let visit = Visit {
        browser: &mark,
        return_to: None,
        scopes: &[],
        claims: None,
    };
    let caller = user("ada");
    let begun = broker.begin("papers", &caller, &visit).await.unwrap();
    let query = browse(&begun.url).await;
    broker.complete(&query, &mark).await.unwrap();
    let first = broker.credential("papers", &caller).await.unwrap().unwrap();
    assert_eq!(claims(&first)["aud"], mcp.url());
    assert_eq!(claims(&first)["sub"], "alice");
    world.clock.pass(301);
    let second = broker.credential("papers", &caller).await.unwrap().unwrap();
    assert_ne!(token(&first), token(&second));
    let rejected = Rejected {
        status: http::StatusCode::UNAUTHORIZED,
        challenges: &[],
    };
    let retry = broker.rejected("papers", &caller, &second, &rejected).await;
    let Retry::With(third) = retry else {
        panic!("{retry:?}");
    };
    assert_eq!(claims(&third)["aud"], mcp.url());
    let ended = broker.disconnect(&GrantFilter::default()).await.unwrap();
    let at_server: Vec<AtServer> = ended.iter().map(|one| one.at_server).collect();
    assert_eq!(at_server, [AtServer::Revoked]);
    assert!(matches!(
        needed(broker.credential("papers", &caller).await),
        Needed::SignIn { .. }
    ));
}
