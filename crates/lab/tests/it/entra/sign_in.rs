use portcullis_lab::entra::sample::{ADA, CONTOSO, GATEWAY, GATEWAY_URI, GRACE, HOST};
use portcullis_lab::entra::{EntraLab, EntraSettings, RefreshReuse, ResourceRule};
use serde_json::{Value, json};

use super::super::browse::{get, post};
use super::{CALLBACK, VERIFIER, authorize, claims, lab, refused, signed_in, token};

fn scope() -> String {
    format!("{GATEWAY_URI}/tools.read offline_access openid profile")
}

/// What a person reads instead of being sent back.
async fn page(lab: &EntraLab, changed: &[(&str, &str)], code: u64) {
    let answer = authorize(lab, changed).await;
    assert_eq!(answer.header("location"), "", "{changed:?}");
    let text = format!("AADSTS{code}: ");
    assert!(answer.body.contains(&text), "{code}: {}", answer.body);
}

#[tokio::test]
async fn it_refuses_the_four_things_that_mcp_clients_do() {
    let lab = lab().await;
    // The canonical URL of a server that is no identifier URI.
    let resource = "https://gw.contoso.com/mcp";
    page(
        &lab,
        &[("scope", &scope()), ("resource", resource)],
        9010010,
    )
    .await;
    // A slash at the end.
    let slash = format!("{GATEWAY_URI}/");
    page(&lab, &[("scope", &scope()), ("resource", &slash)], 9010010).await;
    // A bare scope beside a resource that is right.
    page(
        &lab,
        &[("scope", "tools.read"), ("resource", GATEWAY_URI)],
        9010010,
    )
    .await;
    // No PKCE in the metadata, and no registration: a client that insists on either cannot go on.
    for path in [
        "/v2.0/.well-known/openid-configuration",
        "/.well-known/openid-configuration",
    ] {
        let document = get(lab.base_url(), &format!("/{CONTOSO}{path}"))
            .await
            .json();
        assert!(document["token_endpoint"].is_string());
        assert_eq!(document.get("code_challenge_methods_supported"), None);
        assert_eq!(document.get("registration_endpoint"), None);
    }
    let inserted = format!("/.well-known/oauth-authorization-server/{CONTOSO}/v2.0");
    assert_eq!(get(lab.base_url(), &inserted).await.status, 404);

    // The same client as Entra wants it.
    let right = [("scope", scope()), ("resource", GATEWAY_URI.to_owned())];
    let right: Vec<_> = right
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    assert_eq!(
        authorize(&lab, &right).await.redirected("state"),
        "its-state"
    );
}

#[tokio::test]
async fn the_resource_is_compared_at_the_token_endpoint_too() {
    let lab = lab().await;
    let code = authorize(&lab, &[("scope", &scope())])
        .await
        .redirected("code");
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", HOST),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("resource", "https://gw.contoso.com/mcp"),
    ];
    refused(&token(&lab, &form).await, "invalid_target", 9010010);
    form.pop();
    // The code is gone with the first attempt.
    refused(&token(&lab, &form).await, "invalid_grant", 54005);
}

#[tokio::test]
async fn the_older_form_refuses_any_resource() {
    let settings = EntraSettings {
        resource: ResourceRule::Unsupported,
        ..EntraSettings::default()
    };
    let lab = EntraLab::start(settings).await.unwrap();
    page(
        &lab,
        &[("scope", &scope()), ("resource", GATEWAY_URI)],
        901002,
    )
    .await;
}

#[tokio::test]
async fn a_redirect_uri_is_exact_but_for_the_port_on_loopback() {
    let lab = lab().await;
    for wrong in [
        "http://localhost:7777/callback/",
        "http://localhost:7777/callback?a=b",
        "http://localhost:7777/",
        "http://localhost.example:7777/callback",
        "https://localhost/callback",
        "https://evil.example/callback",
    ] {
        page(&lab, &[("scope", &scope()), ("redirect_uri", wrong)], 50011).await;
    }
    page(&lab, &[("scope", &scope()), ("redirect_uri", "")], 900971).await;
    page(
        &lab,
        &[("scope", &scope()), ("client_id", "nobody")],
        700016,
    )
    .await;
}

#[tokio::test]
async fn what_the_client_did_wrong_goes_back_to_it() {
    let lab = lab().await;
    for (changed, error, code) in [
        (("scope", "tools.read"), "invalid_client", 650053),
        (
            ("scope", "https://elsewhere.example/x"),
            "invalid_resource",
            500011,
        ),
        (
            ("response_type", "token"),
            "unsupported_response_type",
            700054,
        ),
        (("code_challenge", "short"), "invalid_request", 501491),
        (("claims", "{"), "invalid_request", 90100),
    ] {
        let scope = scope();
        let answer = authorize(&lab, &[("scope", &scope), changed]).await;
        assert_eq!(answer.redirected("error"), error);
        let description = answer.redirected("error_description");
        assert!(
            description.starts_with(&format!("AADSTS{code}: ")),
            "{description}"
        );
        assert_eq!(answer.redirected("state"), "its-state");
    }
}

#[tokio::test]
async fn pkce_is_held_to_once_it_is_used() {
    let lab = lab().await;
    let other = "x".repeat(43);
    for verifier in [other.as_str(), ""] {
        let code = authorize(&lab, &[("scope", &scope())])
            .await
            .redirected("code");
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", HOST),
            ("code", &code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", verifier),
        ];
        refused(&token(&lab, &form).await, "invalid_grant", 501481);
    }
}

#[tokio::test]
async fn a_refresh_token_is_replaced_and_the_old_one_works_on() {
    let lab = lab().await;
    let first = signed_in(&lab, &scope(), &[("login_hint", GRACE)]).await;
    let old = first["refresh_token"].as_str().unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", HOST),
        ("refresh_token", old),
    ];
    let second = token(&lab, &form).await.json();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(
        claims(&second, "access_token")["oid"],
        claims(&first, "access_token")["oid"]
    );
    assert_eq!(token(&lab, &form).await.status, 200);
    lab.revoke_sessions(GRACE);
    refused(&token(&lab, &form).await, "invalid_grant", 50173);
}

#[tokio::test]
async fn with_reuse_detection_the_family_ends() {
    let settings = EntraSettings {
        refresh_reuse: RefreshReuse::Revokes,
        ..EntraSettings::default()
    };
    let lab = EntraLab::start(settings).await.unwrap();
    let first = signed_in(&lab, &scope(), &[]).await;
    let refresh = async |body: &Value| {
        let old = body["refresh_token"].as_str().unwrap();
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", HOST),
            ("refresh_token", old),
        ];
        token(&lab, &form).await
    };
    let second = refresh(&first).await.json();
    refused(&refresh(&first).await, "invalid_grant", 50173);
    refused(&refresh(&second).await, "invalid_grant", 50173);
}

#[tokio::test]
async fn a_context_is_in_the_token_when_it_is_asked_for_and_can_be_had() {
    let lab = lab().await;
    let plain = signed_in(&lab, &scope(), &[("login_hint", ADA)]).await;
    assert_eq!(claims(&plain, "access_token").get("acrs"), None);
    assert_eq!(claims(&plain, "access_token").get("xms_cc"), None);
    let asked = json!({"access_token": {
        "acrs": {"essential": true, "value": "c1"},
        "xms_cc": {"values": ["cp1"]},
    }})
    .to_string();
    let stepped_up = signed_in(&lab, &scope(), &[("login_hint", ADA), ("claims", &asked)]).await;
    assert_eq!(claims(&stepped_up, "access_token")["acrs"], json!(["c1"]));
    assert_eq!(
        claims(&stepped_up, "access_token")["xms_cc"],
        json!(["cp1"])
    );
    // Grace has no second factor.
    let scope = scope();
    let changed = [
        ("scope", scope.as_str()),
        ("login_hint", GRACE),
        ("claims", &asked),
    ];
    let answer = authorize(&lab, &changed).await;
    assert_eq!(answer.redirected("error"), "interaction_required");
}

#[tokio::test]
async fn a_nonce_comes_back_and_an_audience_is_its_own() {
    let lab = lab().await;
    let body = signed_in(&lab, &scope(), &[("nonce", "its-nonce")]).await;
    assert_eq!(claims(&body, "id_token")["nonce"], "its-nonce");
    assert_eq!(claims(&body, "id_token")["aud"], HOST);
    assert_eq!(claims(&body, "access_token")["aud"], GATEWAY);
    assert_eq!(body["scope"], format!("{GATEWAY_URI}/tools.read"));
}

#[tokio::test]
async fn the_control_endpoints_do_what_the_api_does() {
    let lab = lab().await;
    let control = async |action: &str, body: Value| {
        let path = format!("/lab/{action}");
        post(lab.base_url(), &path, &[], body.to_string()).await
    };
    let old = lab.current_key();
    let rotated = control("rotate", json!({})).await.json();
    assert_ne!(rotated["kid"], old.kid());
    assert_eq!(rotated["kid"], lab.current_key().kid());
    let minted = control("mint", json!({"claims": {"ver": "1.0"}}))
        .await
        .json();
    let header = super::part(minted["token"].as_str().unwrap(), 0);
    assert_eq!(header["x5t"], lab.current_key().kid());
    let outage = json!({"kind": "outage", "endpoint": "token", "status": 429, "retry_after": 7});
    assert_eq!(control("policies", outage).await.status, 200);
    let answer = token(&lab, &[("grant_type", "client_credentials")]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "7"));
    assert_eq!(
        control("policies", json!({"kind": "nonsense"}))
            .await
            .status,
        400
    );
    assert_eq!(lab.requests("/lab/policies"), 2);
}
