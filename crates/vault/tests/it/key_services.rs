//! HashiCorp Vault and Azure Key Vault, down to their refusals.

use std::sync::Arc;

use portcullis_vault::keys::{Azure, AzureKey, Key, KeyError, KeyProvider, Transit, TransitKey};
use portcullis_vault::{Providers, Secret};

use crate::fakes::azure::{self, AUTHORITY, Tokens};
use crate::fakes::hashicorp::{self, Hashicorp, NAMESPACE, TOKEN};
use crate::fakes::http::client;
use crate::world::{World, place};

fn transit(fake: &Hashicorp, token: &str) -> Transit {
    transit_at(&fake.address(), token, Some(NAMESPACE))
}

fn transit_at(address: &str, token: &str, namespace: Option<&str>) -> Transit {
    let key = TransitKey::parse(address, namespace).unwrap();
    Transit::new(key, client(), Arc::new(Secret::from(token)))
}

fn azure_key(fake: &azure::Azure, tokens: Arc<Tokens>) -> Azure {
    Azure::new(
        AzureKey::parse(&fake.identifier()).unwrap(),
        client(),
        tokens,
    )
}

async fn is_same(provider: &dyn KeyProvider, wrapped: &[u8], key: &Key) -> bool {
    // Keys show nothing: they are the same when each opens what the other wraps to.
    let again = provider.unwrap(wrapped, b"here").await.unwrap();
    let place = place("ana", "crm");
    let binding = portcullis_vault::envelope::Binding {
        id: "r",
        key: &place,
        key_id: "k",
    };
    let sealed = portcullis_vault::envelope::seal(key, &binding, &Secret::from("x")).unwrap();
    portcullis_vault::envelope::open(&again, &binding, &sealed).is_ok()
}

/// What both promise in a good mood.
async fn check(provider: &dyn KeyProvider) {
    let key = Key::random().unwrap();
    let wrapped = provider.wrap(&key, b"here").await.unwrap();
    assert!(is_same(provider, &wrapped, &key).await);
    let elsewhere = provider.unwrap(&wrapped, b"there").await;
    assert!(matches!(elsewhere, Err(KeyError::Damaged)), "{elsewhere:?}");
    for forged in [
        &b""[..],
        b"vault:v1:",
        b"vault:v9:AAAA",
        b"\x01",
        b"\x01\x02ab\xff\xff",
    ] {
        let opened = provider.unwrap(forged, b"here").await;
        assert!(matches!(opened, Err(KeyError::Damaged)), "{opened:?}");
    }
}

#[tokio::test]
async fn transit_wraps_and_unwraps() {
    for derived in [false, true] {
        let fake = Hashicorp::start(derived).await;
        check(&transit(&fake, TOKEN)).await;
    }
}

#[tokio::test]
async fn transit_opens_what_an_older_version_wrapped_while_that_is_allowed() {
    let fake = Hashicorp::start(true).await;
    let provider = transit(&fake, TOKEN);
    let key = Key::random().unwrap();
    let old = provider.wrap(&key, b"here").await.unwrap();
    assert!(old.starts_with(b"vault:v1:"));
    fake.change(hashicorp::State::rotate);
    let new = provider.wrap(&key, b"here").await.unwrap();
    assert!(new.starts_with(b"vault:v2:"));
    assert!(is_same(&provider, &old, &key).await);
    fake.change(|state| state.min_decryption_version = 2);
    let refused = provider.unwrap(&old, b"here").await;
    assert!(
        matches!(refused, Err(KeyError::Refused { status: 400 })),
        "{refused:?}"
    );
    assert!(is_same(&provider, &new, &key).await);
}

#[tokio::test]
async fn transit_refusals_are_told_apart() {
    let fake = Hashicorp::start(false).await;
    let good = transit(&fake, TOKEN);
    let wrapped = good.wrap(&Key::random().unwrap(), b"here").await.unwrap();
    let kind = |result: Result<Key, KeyError>| match result {
        Ok(_) => "ok",
        Err(KeyError::Refused { status: 403 }) => "403",
        Err(KeyError::Unavailable(_)) => "away",
        Err(KeyError::Unknown) => "unknown",
        Err(KeyError::Answer { .. }) => "answer",
        Err(KeyError::Credential(_)) => "credential",
        Err(other) => panic!("{other:?}"),
    };
    let address = fake.address();
    for (provider, expected) in [
        (transit(&fake, TOKEN), "ok"),
        (transit(&fake, "hvs.other"), "403"),
        (transit(&fake, "two\nlines"), "credential"),
        (transit_at(&address, TOKEN, None), "403"),
        (transit_at(&address, TOKEN, Some("team-b")), "403"),
        (
            transit_at(
                &address.replace("transit", "secret"),
                TOKEN,
                Some(NAMESPACE),
            ),
            "unknown",
        ),
        (
            transit_at("http://127.0.0.1:1/transit/gate", TOKEN, None),
            "away",
        ),
    ] {
        assert_eq!(kind(provider.unwrap(&wrapped, b"here").await), expected);
    }
    use hashicorp::Mood;
    for (mood, expected) in [
        (Mood::Sealed, "away"),
        (Mood::StandBy, "away"),
        (Mood::RateLimited, "away"),
        (Mood::Mute, "answer"),
        (Mood::Well, "ok"),
    ] {
        fake.change(|state| state.mood = mood);
        assert_eq!(
            kind(good.unwrap(&wrapped, b"here").await),
            expected,
            "{mood:?}"
        );
        let wraps = good.wrap(&Key::random().unwrap(), b"here").await.is_ok();
        assert_eq!(wraps, expected == "ok", "{mood:?}");
    }
    fake.change(|state| state.exists = false);
    assert_eq!(kind(good.unwrap(&wrapped, b"here").await), "unknown");
}

#[tokio::test]
async fn key_vault_wraps_and_unwraps() {
    let fake = azure::Azure::start().await;
    let tokens = Arc::new(Tokens::of("token-1"));
    let provider = azure_key(&fake, Arc::clone(&tokens));
    check(&provider).await;
    // It was asked for a token of this vault, and the key stayed here until then.
    let asked = tokens.asked.lock().unwrap().clone();
    assert_eq!(asked[0].scope, format!("{}/.default", fake.server.url()));
    assert_eq!(asked[0].authority, AUTHORITY);
    let without = fake.state.lock().unwrap().bodies_without_token.clone();
    assert_eq!(without.len(), 1);
    assert!(without.iter().all(hyper::body::Bytes::is_empty));
}

#[tokio::test]
async fn key_vault_opens_what_an_older_version_wrapped() {
    let fake = azure::Azure::start().await;
    let provider = azure_key(&fake, Arc::new(Tokens::of("token-1")));
    let key = Key::random().unwrap();
    let old = provider.wrap(&key, b"here").await.unwrap();
    fake.change(azure::State::rotate);
    let new = provider.wrap(&key, b"here").await.unwrap();
    assert_ne!(old[2..34], new[2..34]);
    assert!(is_same(&provider, &old, &key).await);
    assert!(is_same(&provider, &new, &key).await);
    // Pinned to a version, it goes on wrapping with that one.
    let pinned = format!("{}/{:032x}", fake.identifier(), 1);
    let pinned = Azure::new(
        AzureKey::parse(&pinned).unwrap(),
        client(),
        Arc::new(Tokens::of("token-1")),
    );
    let wrapped = pinned.wrap(&key, b"here").await.unwrap();
    assert_eq!(wrapped[2..34], old[2..34]);
    assert_eq!(pinned.id(), provider.id());
    fake.change(|state| drop(state.versions.remove(0)));
    let gone = provider.unwrap(&old, b"here").await;
    assert!(matches!(gone, Err(KeyError::Unknown)), "{gone:?}");
}

#[tokio::test]
async fn key_vault_gets_no_token_of_another_resource() {
    let fake = azure::Azure::start().await;
    let tokens = Arc::new(Tokens::of("token-1"));
    let provider = azure_key(&fake, Arc::clone(&tokens));
    for resource in [
        "https://graph.microsoft.com",
        "https://vault.azure.net",
        "http://127.0.0.1:1",
    ] {
        fake.change(|state| state.resource = resource.to_owned());
        let refused = provider.wrap(&Key::random().unwrap(), b"here").await;
        assert!(
            matches!(refused, Err(KeyError::ForeignResource)),
            "{refused:?}"
        );
    }
    assert!(tokens.asked.lock().unwrap().is_empty());
    assert!(fake.state.lock().unwrap().tokens_seen.is_empty());
}

#[tokio::test]
async fn key_vault_refusals_are_told_apart() {
    let fake = azure::Azure::start().await;
    let tokens = Arc::new(Tokens::of("token-1"));
    let provider = azure_key(&fake, Arc::clone(&tokens));
    let wrapped = provider
        .wrap(&Key::random().unwrap(), b"here")
        .await
        .unwrap();
    use azure::Mood;
    for (mood, expected) in [
        (Mood::Throttled, "away"),
        (Mood::Down, "away"),
        (Mood::Forbidden, "403"),
        (Mood::Disabled, "403"),
        (Mood::Gone, "unknown"),
        (Mood::Well, "ok"),
    ] {
        fake.change(|state| state.mood = mood);
        let kind = match provider.unwrap(&wrapped, b"here").await {
            Ok(_) => "ok",
            Err(KeyError::Unavailable(_)) => "away",
            Err(KeyError::Refused { status: 403 }) => "403",
            Err(KeyError::Unknown) => "unknown",
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(kind, expected, "{mood:?}");
    }
    // A token that is not taken is sent once, not for ever.
    *tokens.token.lock().unwrap() = Some("stale".to_owned());
    let seen = fake.state.lock().unwrap().tokens_seen.len();
    let refused = provider.unwrap(&wrapped, b"here").await;
    assert!(
        matches!(refused, Err(KeyError::Refused { status: 401 })),
        "{refused:?}"
    );
    assert_eq!(fake.state.lock().unwrap().tokens_seen.len(), seen + 1);
    *tokens.token.lock().unwrap() = None;
    let none = provider.unwrap(&wrapped, b"here").await;
    assert!(matches!(none, Err(KeyError::Credential(_))), "{none:?}");
}

#[tokio::test]
async fn key_vault_may_ask_for_a_token_with_claims() {
    let fake = azure::Azure::start().await;
    let tokens = Tokens {
        with_claims: Some("token-2".to_owned()),
        ..Tokens::of("token-1")
    };
    let tokens = Arc::new(tokens);
    let provider = azure_key(&fake, Arc::clone(&tokens));
    let wrapped = provider
        .wrap(&Key::random().unwrap(), b"here")
        .await
        .unwrap();
    // The session was revoked: continuous access evaluation wants another token.
    fake.change(|state| {
        state.claims = Some("eyJhY2Nlc3NfdG9rZW4iOnt9fQ==".to_owned());
        state.good_token = "token-2".to_owned();
    });
    provider.unwrap(&wrapped, b"here").await.unwrap();
    let asked = tokens.asked.lock().unwrap().clone();
    let claims = asked.last().unwrap().claims.as_deref();
    assert_eq!(claims, Some("eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="));
}

#[tokio::test]
async fn a_vault_stands_on_either() {
    let transit_fake = Hashicorp::start(true).await;
    let azure_fake = azure::Azure::start().await;
    let world = World::new().await;
    let on_transit = Arc::new(transit(&transit_fake, TOKEN));
    let on_azure = Arc::new(azure_key(&azure_fake, Arc::new(Tokens::of("token-1"))));
    let vault = world.vault_with(Providers::one(Arc::clone(&on_transit) as _));
    let vault = vault.await.unwrap();
    let key = place("ana", "crm");
    vault.put(&key, &Secret::from("x"), None).await.unwrap();
    // From one to the other.
    let both = Providers {
        current: Arc::clone(&on_azure) as _,
        former: vec![on_transit],
    };
    let vault = world.vault_with(both).await.unwrap();
    vault.rotate(&|_| {}).await.unwrap();
    let vault = world.vault_with(Providers::one(on_azure)).await.unwrap();
    let opened = vault.get(&key).await.unwrap().unwrap();
    assert_eq!(opened.secret.expose(), b"x");
}
