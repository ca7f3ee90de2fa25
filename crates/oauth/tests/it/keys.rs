//! The keys of issuers that rotate them, take them away, go down and come back.

use std::sync::Arc;
use std::time::Duration;

use portcullis_egress::Client;
use portcullis_oauth::{
    Discovery, DiscoverySettings, IssuerQuery, KeyCache, KeyPlace, KeySettings, Pkce,
};
use portcullis_token::Algorithm;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::fake::{Fake, Reply, until};
use crate::world::{TestClock, guarded_client, jwks, open_client};

const KEYS: &str = "/keys";
const HOUR: u64 = 3600;

fn cache(fake: &Fake, clock: &Arc<TestClock>) -> KeyCache {
    KeyCache::new(
        guarded_client(),
        KeyPlace::Address(fake.url(KEYS)),
        KeySettings::default(),
        Arc::clone(clock) as _,
    )
}

/// What a token with this key id meets: the ids of the keys it is judged with, or why there are none.
async fn judged(cache: &KeyCache, key_id: &str) -> Result<String, &'static str> {
    match cache.for_token(Some(key_id), Algorithm::Es256).await {
        Ok(keys) => {
            let ids: Vec<_> = keys.keys().iter().filter_map(|key| key.id()).collect();
            Ok(ids.join(" "))
        }
        Err(error) => Err(error.code()),
    }
}

#[tokio::test]
async fn keys_are_fetched_at_first_use_and_then_at_hand() {
    let fake = Fake::start().await;
    fake.answer(KEYS, Reply::json(jwks(&["a", "b"])));
    let clock = TestClock::new();
    let cache = cache(&fake, &clock);
    assert!(fake.paths().is_empty());
    for _ in 0..100 {
        assert_eq!(judged(&cache, "a").await.unwrap(), "a b");
    }
    assert_eq!(fake.count(KEYS), 1);
    assert_eq!(cache.fetches(), 1);
}

#[tokio::test]
async fn five_hundred_validations_at_once_cause_one_fetch() {
    let fake = Fake::start().await;
    let gate = Arc::new(Semaphore::new(0));
    fake.answer(KEYS, Reply::json(jwks(&["a"])).gated(&gate));
    let cache = cache(&fake, &TestClock::new());
    let tasks: Vec<_> = (0..500)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { judged(&cache, "a").await })
        })
        .collect();
    until("the first asks", || fake.count(KEYS) == 1).await;
    gate.add_permits(1000);
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), "a");
    }
    assert_eq!(fake.count(KEYS), 1);
}

#[tokio::test]
async fn a_new_key_is_found_when_its_first_token_comes() {
    let fake = Fake::start().await;
    fake.answer(KEYS, Reply::json(jwks(&["old"])));
    let clock = TestClock::new();
    let cache = cache(&fake, &clock);
    assert_eq!(judged(&cache, "old").await.unwrap(), "old");
    fake.answer(KEYS, Reply::json(jwks(&["old", "new"])));
    clock.advance(HOUR);
    let gate = Arc::new(Semaphore::new(0));
    fake.answer(KEYS, Reply::json(jwks(&["old", "new"])).gated(&gate));
    let waiting = {
        let cache = cache.clone();
        tokio::spawn(async move { judged(&cache, "new").await })
    };
    until("the new key is asked for", || fake.count(KEYS) == 2).await;
    // Nobody with a known key waits for that.
    assert_eq!(judged(&cache, "old").await.unwrap(), "old");
    gate.add_permits(1);
    assert_eq!(waiting.await.unwrap().unwrap(), "old new");
}

#[tokio::test]
async fn a_storm_of_unknown_keys_does_not_reach_the_issuer() {
    let fake = Fake::start().await;
    fake.answer(KEYS, Reply::json(jwks(&["a"])));
    let clock = TestClock::new();
    let cache = cache(&fake, &clock);
    assert_eq!(judged(&cache, "a").await.unwrap(), "a");
    for number in 0..1000 {
        let unknown = judged(&cache, &format!("random-{number}")).await;
        assert_eq!(unknown, Err("key-unknown"));
    }
    assert_eq!(fake.count(KEYS), 1, "it was asked a moment ago");
    let tasks: Vec<_> = (0..600)
        .map(|number| {
            let (cache, clock) = (cache.clone(), Arc::clone(&clock));
            tokio::spawn(async move {
                // Ten minutes, in which a thousand such tokens come every second.
                clock.advance(1);
                judged(&cache, &format!("storm-{number}")).await
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Err("key-unknown"));
    }
    let asked = fake.count(KEYS) - 1;
    assert!((1..=20).contains(&asked), "{asked} requests in ten minutes");
    assert_eq!(judged(&cache, "a").await.unwrap(), "a");
}

#[tokio::test]
async fn callers_that_hang_up_neither_end_a_fetch_nor_buy_another() {
    let fake = Fake::start().await;
    let gate = Arc::new(Semaphore::new(0));
    fake.answer(KEYS, Reply::json(jwks(&["a"])).gated(&gate));
    let cache = cache(&fake, &TestClock::new());
    for _ in 0..20 {
        let hasty = {
            let cache = cache.clone();
            tokio::spawn(async move { judged(&cache, "a").await })
        };
        until("it is asked", || fake.count(KEYS) >= 1).await;
        hasty.abort();
        assert!(hasty.await.unwrap_err().is_cancelled());
    }
    gate.add_permits(100);
    assert_eq!(judged(&cache, "a").await.unwrap(), "a");
    assert_eq!(fake.count(KEYS), 1);
}

#[tokio::test]
async fn old_keys_are_renewed_beside_the_calls() {
    let fake = Fake::start().await;
    fake.answer(KEYS, Reply::json(jwks(&["a"])));
    let clock = TestClock::new();
    let cache = cache(&fake, &clock);
    assert_eq!(judged(&cache, "a").await.unwrap(), "a");
    let gate = Arc::new(Semaphore::new(0));
    fake.answer(KEYS, Reply::json(jwks(&["b"])).gated(&gate));
    clock.advance(24 * HOUR - 1);
    assert_eq!(judged(&cache, "a").await.unwrap(), "a");
    assert_eq!(cache.fetches(), 1);
    clock.advance(1);
    for _ in 0..50 {
        assert_eq!(judged(&cache, "a").await.unwrap(), "a");
    }
    until("the keys are asked for", || fake.count(KEYS) == 2).await;
    gate.add_permits(1);
    until("the keys are there", || cache.fetches() == 2).await;
    // The key that the issuer took away is gone with the first answer without it.
    assert_eq!(judged(&cache, "a").await, Err("key-unknown"));
    assert_eq!(judged(&cache, "b").await.unwrap(), "b");
    assert_eq!(fake.count(KEYS), 2);
}

#[tokio::test]
async fn an_issuer_that_wants_to_be_asked_earlier_is_within_reason() {
    for (max_age, asked_again_after) in [
        ("max-age=600", 600),
        ("max-age=0", 300),
        ("max-age=9999999", 24 * HOUR),
    ] {
        let fake = Fake::start().await;
        fake.answer(
            KEYS,
            Reply::json(jwks(&["a"])).header("cache-control", max_age),
        );
        let clock = TestClock::new();
        let cache = cache(&fake, &clock);
        assert_eq!(judged(&cache, "a").await.unwrap(), "a");
        clock.advance(asked_again_after - 1);
        assert_eq!(judged(&cache, "a").await.unwrap(), "a");
        let early = until("no request", || fake.count(KEYS) > 1);
        let early = tokio::time::timeout(Duration::from_millis(100), early).await;
        assert!(early.is_err(), "{max_age}: asked too early");
        clock.advance(1);
        assert_eq!(judged(&cache, "a").await.unwrap(), "a");
        until(max_age, || cache.fetches() == 2).await;
    }
}

#[tokio::test]
async fn an_issuer_that_is_down_for_ten_minutes_is_not_missed() {
    let fake = Fake::start().await;
    fake.answer(KEYS, Reply::json(jwks(&["a"])));
    let clock = TestClock::new();
    let cache = cache(&fake, &clock);
    assert_eq!(judged(&cache, "a").await.unwrap(), "a");
    clock.advance(24 * HOUR);
    fake.answer(KEYS, Reply::status(503));
    let mut fetches = 1;
    for second in 0..600 {
        assert_eq!(judged(&cache, "a").await.unwrap(), "a", "second {second}");
        if second % 5 == 0 {
            fetches += 1;
            until("a retry", || cache.fetches() == fetches).await;
        }
        clock.advance(1);
    }
    assert_eq!(fake.count(KEYS), 121, "once in five seconds");
    fake.answer(KEYS, Reply::json(jwks(&["b"])));
    assert_eq!(judged(&cache, "b").await.unwrap(), "b");
}

#[tokio::test]
async fn keys_of_an_issuer_that_stays_down_end_with_their_bound() {
    let fake = Fake::start().await;
    fake.answer(KEYS, Reply::json(jwks(&["a"])));
    let clock = TestClock::new();
    let cache = cache(&fake, &clock);
    assert_eq!(judged(&cache, "a").await.unwrap(), "a");
    fake.answer(KEYS, Reply::status(503));
    clock.advance(48 * HOUR - 1);
    assert_eq!(judged(&cache, "a").await.unwrap(), "a");
    until("a retry", || cache.fetches() == 2).await;
    clock.advance(1);
    assert_eq!(judged(&cache, "a").await, Err("keys-unavailable"));
    assert_eq!(fake.count(KEYS), 2, "no retry within five seconds");
    clock.advance(5);
    fake.answer(KEYS, Reply::json(jwks(&["a"])));
    assert_eq!(judged(&cache, "a").await.unwrap(), "a");
}

#[tokio::test]
async fn an_issuer_that_is_down_at_the_start_is_asked_again_soon() {
    let fake = Fake::start().await;
    let clock = TestClock::new();
    let cache = cache(&fake, &clock);
    for _ in 0..100 {
        let error = cache.load().await.unwrap_err();
        assert_eq!(error.code(), "keys-unavailable");
        assert!(error.is_outage());
    }
    assert_eq!(fake.count(KEYS), 1);
    fake.answer(KEYS, Reply::json(jwks(&["a"])));
    clock.advance(5);
    assert_eq!(judged(&cache, "a").await.unwrap(), "a");
}

#[tokio::test]
async fn what_is_no_jwk_set_changes_nothing() {
    let fake = Fake::start().await;
    let clock = TestClock::new();
    let cache = cache(&fake, &clock);
    fake.answer(KEYS, Reply::json(jwks(&["a"])));
    assert_eq!(judged(&cache, "a").await.unwrap(), "a");
    let good = jwks(&["b"]).to_string();
    let twice = format!(r#"{{"keys":[],{}"#, good.trim_start_matches('{'));
    for wrong in [
        "".to_owned(),
        "{}".to_owned(),
        r#"{"keys":{}}"#.to_owned(),
        "<html>".to_owned(),
        twice,
        format!("{good}{}", " ".repeat(600 * 1024)),
    ] {
        fake.answer(KEYS, Reply::json(wrong));
        let before = cache.fetches();
        clock.advance(30);
        assert_eq!(judged(&cache, "b").await, Err("key-unknown"));
        assert_eq!(cache.fetches(), before + 1);
        assert_eq!(judged(&cache, "a").await.unwrap(), "a");
    }
    // An issuer that has no keys any more says so with an empty set.
    fake.answer(KEYS, Reply::json(r#"{"keys":[]}"#));
    clock.advance(30);
    assert_eq!(judged(&cache, "b").await, Err("key-unknown"));
    assert_eq!(judged(&cache, "a").await, Err("key-unknown"));
}

fn discovered(fake: &Fake, client: &Client, clock: &Arc<TestClock>, jwks_uri: &str) -> KeyCache {
    let issuer = fake.origin();
    let document = json!({"issuer": issuer, "jwks_uri": jwks_uri});
    fake.answer(
        "/.well-known/oauth-authorization-server",
        Reply::json(document),
    );
    let clock = Arc::clone(clock);
    let discovery = Discovery::new(client.clone(), DiscoverySettings::default(), clock.clone());
    let query = IssuerQuery::configured(&issuer).with_pkce(Pkce::Unused);
    KeyCache::new(
        client.clone(),
        KeyPlace::Discovered(Arc::new(discovery), query),
        KeySettings::default(),
        clock,
    )
}

#[tokio::test]
async fn keys_are_where_the_metadata_says_but_only_where_it_may_say() {
    let fake = Fake::start().await;
    let other = Fake::start().await;
    let clock = TestClock::new();
    fake.answer(KEYS, Reply::json(jwks(&["a"])));
    other.answer(KEYS, Reply::json(jwks(&["evil"])));
    let own = discovered(&fake, &guarded_client(), &clock, fake.url(KEYS).as_str());
    assert_eq!(judged(&own, "a").await.unwrap(), "a");

    // Another origin is a stranger's word, though the operator named the issuer.
    let foreign = discovered(&fake, &guarded_client(), &clock, other.url(KEYS).as_str());
    assert_eq!(judged(&foreign, "evil").await, Err("keys-unavailable"));
    assert!(other.paths().is_empty());
    let allowed = discovered(&fake, &open_client(), &clock, other.url(KEYS).as_str());
    assert_eq!(judged(&allowed, "evil").await.unwrap(), "evil");

    let metadata = discovered(
        &fake,
        &open_client(),
        &clock,
        "https://169.254.169.254/keys",
    );
    assert_eq!(judged(&metadata, "a").await, Err("keys-unavailable"));
    let mut none = discovered(&fake, &open_client(), &clock, "");
    assert_eq!(judged(&none, "a").await, Err("document-member"));
    fake.answer(
        "/.well-known/oauth-authorization-server",
        Reply::json(
            json!({"issuer": "https://other.example", "jwks_uri": fake.url(KEYS).as_str()}),
        ),
    );
    clock.advance(5);
    assert_eq!(judged(&none, "a").await, Err("metadata-issuer-mismatch"));
    none = discovered(&fake, &open_client(), &clock, fake.url(KEYS).as_str());
    assert_eq!(judged(&none, "a").await.unwrap(), "a");
}

#[tokio::test]
async fn keys_in_a_redirect_are_not_followed() {
    let fake = Fake::start().await;
    fake.answer(
        KEYS,
        Reply::status(302).header("location", fake.url("/other").as_str()),
    );
    fake.answer("/other", Reply::json(jwks(&["a"])));
    let cache = cache(&fake, &TestClock::new());
    assert_eq!(judged(&cache, "a").await, Err("keys-unavailable"));
    assert_eq!(fake.paths(), [KEYS]);
}

#[tokio::test]
async fn a_bundle_in_a_file_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle.json");
    let clock = TestClock::new();
    let cache = KeyCache::new(
        guarded_client(),
        KeyPlace::File(file.clone()),
        KeySettings {
            refresh: Duration::from_secs(60),
            ..KeySettings::default()
        },
        Arc::clone(&clock) as _,
    );
    assert_eq!(judged(&cache, "a").await, Err("keys-unreadable"));
    std::fs::write(&file, jwks(&["a"]).to_string()).unwrap();
    clock.advance(5);
    assert_eq!(judged(&cache, "a").await.unwrap(), "a");
    std::fs::write(&file, jwks(&["b"]).to_string()).unwrap();
    clock.advance(60);
    assert_eq!(judged(&cache, "b").await.unwrap(), "b");
    std::fs::write(&file, "x".repeat(600 * 1024)).unwrap();
    clock.advance(60);
    assert_eq!(judged(&cache, "c").await, Err("key-unknown"));
    assert_eq!(judged(&cache, "b").await.unwrap(), "b");
}

#[tokio::test]
async fn a_token_without_a_key_id_asks_for_no_more_than_one_that_fits() {
    let fake = Fake::start().await;
    fake.answer(KEYS, Reply::json(jwks(&["a", "b"])));
    let clock = TestClock::new();
    let cache = cache(&fake, &clock);
    for _ in 0..10 {
        assert!(cache.for_token(None, Algorithm::Es256).await.is_ok());
        clock.advance(60);
        // A known key with another algorithm is wrong, and no reason to ask the issuer.
        assert!(cache.for_token(Some("a"), Algorithm::Rs256).await.is_ok());
    }
    assert_eq!(fake.count(KEYS), 1);
    let unknown = cache.for_token(None, Algorithm::Rs256).await.unwrap_err();
    assert_eq!(unknown.code(), "key-unknown");
    assert!(!unknown.is_outage());
}
