use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_lab::entra::sample::{ADA, CONTOSO, GATEWAY, GATEWAY_URI};
use portcullis_lab::entra::{EntraLab, EntraSettings, ResourceRule};
use serde_json::Value;

use crate::browser::{Browser, authorize_url, code, elsewhere, redeem, refresh};
use crate::world::{CLIENT, ISSUER, REDIRECT, RESOURCE, World};

fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_client_gets_tokens_for_the_gateway_after_the_person_agreed() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let asks = browser.authorize(&world.front, &[]).await;
    assert_eq!(asks.status, 200);
    for shown in [
        CLIENT,
        "Your administrator registered it.",
        "a program on this computer (127.0.0.1)",
        "Papers &amp; notes",
        RESOURCE,
        "tools.read",
        "any program there can give itself this name",
    ] {
        assert!(asks.body.contains(shown), "{shown}: {}", asks.body);
    }
    let onward = browser.allow(&world.front, &asks).await;
    assert_eq!(onward.status, 200);
    let to = onward.leads_to();
    assert_eq!(to.path(), format!("/{CONTOSO}/oauth2/v2.0/authorize"));
    for (name, value) in [
        ("client_id", Some(GATEWAY.to_owned())),
        ("redirect_uri", Some(format!("{ISSUER}/callback"))),
        ("code_challenge_method", Some("S256".to_owned())),
        ("resource", None),
        (
            "scope",
            Some(format!("{GATEWAY_URI}/tools.read offline_access")),
        ),
    ] {
        assert_eq!(onward.parameter(name), value, "{name}");
    }
    assert_ne!(onward.parameter("state").as_deref(), Some("its-state"));
    let back = browser.at_issuer(&onward).await;
    let done = browser.get(&world.front, back.as_str()).await;
    assert_eq!(done.status, 302, "{}", done.body);
    assert!(done.header("location").starts_with(REDIRECT));
    assert_eq!(done.parameter("state").as_deref(), Some("its-state"));
    assert_eq!(done.parameter("iss").as_deref(), Some(ISSUER));
    let code = done.parameter("code").unwrap();
    let given = redeem(&world.front, &code, &[]).await;
    assert_eq!(given.status, 200, "{}", given.body);
    assert_eq!(given.header("cache-control"), "no-store");
    let given = given.json();
    assert_eq!(given["token_type"], "Bearer");
    assert_eq!(given["scope"], "tools.read");
    assert!(given["expires_in"].as_u64().unwrap() > 1000);
    assert_eq!(given.get("id_token"), None);
    let claims = claims(&given["access_token"]);
    assert_eq!(claims["aud"], GATEWAY);
    assert_eq!(claims["scp"], "tools.read");
    let fresh = refresh(&world.front, given["refresh_token"].as_str().unwrap(), &[]).await;
    assert_eq!(fresh.status, 200, "{}", fresh.body);
    let fresh = fresh.json();
    assert_ne!(fresh["access_token"], given["access_token"]);
    assert_ne!(fresh["refresh_token"], given["refresh_token"]);
    assert_eq!(fresh["scope"], "tools.read");
    assert_eq!(
        world.told(),
        ["consent-given", "tokens-issued", "tokens-refreshed"]
    );
}

/// What MCP clients do, and what Entra says to it without the front door.
async fn at_entra(lab: &EntraLab, changed: &[(&str, &str)]) -> String {
    let own = [
        ("client_id", GATEWAY),
        ("redirect_uri", "http://127.0.0.1/oauth/entra/callback"),
    ];
    let changed: Vec<_> = own.iter().chain(changed).copied().collect();
    let query = authorize_url(&changed);
    let (_, query) = query.split_once('?').unwrap();
    let authorize = format!("{}/{CONTOSO}/oauth2/v2.0/authorize?{query}", lab.base_url());
    let answer = elsewhere(&authorize).await;
    match answer.status {
        302 => answer.header("location").to_owned(),
        _ => answer.body,
    }
}

#[tokio::test]
async fn what_entra_refuses_works_through_the_front_door() {
    let rules = [
        (ResourceRule::Matched, "AADSTS9010010"),
        (ResourceRule::Unsupported, "AADSTS901002"),
    ];
    for (resource, refusal) in rules {
        let settings = EntraSettings {
            resource,
            ..EntraSettings::default()
        };
        let world = World::with(settings, "").await;
        let qualified = format!("{GATEWAY_URI}/tools.read");
        let slash = format!("{RESOURCE}/");
        let spelled = RESOURCE.replace("http", "HTTP");
        for changed in [
            // An endpoint's address that is no identifier URI.
            vec![("scope", qualified.as_str())],
            // A slash at its end, or its scheme in capitals.
            vec![("scope", qualified.as_str()), ("resource", slash.as_str())],
            vec![("resource", spelled.as_str())],
            // A bare scope beside it.
            vec![("scope", "tools.read")],
        ] {
            let refused = at_entra(&world.lab, &changed).await;
            assert!(refused.contains(refusal), "{changed:?}: {refused}");
            let code = code(&world, &changed).await;
            let given = redeem(&world.front, &code, &[]).await;
            assert_eq!(given.status, 200, "{changed:?}: {}", given.body);
            assert_eq!(claims(&given.json()["access_token"])["scp"], "tools.read");
        }
    }
    // No PKCE in the metadata: clients give up before they ask.
    let world = World::new().await;
    let place = format!(
        "{}/{CONTOSO}/v2.0/.well-known/openid-configuration",
        world.lab.base_url()
    );
    let entra = elsewhere(&place).await.json();
    assert_eq!(entra.get("code_challenge_methods_supported"), None);
    let place = format!("{ISSUER}/.well-known/openid-configuration");
    let own = Browser::default().get(&world.front, &place).await.json();
    assert_eq!(own["code_challenge_methods_supported"][0], "S256");
}

#[tokio::test]
async fn scopes_are_named_as_the_client_names_them() {
    let world = World::new().await;
    let qualified = format!("{GATEWAY_URI}/tools.call");
    for (asked, given) in [
        ("", "tools.read"),
        ("openid profile offline_access", "tools.read"),
        ("tools.call tools.read tools.call", "tools.call tools.read"),
        (qualified.as_str(), qualified.as_str()),
    ] {
        let code = code(&world, &[("scope", asked)]).await;
        let tokens = redeem(&world.front, &code, &[]).await.json();
        assert_eq!(tokens["scope"], given, "{asked}");
    }
}

#[tokio::test]
async fn a_client_without_resource_means_the_only_endpoint() {
    let world = World::new().await;
    let code = code(&world, &[("resource", "")]).await;
    let given = redeem(&world.front, &code, &[("resource", "")]).await;
    assert_eq!(given.status, 200, "{}", given.body);
}

#[tokio::test]
async fn mistakes_of_a_known_client_go_back_to_it() {
    let world = World::new().await;
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("state", "", "invalid_request"),
        (
            "resource",
            "https://elsewhere.example/mcp",
            "invalid_target",
        ),
        (
            "resource",
            "http://127.0.0.1:8642/mcp/research#x",
            "invalid_target",
        ),
        ("resource", "http://127.0.0.1:8642/mcp", "invalid_target"),
        ("scope", "tools.read everything", "invalid_scope"),
        ("request", "e30.e30.", "request_not_supported"),
        (
            "request_uri",
            "https://evil.example/r",
            "request_uri_not_supported",
        ),
        ("response_mode", "fragment", "invalid_request"),
        ("prompt", "none", "consent_required"),
        ("prompt", "whatever", "invalid_request"),
        ("claims", "{", "invalid_request"),
        ("max_age", "-1", "invalid_request"),
    ] {
        let page = Browser::default()
            .authorize(&world.front, &[(name, value)])
            .await;
        assert_eq!(page.status, 302, "{name}={value} {}", page.body);
        assert!(page.header("location").starts_with(REDIRECT));
        assert_eq!(
            page.parameter("error").as_deref(),
            Some(error),
            "{name}={value}"
        );
        assert_eq!(page.parameter("iss").as_deref(), Some(ISSUER));
        let state = (name != "state").then(|| "its-state".to_owned());
        assert_eq!(page.parameter("state"), state);
    }
    assert_eq!(
        world
            .lab
            .requests(&format!("/{CONTOSO}/oauth2/v2.0/authorize")),
        0
    );
}

#[tokio::test]
async fn a_person_who_says_no_is_heard() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let asks = browser.authorize(&world.front, &[]).await;
    let denied = browser.decide(&world.front, &asks, "deny").await;
    assert_eq!(denied.parameter("error").as_deref(), Some("access_denied"));
    assert_eq!(denied.parameter("state").as_deref(), Some("its-state"));
    assert_eq!(world.told(), ["consent-denied"]);
    // The form is good for one answer.
    let again = browser.decide(&world.front, &asks, "allow").await;
    assert_eq!(again.rule(), "consent-form-invalid");
}

#[tokio::test]
async fn a_website_is_remembered_and_a_program_is_not() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let web = world.app.id("app.example", "web");
    let asked = [
        ("client_id", web.as_str()),
        ("redirect_uri", "https://app.example/callback"),
    ];
    let asks = browser.authorize(&world.front, &asked).await;
    assert!(asks.body.contains("Example Notes"), "{}", asks.body);
    assert!(asks.body.contains("It belongs to app.example."));
    assert!(!asks.body.contains("any program there"));
    browser.allow(&world.front, &asks).await;
    let known = browser.authorize(&world.front, &asked).await;
    assert_eq!(known.status, 302);
    assert!(known.header("location").starts_with(world.lab.base_url()));
    // Another scope, another browser, or by request: asked again.
    for changed in [("scope", "tools.call"), ("prompt", "consent")] {
        let changed: Vec<_> = asked.iter().copied().chain([changed]).collect();
        assert_eq!(browser.authorize(&world.front, &changed).await.status, 200);
    }
    assert_eq!(
        Browser::default()
            .authorize(&world.front, &asked)
            .await
            .status,
        200
    );
    world.clock.advance(91 * 24 * 3600);
    assert_eq!(browser.authorize(&world.front, &asked).await.status, 200);
    let asks = browser.authorize(&world.front, &[]).await;
    browser.allow(&world.front, &asks).await;
    assert_eq!(browser.authorize(&world.front, &[]).await.status, 200);
}

#[tokio::test]
async fn what_concerns_the_sign_in_is_passed_on() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let asked = [
        ("claims", claims),
        ("login_hint", ADA),
        ("prompt", "select_account"),
        ("acr_values", "phr"),
        ("max_age", "300"),
    ];
    let asks = browser.authorize(&world.front, &asked).await;
    let onward = browser.allow(&world.front, &asks).await;
    for (name, value) in asked {
        assert_eq!(onward.parameter(name).as_deref(), Some(value));
    }
    let back = browser.at_issuer(&onward).await;
    let done = browser.get(&world.front, back.as_str()).await;
    let tokens = redeem(&world.front, &done.parameter("code").unwrap(), &[]).await;
    assert_eq!(
        super::sign_in::claims(&tokens.json()["access_token"])["acrs"][0],
        "c1"
    );
}

#[tokio::test]
async fn a_client_that_registers_itself_is_shown_as_a_stranger() {
    let world = World::with(EntraSettings::default(), "registration = true").await;
    let register = async |body: &str| {
        let mut request = http::Request::post(format!("{ISSUER}/register"));
        request = request.header("content-type", "application/json");
        let request = request.body(bytes::Bytes::from(body.to_owned())).unwrap();
        let answer = world
            .front
            .respond(request, &crate::world::facts(None))
            .await;
        let (head, body) = answer.into_parts();
        let body: Value = serde_json::from_slice(&body).unwrap();
        (head.status.as_u16(), body)
    };
    let said = r#"{"client_name":"Contoso <b>Bank</b>","redirect_uris":["http://127.0.0.1:1/cb"],
        "token_endpoint_auth_method":"client_secret_basic","grant_types":["authorization_code"]}"#;
    let (status, client) = register(said).await;
    assert_eq!(
        (status, &client["token_endpoint_auth_method"]),
        (201, &"none".into())
    );
    assert_eq!(client.get("client_secret"), None);
    let id = client["client_id"].as_str().unwrap();
    let asked = [("client_id", id), ("redirect_uri", "http://127.0.0.1:9/cb")];
    let mut browser = Browser::default();
    let asks = browser.authorize(&world.front, &asked).await;
    assert!(
        asks.body.contains("Nobody has checked its name"),
        "{}",
        asks.body
    );
    // The name is shown as a name, and nothing around it is part of it.
    let title = "Let “Contoso &lt;b&gt;Bank&lt;/b&gt;” in?";
    assert!(asks.body.contains(title), "{}", asks.body);
    let done = browser.sign_in(&world.front, &asked).await;
    let code = done.parameter("code").unwrap();
    let given = redeem(&world.front, &code, &asked).await;
    assert_eq!(given.status, 200, "{}", given.body);
    // It asked for no refresh tokens.
    assert_eq!(given.json().get("refresh_token"), None);
    let wrong = [
        ("client_id", id),
        ("redirect_uri", "http://127.0.0.1:9/other"),
    ];
    assert_eq!(
        browser.authorize(&world.front, &wrong).await.rule(),
        "redirect-uri-unregistered"
    );
    // A client id cannot be made, or changed, by others.
    let forged = format!(
        "{}x",
        id.trim_end_matches(|last: char| last.is_ascii_alphanumeric())
    );
    let page = browser
        .authorize(&world.front, &[("client_id", &forged)])
        .await;
    assert_eq!(page.rule(), "client-unknown");
    assert_eq!(register("{}").await.1["error"], "invalid_redirect_uri");
    assert_eq!(register("[]").await.1["error"], "invalid_client_metadata");
}
