use portcullis_front::access_token_key;
use portcullis_lab::entra::sample::CONTOSO;
use portcullis_lab::entra::{EntraSettings, Policy, RefreshReuse};
use portcullis_store::{Revocation, RevocationKind, RevocationStore};
use serde_json::Value;

use crate::browser::{Browser, Page, code, redeem, refresh};
use crate::world::{ISSUER, World};

fn text<'a>(answer: &'a Value, member: &str) -> &'a str {
    answer[member].as_str().unwrap()
}

#[track_caller]
fn refused(page: &Page, status: u16, error: &str) {
    assert_eq!(
        (page.status, &page.json()["error"]),
        (status, &error.into()),
        "{}",
        page.body
    );
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("content-type"), "application/json");
}

#[tokio::test]
async fn a_code_that_is_used_twice_ends_what_it_gave() {
    let world = World::new().await;
    let code = code(&world, &[]).await;
    let given = redeem(&world.front, &code, &[]).await.json();
    refused(
        &redeem(&world.front, &code, &[]).await,
        400,
        "invalid_grant",
    );
    let access = access_token_key(text(&given, "access_token"));
    assert_eq!(world.revoked(RevocationKind::Token).await, [access]);
    assert_eq!(world.revoked(RevocationKind::Family).await.len(), 1);
    let again = refresh(&world.front, text(&given, "refresh_token"), &[]).await;
    refused(&again, 400, "invalid_grant");
    let told = world.told();
    assert!(
        told.contains(&"authorization-code-replayed!".to_owned()),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_code_expires_without_an_alarm() {
    let world = World::new().await;
    let code = code(&world, &[]).await;
    world.clock.advance(121);
    refused(
        &redeem(&world.front, &code, &[]).await,
        400,
        "invalid_grant",
    );
    assert!(!world.told().iter().any(|event| event.ends_with('!')));
}

#[tokio::test]
async fn a_refresh_token_that_is_used_twice_ends_its_family() {
    let settings = EntraSettings {
        refresh_reuse: RefreshReuse::Tolerated,
        ..EntraSettings::default()
    };
    let world = World::with(settings, "").await;
    let code = code(&world, &[]).await;
    let first = redeem(&world.front, &code, &[]).await.json();
    let second = refresh(&world.front, text(&first, "refresh_token"), &[])
        .await
        .json();
    let third = refresh(&world.front, text(&second, "refresh_token"), &[])
        .await
        .json();
    let asked = world.lab.requests(&format!("/{CONTOSO}/oauth2/v2.0/token"));
    let stolen = refresh(&world.front, text(&first, "refresh_token"), &[]).await;
    refused(&stolen, 400, "invalid_grant");
    let told = world.told();
    assert!(
        told.contains(&"refresh-token-replayed!".to_owned()),
        "{told:?}"
    );
    // Who has the newest one has nothing any more, and its access token is revoked.
    let newest = refresh(&world.front, text(&third, "refresh_token"), &[]).await;
    refused(&newest, 400, "invalid_grant");
    let access = access_token_key(text(&third, "access_token"));
    assert_eq!(world.revoked(RevocationKind::Token).await, [access]);
    let after = world.lab.requests(&format!("/{CONTOSO}/oauth2/v2.0/token"));
    assert_eq!(after, asked);
}

#[tokio::test]
async fn of_many_at_once_one_refresh_token_serves_one() {
    let world = World::new().await;
    let code = code(&world, &[]).await;
    let given = redeem(&world.front, &code, &[]).await.json();
    let token = text(&given, "refresh_token");
    let (one, two, three) = tokio::join!(
        refresh(&world.front, token, &[]),
        refresh(&world.front, token, &[]),
        refresh(&world.front, token, &[]),
    );
    let good: Vec<_> = [one, two, three]
        .into_iter()
        .filter(|page| page.status == 200)
        .collect();
    assert!(good.len() <= 1);
    // Whoever got one has it for nothing.
    for page in good {
        let next = refresh(&world.front, text(&page.json(), "refresh_token"), &[]).await;
        refused(&next, 400, "invalid_grant");
        let access = access_token_key(text(&page.json(), "access_token"));
        assert!(world.revoked(RevocationKind::Token).await.contains(&access));
    }
}

#[tokio::test]
async fn a_refresh_token_outlives_an_outage() {
    let world = World::new().await;
    let code = code(&world, &[]).await;
    let given = redeem(&world.front, &code, &[]).await.json();
    let token = text(&given, "refresh_token");
    world.lab.set_policy(Policy::Outage {
        endpoint: "token".to_owned(),
        status: 503,
        retry_after: None,
    });
    for _ in 0..2 {
        let down = refresh(&world.front, token, &[]).await;
        refused(&down, 503, "temporarily_unavailable");
    }
    world.lab.clear_policies();
    assert_eq!(refresh(&world.front, token, &[]).await.status, 200);
}

#[tokio::test]
async fn a_sign_in_that_ended_at_the_issuer_has_ended_here() {
    let world = World::new().await;
    let code = code(&world, &[]).await;
    let given = redeem(&world.front, &code, &[]).await.json();
    world
        .lab
        .revoke_sessions(portcullis_lab::entra::sample::ADA);
    let over = refresh(&world.front, text(&given, "refresh_token"), &[]).await;
    refused(&over, 400, "invalid_grant");
}

#[tokio::test]
async fn a_refresh_token_is_good_for_its_client_and_scopes_and_time() {
    let world = World::new().await;
    let code = code(&world, &[("scope", "tools.read tools.call")]).await;
    let given = redeem(&world.front, &code, &[]).await.json();
    let token = text(&given, "refresh_token");
    for (name, value, error) in [
        ("client_id", "other", "invalid_grant"),
        ("refresh_token", "x", "invalid_grant"),
        ("resource", "https://elsewhere.example/", "invalid_target"),
        ("scope", "tools.read admin", "invalid_scope"),
    ] {
        refused(
            &refresh(&world.front, token, &[(name, value)]).await,
            400,
            error,
        );
    }
    let fewer = refresh(&world.front, token, &[("scope", "tools.call")])
        .await
        .json();
    assert_eq!(text(&fewer, "scope"), "tools.call");
    world.clock.advance(90 * 24 * 3600);
    let late = refresh(&world.front, text(&fewer, "refresh_token"), &[]).await;
    refused(&late, 400, "invalid_grant");
}

#[tokio::test]
async fn a_client_that_was_revoked_gets_nothing() {
    let world = World::new().await;
    let code = code(&world, &[]).await;
    let given = redeem(&world.front, &code, &[]).await.json();
    let revocation = Revocation {
        kind: RevocationKind::Client,
        key: crate::world::CLIENT.to_owned(),
        at_us: 0,
        reason: "test".to_owned(),
        by: "test".to_owned(),
        expires_us: None,
    };
    world.store.revoke(&revocation).await.unwrap();
    let gone = refresh(&world.front, text(&given, "refresh_token"), &[]).await;
    refused(&gone, 400, "invalid_grant");
    let code = self::code(&world, &[]).await;
    refused(
        &redeem(&world.front, &code, &[]).await,
        400,
        "invalid_grant",
    );
}

#[tokio::test]
async fn errors_are_those_of_the_specification() {
    let world = World::new().await;
    for (changed, status, error) in [
        (("grant_type", "password"), 400, "unsupported_grant_type"),
        (("grant_type", ""), 400, "invalid_request"),
        (("client_id", ""), 400, "invalid_request"),
        (("client_secret", "guess"), 401, "invalid_client"),
        (("client_assertion", "e30"), 401, "invalid_client"),
        (("code", "unknown"), 400, "invalid_grant"),
    ] {
        let page = redeem(&world.front, "unknown", &[changed]).await;
        refused(&page, status, error);
        assert_eq!(!page.header("www-authenticate").is_empty(), status == 401);
    }
    let mut basic = Browser {
        headers: vec![("authorization", "Basic d29ya2JlbmNoOg==".to_owned())],
        ..Browser::default()
    };
    let page = basic
        .post(&world.front, &format!("{ISSUER}/token"), &[])
        .await;
    refused(&page, 401, "invalid_client");
    let twice = [
        ("grant_type", "refresh_token"),
        ("grant_type", "refresh_token"),
    ];
    let page = Browser::default()
        .post(&world.front, &format!("{ISSUER}/token"), &twice)
        .await;
    refused(&page, 400, "invalid_request");
}

/// Whoever reads the database finds neither a token nor a code nor a `state`.
#[tokio::test]
async fn nothing_lies_in_the_database_unsealed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let mut world = World::new().await;
    let store = portcullis_store::Sqlite::open(&path).await.unwrap();
    world.context.store = std::sync::Arc::new(store.clone());
    let context = world.context.clone();
    world.front = portcullis_front::Front::new(&world.config, crate::world::BASE, context).unwrap();
    let mut browser = Browser::default();
    let asks = browser.authorize(&world.front, &[]).await;
    let onward = browser.allow(&world.front, &asks).await;
    let back = browser.at_issuer(&onward).await;
    let mut secrets = vec![onward.parameter("state").unwrap()];
    let done = browser.get(&world.front, back.as_str()).await;
    let code = done.parameter("code").unwrap();
    let read = || {
        let mut bytes = Vec::new();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                bytes.extend(std::fs::read(path).unwrap());
            }
        }
        bytes
    };
    // While the code waits, and after it was redeemed and refreshed.
    let waiting = read();
    let given = redeem(&world.front, &code, &[]).await.json();
    let fresh = refresh(&world.front, text(&given, "refresh_token"), &[])
        .await
        .json();
    store.close().await;
    let after = read();
    secrets.push(code);
    secrets.push(
        browser
            .cookie
            .unwrap()
            .split_once('=')
            .unwrap()
            .1
            .to_owned(),
    );
    for answer in [&given, &fresh] {
        secrets.push(text(answer, "access_token").to_owned());
        secrets.push(text(answer, "refresh_token").to_owned());
    }
    for secret in secrets {
        let needle = &secret.as_bytes()[..30];
        for bytes in [&waiting, &after] {
            assert!(
                !bytes.windows(30).any(|window| window == needle),
                "{secret}"
            );
        }
    }
    // The search finds what is there.
    assert!(after.windows(12).any(|window| window == b"front-family"));
}
