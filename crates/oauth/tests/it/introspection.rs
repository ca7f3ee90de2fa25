//! Asking about opaque tokens.

use std::sync::Arc;

use portcullis_egress::Naming;
use portcullis_oauth::{
    BackChannel, ClientAuth, ClientIdentity, Discovery, DiscoverySettings, Introspection,
    IntrospectionSettings, IssuerQuery, Pkce,
};
use secrecy::SecretString;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::fake::{Fake, Reply, until};
use crate::world::{TestClock, guarded_client};

const PATH: &str = "/introspect";
const START: u64 = TestClock::START;

fn introspection(fake: &Fake, clock: &Arc<TestClock>) -> Introspection {
    with_settings(fake, clock, IntrospectionSettings::default())
}

fn with_settings(
    fake: &Fake,
    clock: &Arc<TestClock>,
    settings: IntrospectionSettings,
) -> Introspection {
    let auth = ClientAuth::SecretBasic(SecretString::from("our secret"));
    let identity = Arc::new(ClientIdentity::new("gateway", auth).unwrap());
    let channel = BackChannel::without_metadata(
        guarded_client(),
        &fake.origin(),
        identity,
        Naming::Configured,
    );
    Introspection::new(channel, fake.url(PATH), settings, Arc::clone(clock) as _)
}

async fn judged(introspection: &Introspection, token: &str) -> String {
    match introspection.ask(&SecretString::from(token)).await {
        Ok(answer) => answer.json().to_owned(),
        Err(error) => error.code().to_owned(),
    }
}

fn active(expires: u64) -> String {
    json!({"active": true, "sub": "alice", "exp": expires}).to_string()
}

#[tokio::test]
async fn we_authenticate_and_the_token_stands_in_the_form() {
    let fake = Fake::start().await;
    fake.answer(PATH, Reply::json(active(START + 600)));
    let introspection = introspection(&fake, &TestClock::new());
    assert_eq!(judged(&introspection, "t&1").await, active(START + 600));
    let seen = fake.seen();
    assert_eq!(seen[0].method, "POST");
    assert_eq!(
        seen[0].headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    assert_eq!(
        seen[0].headers["authorization"],
        "Basic Z2F0ZXdheTpvdXIrc2VjcmV0"
    );
    assert_eq!(seen[0].body, "token=t%261&token_type_hint=access_token");
}

#[tokio::test]
async fn the_endpoint_is_where_the_metadata_says() {
    let fake = Fake::start().await;
    let clock = TestClock::new();
    let client = guarded_client();
    let discovery = Discovery::new(
        client.clone(),
        DiscoverySettings::default(),
        Arc::clone(&clock) as _,
    );
    let introspection = Introspection::discovered(
        client,
        Arc::new(discovery),
        IssuerQuery::configured(&fake.origin()).with_pkce(Pkce::Unused),
        Arc::new(ClientIdentity::new("gateway", ClientAuth::None).unwrap()),
        IntrospectionSettings::default(),
        Arc::clone(&clock) as _,
    );
    let well_known = "/.well-known/oauth-authorization-server";
    let issuer = fake.origin();
    assert_eq!(judged(&introspection, "a").await, "metadata-not-found");
    fake.answer(well_known, Reply::json(json!({ "issuer": issuer })));
    clock.advance(5);
    assert_eq!(judged(&introspection, "a").await, "endpoint-missing");
    let endpoint = fake.url(PATH);
    let document = json!({"issuer": issuer, "introspection_endpoint": endpoint.as_str()});
    fake.answer(well_known, Reply::json(document));
    fake.answer(PATH, Reply::json(active(START + 600)));
    clock.advance(3600);
    assert_eq!(judged(&introspection, "a").await, active(START + 600));
    assert_eq!(
        fake.seen().last().unwrap().body,
        "token=a&token_type_hint=access_token&client_id=gateway"
    );
}

#[tokio::test]
async fn a_good_answer_is_kept_a_minute_and_never_past_the_tokens_end() {
    let fake = Fake::start().await;
    let clock = TestClock::new();
    let introspection = introspection(&fake, &clock);
    fake.answer(PATH, Reply::json(active(START + 600)));
    judged(&introspection, "long").await;
    fake.answer(PATH, Reply::json(active(START + 20)));
    judged(&introspection, "short").await;
    fake.answer(PATH, Reply::json(r#"{"active":true}"#));
    judged(&introspection, "timeless").await;
    fake.answer(PATH, Reply::json(active(START - 1)));
    judged(&introspection, "over").await;
    assert_eq!(fake.count(PATH), 4);

    // All of them were revoked a moment later.
    fake.answer(PATH, Reply::json(r#"{"active":false}"#));
    let gone = "token-inactive";
    assert_eq!(judged(&introspection, "over").await, gone);
    clock.advance(19);
    assert_ne!(judged(&introspection, "short").await, gone);
    clock.advance(1);
    assert_eq!(judged(&introspection, "short").await, gone);
    clock.advance(39);
    assert_ne!(judged(&introspection, "long").await, gone);
    assert_ne!(judged(&introspection, "timeless").await, gone);
    clock.advance(1);
    assert_eq!(judged(&introspection, "long").await, gone);
    assert_eq!(judged(&introspection, "timeless").await, gone);
}

#[tokio::test]
async fn a_bad_answer_is_kept_shortly_and_a_failure_shorter() {
    let fake = Fake::start().await;
    let clock = TestClock::new();
    let introspection = introspection(&fake, &clock);
    fake.answer(PATH, Reply::json(r#"{"active":false}"#));
    for _ in 0..50 {
        assert_eq!(judged(&introspection, "a").await, "token-inactive");
    }
    assert_eq!(fake.count(PATH), 1);
    fake.answer(PATH, Reply::json(active(START + 600)));
    clock.advance(5);
    assert_eq!(judged(&introspection, "a").await, active(START + 600));

    fake.answer(PATH, Reply::status(500));
    assert_eq!(
        judged(&introspection, "b").await,
        "introspection-unavailable"
    );
    fake.answer(PATH, Reply::status(401));
    assert_eq!(
        judged(&introspection, "b").await,
        "introspection-unavailable"
    );
    clock.advance(1);
    assert_eq!(
        judged(&introspection, "b").await,
        "introspection-unauthorized"
    );
    fake.answer(PATH, Reply::json("<html>"));
    clock.advance(1);
    assert_eq!(judged(&introspection, "b").await, "introspection-answer");
}

#[tokio::test]
async fn five_hundred_calls_with_one_token_ask_once() {
    let fake = Fake::start().await;
    let gate = Arc::new(Semaphore::new(0));
    fake.answer(PATH, Reply::json(active(START + 600)).gated(&gate));
    let introspection = Arc::new(introspection(&fake, &TestClock::new()));
    let tasks: Vec<_> = (0..500)
        .map(|_| {
            let introspection = Arc::clone(&introspection);
            tokio::spawn(async move { judged(&introspection, "a").await })
        })
        .collect();
    until("the first asks", || fake.count(PATH) == 1).await;
    gate.add_permits(1000);
    for task in tasks {
        assert_eq!(task.await.unwrap(), active(START + 600));
    }
    assert_eq!(fake.count(PATH), 1);
}

#[tokio::test]
async fn a_flood_of_tokens_is_bounded() {
    let fake = Fake::start().await;
    let gate = Arc::new(Semaphore::new(0));
    fake.answer(PATH, Reply::json(r#"{"active":false}"#).gated(&gate));
    let settings = IntrospectionSettings {
        parallel: 4,
        capacity: 10,
        ..IntrospectionSettings::default()
    };
    let introspection = Arc::new(with_settings(&fake, &TestClock::new(), settings));
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let introspection = Arc::clone(&introspection);
            tokio::spawn(async move { judged(&introspection, &format!("t{number}")).await })
        })
        .collect();
    until("four are asked about", || fake.count(PATH) == 4).await;
    for allowed in 5..=100 {
        gate.add_permits(1);
        until("another one", || fake.count(PATH) == allowed).await;
    }
    gate.add_permits(4);
    for task in tasks {
        assert_eq!(task.await.unwrap(), "token-inactive");
    }
}

#[tokio::test]
async fn a_token_of_no_sensible_length_is_not_asked_about() {
    let fake = Fake::start().await;
    let introspection = introspection(&fake, &TestClock::new());
    let huge = "x".repeat(1024 * 1024);
    assert_eq!(judged(&introspection, &huge).await, "token-too-large");
    assert_eq!(judged(&introspection, "").await, "token-too-large");
    assert!(fake.paths().is_empty());
}

#[tokio::test]
async fn no_token_and_no_secret_is_shown() {
    let fake = Fake::start().await;
    fake.answer(PATH, Reply::status(500));
    let introspection = introspection(&fake, &TestClock::new());
    let error = introspection
        .ask(&SecretString::from("canary-token"))
        .await
        .unwrap_err();
    let shown = format!("{introspection:?} {error:?} {error}");
    assert!(!shown.contains("canary"), "{shown}");
    assert!(!shown.contains("our secret"), "{shown}");
    introspection.forget();
}
