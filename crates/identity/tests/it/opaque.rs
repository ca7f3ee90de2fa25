//! Tokens that only their issuer can read.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use portcullis_egress::{Client, Limits, Naming, Settings};
use portcullis_lab::identity_provider::{
    Endpoint as Place, Fault, IdentityProvider, Misbehaviour, ProviderSettings,
};
use serde_json::json;

use crate::world::{RESOURCE, World};

async fn provider(opaque: bool) -> IdentityProvider {
    let settings = ProviderSettings {
        opaque,
        ..ProviderSettings::default()
    };
    let provider = IdentityProvider::start(settings).await.unwrap();
    provider.set_time(Some(1_800_000_000));
    provider
}

fn authn(name: &str, provider: &IdentityProvider, opaque: bool) -> String {
    let form = if opaque { "opaque" } else { "jwt" };
    format!(
        "[authn.issuers.{name}]\nkind = \"oidc\"\nissuer = \"{}\"\ntokens = \"{form}\"\n\
         [authn.issuers.{name}.client]\nid = \"gateway\"\nsecret = SECRET\n",
        provider.issuer()
    )
}

fn mint(provider: &IdentityProvider) -> String {
    provider
        .mint("host-1", "tools.read", Some(RESOURCE))
        .unwrap()
}

fn asked(provider: &IdentityProvider) -> usize {
    let endpoint = provider.endpoint("introspection_endpoint").unwrap();
    provider.requests(endpoint.strip_prefix(provider.base_url()).unwrap())
}

async fn revoke(provider: &IdentityProvider, token: &str) {
    let client = Client::new(&Settings {
        use_system_roots: false,
        ..Settings::default()
    });
    let request = Request::post(provider.endpoint("revocation_endpoint").unwrap())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(format!(
            "token={token}&client_id=gateway&client_secret=lab-provider-secret"
        )));
    let answer = client
        .unwrap()
        .send(request.unwrap(), Naming::Configured, &Limits::default())
        .await;
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test]
async fn a_revoked_token_stops_working_within_a_minute() {
    let provider = provider(true).await;
    let world = World::new(&authn("corp", &provider, true)).await;
    let token = mint(&provider);
    for _ in 0..20 {
        assert_eq!(world.bearer(&token).await, "User corp:ada");
    }
    assert_eq!(asked(&provider), 1);

    revoke(&provider, &token).await;
    assert_eq!(world.bearer(&token).await, "User corp:ada");
    world.advance(59);
    assert_eq!(world.bearer(&token).await, "User corp:ada");
    world.advance(1);
    assert_eq!(world.bearer(&token).await, "token-inactive (invalid, -)");

    let other = mint(&provider);
    assert_eq!(world.bearer(&other).await, "User corp:ada");
    revoke(&provider, &other).await;
    world.issuers.forget();
    assert_eq!(world.bearer(&other).await, "token-inactive (invalid, -)");
    assert_eq!(
        world.bearer("never-given").await,
        "token-inactive (invalid, -)"
    );
}

#[tokio::test]
async fn many_who_show_one_token_cause_one_question() {
    let provider = provider(true).await;
    let world = Arc::new(World::new(&authn("corp", &provider, true)).await);
    let token = mint(&provider);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (world, token) = (Arc::clone(&world), token.clone());
        calls.spawn(async move { world.bearer(&token).await });
    }
    for outcome in calls.join_all().await {
        assert_eq!(outcome, "User corp:ada");
    }
    assert_eq!(asked(&provider), 1);
}

#[tokio::test]
async fn each_form_of_token_goes_its_own_way() {
    let (signing, opaque) = (provider(false).await, provider(true).await);
    let both = authn("signing", &signing, false) + &authn("opaque", &opaque, true);
    let world = World::new(&both).await;
    assert_eq!(world.bearer(&mint(&signing)).await, "User signing:ada");
    assert_eq!(asked(&opaque), 0);
    assert_eq!(world.bearer(&mint(&opaque)).await, "User opaque:ada");
    assert_eq!((asked(&opaque), asked(&signing)), (1, 0));

    // A signed token of the issuer whose tokens are opaque is not looked into, here or there.
    let key = opaque.current_key().unwrap();
    let header = json!({"typ": "at+jwt", "alg": "RS256", "kid": key.kid()});
    let claims = json!({"iss": opaque.issuer(), "sub": "ada", "aud": RESOURCE});
    let signed = key.sign(&header, &claims).unwrap();
    assert_eq!(world.bearer(&signed).await, "issuer-unknown (invalid, -)");
    assert_eq!(asked(&opaque), 1);
}

#[tokio::test]
async fn no_issuer_is_told_the_tokens_of_another() {
    let (one, two) = (provider(true).await, provider(true).await);
    let both = authn("one", &one, true) + &authn("two", &two, true);
    let mut world = World::new(&both).await;
    let token = mint(&one);
    assert_eq!(world.bearer(&token).await, "issuer-ambiguous (invalid, -)");
    assert_eq!((asked(&one), asked(&two)), (0, 0));
    let audiences = vec![RESOURCE.to_owned()];
    world.endpoint = portcullis_identity::Endpoint::new([("one".to_owned(), audiences)]);
    assert_eq!(world.bearer(&token).await, "User one:ada");
    assert_eq!(asked(&two), 0);
}

#[tokio::test]
async fn an_issuer_that_gives_no_answer_lets_nobody_in() {
    let provider = provider(true).await;
    let authn = authn("corp", &provider, true);
    let world = World::new(&authn).await;
    let token = mint(&provider);
    for how in [Fault::Status(503), Fault::Html, Fault::Closes] {
        provider.misbehave(Misbehaviour::Broken {
            endpoint: Place::Introspection,
            how,
        });
        let outcome = world.bearer(&token).await;
        assert!(
            outcome.starts_with("issuer-unavailable (unavailable,"),
            "{how:?} {outcome}"
        );
        provider.behave();
        world.advance(1);
    }
    world.secret("not-the-secret");
    let world = world.reload(&authn).await;
    assert_eq!(
        world.bearer(&token).await,
        "introspection-refused (unavailable, introspection-unauthorized)"
    );
    world.secret("lab-provider-secret");
    let world = world.reload(&authn).await;
    assert_eq!(world.bearer(&token).await, "User corp:ada");

    // The answer is judged like a token's claims.
    provider.misbehave(Misbehaviour::Introspected(
        json!({"aud": "https://other.example"}),
    ));
    world.issuers.forget();
    assert_eq!(world.bearer(&token).await, "audience-wrong (invalid, -)");
}
