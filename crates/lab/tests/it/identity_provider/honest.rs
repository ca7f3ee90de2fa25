use portcullis_lab::identity_provider::{
    IdentityProvider, ProviderClient, ProviderSettings, Shape, Trusted,
};
use portcullis_lab::jose::SigningKey;
use serde_json::{Value, json};

use super::super::browse::{get, post, post_form};
use super::super::entra::{claims, part};
use super::{SECRET, authorize, provider, redeem, refresh, shaped, signed_in, token};

#[tokio::test]
async fn every_shape_is_found_by_its_issuer_and_signs_what_it_publishes() {
    for (shape, path) in [
        (Shape::Standard, "/.well-known/oauth-authorization-server"),
        (
            Shape::Keycloak,
            "/realms/research/.well-known/openid-configuration",
        ),
        (
            Shape::Keycloak,
            "/.well-known/oauth-authorization-server/realms/research",
        ),
        (
            Shape::Okta,
            "/oauth2/default/.well-known/openid-configuration",
        ),
        (Shape::Auth0, "/.well-known/openid-configuration"),
        (Shape::Google, "/.well-known/openid-configuration"),
    ] {
        let provider = shaped(shape).await;
        let document = get(provider.base_url(), path).await.json();
        assert_eq!(document["issuer"], provider.issuer(), "{shape:?}");
        let text = document.to_string();
        assert!(
            !text.contains(".example.com") && !text.contains("googleapis"),
            "{text}"
        );
        let keys = get(document["jwks_uri"].as_str().unwrap(), "").await.json();
        assert_eq!(
            keys["keys"][0]["kid"],
            provider.current_key().unwrap().kid()
        );
        assert_eq!(keys["keys"][0].get("d"), None);
    }
}

#[tokio::test]
async fn every_shape_has_its_own_tokens() {
    let minted = async |shape: Shape| {
        let provider = shaped(shape).await;
        let token = provider
            .mint("gateway", "tools.read tools.call", None)
            .unwrap();
        let read = (!shape.is_opaque()).then(|| (part(&token, 0), part(&token, 1)));
        (provider, read)
    };
    let (provider, read) = minted(Shape::Standard).await;
    let (header, claims) = read.unwrap();
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(claims["iss"], provider.issuer());
    assert_eq!(claims["scope"], "tools.read tools.call");
    let (_, read) = minted(Shape::Keycloak).await;
    let (header, claims) = read.unwrap();
    assert_eq!(
        (&header["typ"], &claims["azp"]),
        (&json!("JWT"), &json!("gateway"))
    );
    assert_eq!(
        claims["aud"],
        json!(["https://mcp.example.com/mcp", "account"])
    );
    let (_, read) = minted(Shape::Okta).await;
    let (header, claims) = read.unwrap();
    assert_eq!(
        (header.get("typ"), &claims["cid"]),
        (None, &json!("gateway"))
    );
    assert_eq!(claims["scp"], json!(["tools.read", "tools.call"]));
    let (provider, read) = minted(Shape::Auth0).await;
    assert!(provider.issuer().ends_with('/'));
    let userinfo = format!("{}/userinfo", provider.base_url());
    assert_eq!(
        read.unwrap().1["aud"],
        json!(["https://mcp.example.com/mcp", userinfo])
    );
    assert_eq!(minted(Shape::Google).await.1, None);
}

#[tokio::test]
async fn fixtures_are_whole() {
    for shape in Shape::ALL {
        let metadata: Value = serde_json::from_str(shape.metadata()).unwrap();
        for member in [
            "issuer",
            "authorization_endpoint",
            "token_endpoint",
            "jwks_uri",
        ] {
            let url = metadata[member].as_str().unwrap();
            assert!(url.starts_with("https://"), "{shape:?} {member}");
        }
        let methods = metadata["code_challenge_methods_supported"]
            .as_array()
            .unwrap();
        assert!(methods.contains(&json!("S256")), "{shape:?}");
        let token: Value = serde_json::from_str(shape.token()).unwrap();
        assert_eq!(token["claims"]["iss"], "{iss}", "{shape:?}");
    }
}

#[tokio::test]
async fn a_sign_in_needs_everything_to_fit() {
    let provider = provider().await;
    let answer = authorize(&provider, &[]).await;
    assert_eq!(answer.redirected("iss"), provider.issuer());
    assert_eq!(answer.redirected("state"), "its-state");
    for changed in [
        ("redirect_uri", "http://127.0.0.1:7777/oauth/callback/more"),
        ("redirect_uri", "https://evil.example/"),
        ("client_id", "nobody"),
    ] {
        assert_eq!(
            authorize(&provider, &[changed]).await.status,
            400,
            "{changed:?}"
        );
    }
    for (changed, error) in [
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (
            ("resource", "https://mcp.example.com/mcp#here"),
            "invalid_target",
        ),
    ] {
        let answer = authorize(&provider, &[changed]).await;
        assert_eq!(answer.redirected("error"), error, "{changed:?}");
        assert_eq!(answer.redirected("iss"), provider.issuer());
    }
    for (changed, error) in [
        (("code_verifier", "wrong"), "invalid_grant"),
        (
            ("redirect_uri", "http://127.0.0.1:7778/oauth/callback"),
            "invalid_grant",
        ),
        (("resource", "https://other.example/mcp"), "invalid_target"),
        (("client_secret", "wrong"), "invalid_client"),
        (("client_secret", ""), "invalid_client"),
    ] {
        let code = authorize(&provider, &[]).await.redirected("code");
        let answer = redeem(&provider, &code, &[changed]).await;
        assert_eq!(answer.json()["error"], error, "{changed:?}");
    }
    let resource = "https://mcp.example.com/other";
    let code = authorize(&provider, &[("resource", resource)])
        .await
        .redirected("code");
    let body = redeem(&provider, &code, &[("resource", resource)])
        .await
        .json();
    assert_eq!(claims(&body, "access_token")["aud"], resource);
}

#[tokio::test]
async fn what_is_used_twice_ends_the_family() {
    let provider = provider().await;
    let code = authorize(&provider, &[]).await.redirected("code");
    let first = redeem(&provider, &code, &[]).await.json();
    assert_eq!(
        redeem(&provider, &code, &[]).await.json()["error"],
        "invalid_grant"
    );
    assert_eq!(
        refresh(&provider, &first).await.json()["error"],
        "invalid_grant"
    );

    let first = signed_in(&provider).await;
    let second = refresh(&provider, &first).await.json();
    assert_eq!(
        refresh(&provider, &first).await.json()["error"],
        "invalid_grant"
    );
    assert_eq!(
        refresh(&provider, &second).await.json()["error"],
        "invalid_grant"
    );
}

#[tokio::test]
async fn a_refresh_does_not_widen() {
    let provider = provider().await;
    let narrowed = async |scope: &str| {
        let body = signed_in(&provider).await;
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", body["refresh_token"].as_str().unwrap()),
            ("scope", scope),
        ];
        token(&provider, &form).await.json()
    };
    assert_eq!(
        narrowed("tools.call tools.read").await["scope"],
        "tools.call tools.read"
    );
    assert_eq!(narrowed("tools.call").await["scope"], "tools.call");
    assert_eq!(narrowed("tools.admin").await["error"], "invalid_scope");
}

#[tokio::test]
async fn a_token_can_be_asked_about_and_ended() {
    let settings = ProviderSettings {
        opaque: true,
        ..ProviderSettings::default()
    };
    let provider = IdentityProvider::start(settings).await.unwrap();
    let body = signed_in(&provider).await;
    let form = |token: &str| {
        [
            ("client_id", "gateway"),
            ("client_secret", SECRET),
            ("token", token),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let send = async |endpoint: &str, token: &str| {
        let form = form(token);
        let form: Vec<_> = form
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        post_form(provider.endpoint(endpoint).unwrap(), "", &[], &form).await
    };
    let access = body["access_token"].as_str().unwrap();
    assert!(!access.contains("eyJ"));
    let told = send("introspection_endpoint", access).await.json();
    assert_eq!(
        (&told["active"], &told["sub"]),
        (&json!(true), &json!("ada"))
    );
    assert_eq!(
        send("introspection_endpoint", "unknown").await.json(),
        json!({"active": false})
    );
    assert_eq!(send("revocation_endpoint", access).await.status, 200);
    assert_eq!(
        send("introspection_endpoint", access).await.json(),
        json!({"active": false})
    );
    send(
        "revocation_endpoint",
        body["refresh_token"].as_str().unwrap(),
    )
    .await;
    assert_eq!(
        refresh(&provider, &body).await.json()["error"],
        "invalid_grant"
    );
    assert_eq!(provider.requests("/revoke"), 2);
}

#[tokio::test]
async fn clients_register_and_prove_themselves_by_key() {
    let key = SigningKey::ec().unwrap();
    let settings = ProviderSettings {
        clients: vec![ProviderClient {
            id: "machine".to_owned(),
            keys: vec![key.jwk()],
            ..ProviderClient::default()
        }],
        ..ProviderSettings::default()
    };
    let provider = IdentityProvider::start(settings).await.unwrap();
    provider.set_time(Some(1_800_000_000));
    let claims = json!({
        "iss": "machine", "sub": "machine", "aud": provider.issuer(), "jti": "one", "exp": 1_800_000_060_u64,
    });
    let ask = async |claims: &Value| {
        let assertion = key.sign(&json!({"alg": "ES256"}), claims).unwrap();
        let form = [
            ("client_id", ""),
            ("client_secret", ""),
            ("grant_type", "client_credentials"),
            ("client_assertion", assertion.as_str()),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
        ];
        token(&provider, &form).await.status
    };
    assert_eq!(ask(&claims).await, 200);
    for (name, value) in [
        ("aud", json!("https://other.example")),
        ("exp", json!(1)),
        ("sub", json!("x")),
    ] {
        let mut changed = claims.clone();
        changed[name] = value;
        assert_eq!(ask(&changed).await, 401, "{name}");
    }

    let endpoint = provider.endpoint("registration_endpoint").unwrap();
    let register = async |body: Value| post(endpoint, "", &[], body.to_string()).await;
    let uri = "https://app.example/callback";
    let registered = register(json!({"redirect_uris": [uri], "client_name": "App"})).await;
    assert_eq!(registered.status, 201);
    let registered = registered.json();
    assert_eq!(registered["client_name"], "App");
    let id = registered["client_id"].as_str().unwrap();
    authorize(&provider, &[("client_id", id), ("redirect_uri", uri)])
        .await
        .redirected("code");
    assert_eq!(
        register(json!({"redirect_uris": []})).await.json()["error"],
        "invalid_redirect_uri"
    );
}

#[tokio::test]
async fn an_exchange_only_narrows_and_keeps_the_chain() {
    let provider = provider().await;
    let subject = provider
        .mint("host", "tools.read tools.call", None)
        .unwrap();
    let access = "urn:ietf:params:oauth:token-type:access_token";
    let exchange = async |changed: &[(&str, &str)]| {
        let mut form = vec![
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            ("subject_token", subject.as_str()),
            ("subject_token_type", access),
            ("audience", "https://next.example"),
            ("scope", "tools.read"),
        ];
        form.extend(changed);
        token(&provider, &form).await.json()
    };
    let body = exchange(&[("actor_token", &subject), ("actor_token_type", access)]).await;
    assert_eq!(body["issued_token_type"], access);
    let exchanged = claims(&body, "access_token");
    assert_eq!(exchanged["act"], json!({"sub": "ada"}));
    assert_eq!(exchanged["aud"], "https://next.example");
    assert_eq!(
        exchange(&[("scope", "tools.read admin")]).await["error"],
        "invalid_scope"
    );
    assert_eq!(
        exchange(&[("subject_token", "unknown")]).await["error"],
        "invalid_request"
    );
    assert_eq!(
        exchange(&[("subject_token_type", "")]).await["error"],
        "invalid_request"
    );
}

#[tokio::test]
async fn an_identity_assertion_goes_from_one_server_to_another() {
    let enterprise = provider().await;
    let settings = ProviderSettings {
        trusted: vec![Trusted {
            issuer: enterprise.issuer().to_owned(),
            keys: vec![enterprise.current_key().unwrap().jwk()],
        }],
        ..ProviderSettings::default()
    };
    let server = IdentityProvider::start(settings).await.unwrap();
    let subject = enterprise.mint("gateway", "tools.read", None).unwrap();
    let asked = async |audience: &str| {
        let form = [
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            (
                "requested_token_type",
                "urn:ietf:params:oauth:token-type:id-jag",
            ),
            ("subject_token", subject.as_str()),
            (
                "subject_token_type",
                "urn:ietf:params:oauth:token-type:access_token",
            ),
            ("audience", audience),
            ("resource", "https://mcp.example.com/mcp"),
            ("scope", "tools.read"),
        ];
        token(&enterprise, &form).await.json()
    };
    let redeemed = async |assertion: &Value| {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion["access_token"].as_str().unwrap()),
        ];
        token(&server, &form).await.json()
    };
    let assertion = asked(server.issuer()).await;
    assert_eq!(assertion["token_type"], "N_A");
    let body = redeemed(&assertion).await;
    assert_eq!(claims(&body, "access_token")["sub"], "ada");
    assert_eq!(claims(&body, "access_token")["iss"], server.issuer());
    // Meant for somebody else.
    let body = redeemed(&asked("https://other.example").await).await;
    assert_eq!(body["error"], "invalid_grant");
}
