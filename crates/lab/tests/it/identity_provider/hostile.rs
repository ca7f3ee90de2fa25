use std::time::Duration;

use portcullis_lab::identity_provider::{Endpoint, Fault, Misbehaviour, RefreshRule};
use serde_json::{Value, json};

use super::super::browse::{get, post};
use super::super::entra::claims;
use super::{authorize, provider, redeem, refresh, signed_in};

const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";
const INSTANCE_METADATA: &str = "http://169.254.169.254/latest/meta-data/";

#[tokio::test]
async fn metadata_can_name_anybody() {
    let provider = provider().await;
    for (member, value) in [
        ("issuer", Some(json!("https://honest.example"))),
        ("token_endpoint", Some(json!(INSTANCE_METADATA))),
        ("code_challenge_methods_supported", None),
    ] {
        provider.misbehave(Misbehaviour::Metadata {
            member: member.to_owned(),
            value: value.clone(),
        });
        let document = get(provider.base_url(), WELL_KNOWN).await.json();
        assert_eq!(document.get(member), value.as_ref(), "{member}");
    }
    provider.behave();
    let document = get(provider.base_url(), WELL_KNOWN).await.json();
    assert_eq!(document["issuer"], provider.issuer());
}

#[tokio::test]
async fn the_authorization_response_can_lie() {
    let provider = provider().await;
    let location = async || {
        authorize(&provider, &[])
            .await
            .header("location")
            .to_owned()
    };
    provider.misbehave(Misbehaviour::Iss(None));
    assert!(!location().await.contains("iss="));
    provider.behave();
    provider.misbehave(Misbehaviour::Iss(Some("https://honest.example".to_owned())));
    assert!(
        location()
            .await
            .contains("iss=https%3A%2F%2Fhonest.example")
    );
    provider.misbehave(Misbehaviour::State(Some("an-earlier-one".to_owned())));
    provider.misbehave(Misbehaviour::Code("somebody-elses".to_owned()));
    let answer = authorize(&provider, &[]).await;
    assert_eq!(answer.redirected("state"), "an-earlier-one");
    assert_eq!(answer.redirected("code"), "somebody-elses");
    provider.behave();
    provider.misbehave(Misbehaviour::State(None));
    assert!(!location().await.contains("state="));
    provider.misbehave(Misbehaviour::AuthorizationError("access_denied".to_owned()));
    assert_eq!(
        authorize(&provider, &[]).await.redirected("error"),
        "access_denied"
    );
}

#[tokio::test]
async fn a_redirect_uri_can_be_a_prefix_only() {
    let provider = provider().await;
    let evil = "http://127.0.0.1/oauth/callback.evil.example/";
    assert_eq!(
        authorize(&provider, &[("redirect_uri", evil)]).await.status,
        400
    );
    provider.misbehave(Misbehaviour::RedirectByPrefix);
    authorize(&provider, &[("redirect_uri", evil)])
        .await
        .redirected("code");
}

#[tokio::test]
async fn endpoints_can_lead_elsewhere() {
    let provider = provider().await;
    provider.misbehave(Misbehaviour::Redirects {
        endpoint: Endpoint::Metadata,
        hops: 2,
        last: INSTANCE_METADATA.to_owned(),
        status: 307,
    });
    let mut next = format!("{}{WELL_KNOWN}", provider.base_url());
    for hop in 0..=2 {
        let answer = get(&next, "").await;
        assert_eq!(answer.status, 307, "{hop}");
        next = answer.header("location").to_owned();
    }
    assert_eq!(next, INSTANCE_METADATA);
    assert_eq!(provider.requests(WELL_KNOWN), 3);
}

#[tokio::test]
async fn tokens_can_be_other_than_asked() {
    let provider = provider().await;
    provider.misbehave(Misbehaviour::WiderScope(vec!["admin".to_owned()]));
    provider.misbehave(Misbehaviour::Claims(
        json!({"aud": "https://other.example", "jti": null}),
    ));
    provider.misbehave(Misbehaviour::TokenResponse(
        json!({"token_type": "mac", "expires_in": null}),
    ));
    let body = signed_in(&provider).await;
    assert_eq!(body["scope"], "tools.read tools.call admin");
    assert_eq!(
        (&body["token_type"], body.get("expires_in")),
        (&json!("mac"), None)
    );
    let claims = claims(&body, "access_token");
    assert_eq!(
        (&claims["aud"], claims.get("jti")),
        (&json!("https://other.example"), None)
    );
    provider.misbehave(Misbehaviour::Introspected(json!({"active": true})));
    let form = "client_id=gateway&client_secret=lab-provider-secret&token=never-issued";
    let endpoint = provider.endpoint("introspection_endpoint").unwrap();
    let answer = post(endpoint, "", &[], form.to_owned()).await;
    assert_eq!(answer.json()["active"], true);
}

#[tokio::test]
async fn refresh_tokens_follow_the_rule() {
    for (rule, renewed, reused) in [
        (RefreshRule::Rotated, Some(true), false),
        (RefreshRule::RotatedLeniently, Some(true), true),
        (RefreshRule::Kept, Some(false), true),
        (RefreshRule::Unnamed, None, true),
        (RefreshRule::Once, None, false),
    ] {
        let provider = provider().await;
        provider.misbehave(Misbehaviour::Refresh(rule));
        let first = signed_in(&provider).await;
        let second = refresh(&provider, &first).await.json();
        let next = second.get("refresh_token");
        assert_eq!(
            next.map(|next| *next != first["refresh_token"]),
            renewed,
            "{rule:?}"
        );
        assert_eq!(
            refresh(&provider, &first).await.status == 200,
            reused,
            "{rule:?}"
        );
    }
}

#[tokio::test]
async fn answers_can_be_broken() {
    let provider = provider().await;
    let broken = async |how: Fault| {
        provider.behave();
        provider.misbehave(Misbehaviour::Broken {
            endpoint: Endpoint::Metadata,
            how,
        });
        get(provider.base_url(), WELL_KNOWN).await
    };
    assert!(
        broken(Fault::Html)
            .await
            .header("content-type")
            .starts_with("text/html")
    );
    let page = broken(Fault::HtmlAsJson).await;
    assert_eq!(page.header("content-type"), "application/json");
    assert!(page.body.starts_with('<'));
    assert!(broken(Fault::Huge(2_000_000)).await.body.len() > 2_000_000);
    let twice = broken(Fault::DuplicateMember).await.body;
    // Which member comes first, and so stands twice, is for the writer to say.
    let count = |name: &str| twice.matches(&format!("\"{name}\":")).count();
    assert_eq!(
        count("authorization_endpoint") + count("issuer"),
        3,
        "{twice}"
    );
    serde_json::from_str::<Value>(&twice).unwrap();
    assert!(broken(Fault::NotUtf8).await.body.contains('\u{fffd}'));
    assert!(
        broken(Fault::Deep(500))
            .await
            .body
            .contains(&"[".repeat(500))
    );
    let busy = broken(Fault::Status(503)).await;
    assert_eq!((busy.status, busy.header("retry-after")), (503, "1"));
    let started = std::time::Instant::now();
    assert_eq!(
        broken(Fault::Slow(150)).await.json()["issuer"],
        provider.issuer()
    );
    assert!(started.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn connections_can_break_or_stall() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let provider = provider().await;
    for (how, ends) in [
        (Fault::Truncated, true),
        (Fault::Closes, true),
        (Fault::Stalls, false),
    ] {
        provider.behave();
        provider.misbehave(Misbehaviour::Broken {
            endpoint: Endpoint::Keys,
            how,
        });
        let address = provider.base_url().trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET /jwks HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = Vec::new();
        let patience = Duration::from_secs(if ends { 10 } else { 1 });
        let read = tokio::time::timeout(patience, stream.read_to_end(&mut text)).await;
        assert_eq!(read.is_ok(), ends, "{how:?}");
        // No last chunk: whoever reads it knows that something is missing.
        assert!(!text.ends_with(b"0\r\n\r\n"), "{how:?}");
    }
}

#[tokio::test]
async fn a_code_that_was_injected_does_not_fit_the_verifier() {
    let provider = provider().await;
    let other = "x".repeat(43);
    let stolen = authorize(&provider, &[("code_challenge", &other)])
        .await
        .redirected("code");
    provider.misbehave(Misbehaviour::Code(stolen.clone()));
    let code = authorize(&provider, &[]).await.redirected("code");
    assert_eq!(code, stolen);
    assert_eq!(
        redeem(&provider, &code, &[]).await.json()["error"],
        "invalid_grant"
    );
}

#[tokio::test]
async fn another_process_can_tell_it_to_misbehave() {
    let provider = provider().await;
    let url = format!("{}/lab/misbehaviours", provider.base_url());
    let told = json!({"refresh": "kept"}).to_string();
    assert_eq!(post(&url, "", &[], told).await.status, 200);
    let first = signed_in(&provider).await;
    assert_eq!(
        refresh(&provider, &first).await.json()["refresh_token"],
        first["refresh_token"]
    );
    assert_eq!(
        post(&url, "", &[], "\"unheard-of\"".to_owned())
            .await
            .status,
        400
    );
}
