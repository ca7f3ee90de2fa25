//! Tokens that are always good, by one request.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis_vault::{
    Access, CredentialKey, Event, Grant, Need, Presented, Providers, RenewalError, RenewalSettings,
    Renewing, Reuse, Secret, Vault,
};

use crate::fakes::server::{Mood, Server, access, refresh};
use crate::fakes::store::{Stop, Stopping};
use crate::world::{SECOND, World, eventually, place};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

struct Scene {
    world: World,
    vault: Arc<Vault>,
    server: Arc<Server>,
    renewing: Renewing,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Scene {
    async fn new() -> Self {
        Self::with(Server::new(true)).await
    }

    /// Ana has signed in just now; her token is good for an hour.
    async fn with(server: Server) -> Self {
        let world = World::new().await;
        let vault = Arc::new(world.vault().await);
        let server = Arc::new(server);
        let events = Arc::default();
        let renewing = replica(&world, &vault, &server, &events, 1);
        let scene = Self {
            world,
            vault,
            server,
            renewing,
            events,
        };
        scene.sign_in().await;
        scene
    }

    async fn sign_in(&self) {
        let now_us = self.world.time.now();
        let grant = Grant::new(
            access(0),
            Some(refresh(0)),
            "Bearer",
            vec!["crm.read".to_owned()],
            now_us,
            Some(now_us + 3600 * SECOND),
        );
        self.renewing.connect(&ana(), &grant).await.unwrap();
    }

    async fn access(&self) -> Result<Access, RenewalError> {
        self.renewing.access(&ana(), &Need::default()).await
    }

    async fn expect(&self, number: usize) {
        let got = self.access().await.unwrap();
        assert!(
            got.token.is(&access(number)),
            "{:?}",
            got.token.expose_str()
        );
    }

    fn pass(&self, time: Duration) {
        self.world.time.pass(time);
    }

    fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }
}

fn ana() -> CredentialKey {
    place("ana", "crm")
}

fn replica(
    world: &World,
    vault: &Arc<Vault>,
    server: &Arc<Server>,
    events: &Arc<Mutex<Vec<Event>>>,
    seed: u64,
) -> Renewing {
    let events = Arc::clone(events);
    let settings = RenewalSettings {
        patience: Duration::from_secs(5),
        ..RenewalSettings::default()
    };
    Renewing::new(
        Arc::clone(vault),
        Arc::clone(server) as _,
        settings,
        world.time.clock(),
        seed,
        Arc::new(move |event| events.lock().unwrap().push(event)),
    )
    .unwrap()
}

#[tokio::test]
async fn a_good_token_is_given_as_it_is() {
    let scene = Scene::new().await;
    let got = scene.access().await.unwrap();
    assert!(got.token.is(&access(0)));
    assert_eq!(
        (got.token_type.as_str(), got.scopes),
        ("Bearer", vec!["crm.read".to_owned()])
    );
    assert_eq!(scene.server.calls(), 0);
    let bob = place("bob", "crm");
    let nobody = scene.renewing.access(&bob, &Need::default()).await;
    assert!(matches!(nobody, Err(RenewalError::NotConnected)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn five_hundred_calls_at_expiry_cause_one_refresh() {
    let scene = Scene::new().await;
    // Another replica: a handle of its own on the same database, and the same root key.
    let path = scene.world.path("portcullis.db");
    let store = portcullis_store::Sqlite::open(&path);
    let providers = Providers::one(scene.world.root("vault.key"));
    let other = scene
        .world
        .vault_over(Arc::new(store.await.unwrap()), providers);
    let other = Arc::new(other.await.unwrap());
    let replicas = [
        scene.renewing.clone(),
        replica(&scene.world, &other, &scene.server, &scene.events, 2),
    ];
    for round in 1..4 {
        scene.pass(HOUR);
        let calls: Vec<_> = (0..500)
            .map(|number| {
                let renewing = replicas[number % 2].clone();
                tokio::spawn(async move { renewing.access(&ana(), &Need::default()).await })
            })
            .collect();
        for call in calls {
            let got = call.await.unwrap().unwrap();
            assert!(got.token.is(&access(round)));
        }
        assert_eq!(scene.server.calls(), round);
    }
    let renewed = scene.events();
    assert_eq!(renewed.len(), 3, "{renewed:?}");
    assert!(
        renewed
            .iter()
            .all(|event| matches!(event, Event::Renewed { rotated: true, .. }))
    );
}

#[tokio::test]
async fn nobody_waits_while_the_old_token_is_good() {
    let scene = Scene::new().await;
    scene.server.close();
    scene.pass(HOUR - 2 * MINUTE);
    for _ in 0..20 {
        scene.expect(0).await;
    }
    let server = Arc::clone(&scene.server);
    eventually("a renewal began", async || {
        server.waiting.load(Ordering::SeqCst) == 1
    })
    .await;
    scene.expect(0).await;
    scene.server.open();
    let renewing = scene.renewing.clone();
    eventually("the new token is there", async || {
        let got = renewing.access(&ana(), &Need::default()).await.unwrap();
        got.token.is(&access(1))
    })
    .await;
    assert_eq!(scene.server.calls(), 1);
}

#[tokio::test]
async fn a_refresh_token_that_stays_is_used_again() {
    let scene = Scene::with(Server::new(false)).await;
    for round in 1..4 {
        scene.pass(HOUR);
        scene.expect(round).await;
    }
    assert!(
        scene
            .events()
            .iter()
            .all(|event| matches!(event, Event::Renewed { rotated: false, .. }))
    );
}

#[tokio::test]
async fn while_the_server_is_down_the_old_token_is_used_until_it_ends() {
    let scene = Scene::new().await;
    scene.server.set(Mood::Down);
    // From three minutes before the end to its last second.
    scene.pass(HOUR - 3 * MINUTE);
    for _ in 0..179 {
        scene.expect(0).await;
        tokio::task::yield_now().await;
        scene.pass(Duration::from_secs(1));
    }
    scene.pass(Duration::from_secs(1));
    let error = scene.access().await.unwrap_err();
    assert!(
        matches!(error, RenewalError::Unavailable { .. }),
        "{error:?}"
    );
    // Not once a second: pauses grow to a minute.
    let calls = scene.server.calls();
    assert!((3..=12).contains(&calls), "{calls}");
    assert!(
        scene
            .events()
            .iter()
            .all(|event| matches!(event, Event::Delayed { .. }))
    );
    // Ten minutes later it is back, and so are we.
    scene.server.set(Mood::Well);
    scene.pass(10 * MINUTE);
    scene.expect(1).await;
}

#[tokio::test]
async fn in_a_pause_nobody_asks() {
    let scene = Scene::new().await;
    scene.server.set(Mood::TooBusy);
    scene.pass(HOUR);
    for _ in 0..10 {
        let retry_us = match scene.access().await {
            Err(RenewalError::Unavailable { retry_us }) => retry_us,
            other => panic!("{other:?}"),
        };
        assert_eq!(retry_us, Some(scene.world.time.now() + 30 * SECOND));
    }
    assert_eq!(scene.server.calls(), 1);
    scene.server.set(Mood::Well);
    scene.pass(Duration::from_secs(30));
    scene.expect(1).await;
}

#[tokio::test]
async fn a_server_that_never_answers_is_down() {
    let world = World::new().await;
    let vault = Arc::new(world.vault().await);
    let server = Arc::new(Server::new(true));
    server.set(Mood::Mute);
    let settings = RenewalSettings {
        patience: Duration::from_millis(50),
        ..RenewalSettings::default()
    };
    let clock = world.time.clock();
    let renewing = Renewing::new(vault, server, settings, clock, 1, Arc::new(|_| {})).unwrap();
    let grant = Grant::new(
        access(0),
        Some(refresh(0)),
        "Bearer",
        Vec::new(),
        0,
        Some(1),
    );
    renewing.connect(&ana(), &grant).await.unwrap();
    let error = renewing.access(&ana(), &Need::default()).await.unwrap_err();
    assert!(
        matches!(error, RenewalError::Unavailable { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_grant_that_the_server_ended_is_over() {
    let scene = Scene::new().await;
    scene.server.forget();
    scene.pass(HOUR);
    let error = scene.access().await.unwrap_err();
    assert!(matches!(error, RenewalError::Ended), "{error:?}");
    assert!(matches!(scene.events().as_slice(), [Event::Ended { .. }]));
    assert!(matches!(
        scene.access().await,
        Err(RenewalError::NotConnected)
    ));
    assert_eq!(scene.server.calls(), 1);
}

#[tokio::test]
async fn a_token_that_a_thief_redeemed_ends_the_family_with_an_alarm() {
    let scene = Scene::new().await;
    scene.pass(HOUR);
    scene.expect(1).await;
    scene.server.redeem_elsewhere();
    scene.pass(HOUR);
    let error = scene.access().await.unwrap_err();
    assert!(matches!(error, RenewalError::Ended), "{error:?}");
    let events = scene.events();
    let Some(Event::Reused { key, how, .. }) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!((key, *how), (&ana(), Reuse::RefusedAfterRotation));
    assert!(matches!(
        scene.access().await,
        Err(RenewalError::NotConnected)
    ));
}

#[tokio::test]
async fn a_replayed_refresh_token_ends_the_family_with_an_alarm() {
    let scene = Scene::new().await;
    for _ in 0..3 {
        scene.pass(HOUR);
        scene.access().await.unwrap();
    }
    for (token, expected) in [
        (refresh(3), Presented::Current),
        (Secret::from("never seen"), Presented::Unknown),
        (access(3), Presented::Unknown),
    ] {
        let presented = scene.renewing.presented(&ana(), &token).await.unwrap();
        assert_eq!(presented, expected);
    }
    scene.expect(3).await;
    let presented = scene.renewing.presented(&ana(), &refresh(1)).await.unwrap();
    assert_eq!(presented, Presented::Replayed);
    let events = scene.events();
    let Some(Event::Reused { how, .. }) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(*how, Reuse::Presented);
    assert!(matches!(
        scene.access().await,
        Err(RenewalError::NotConnected)
    ));
}

#[tokio::test]
async fn a_refused_gateway_keeps_the_grant() {
    let scene = Scene::new().await;
    scene.server.set(Mood::UnknownClient);
    scene.pass(HOUR - Duration::from_secs(5));
    // It ends so soon that the caller waits; then it is better than nothing.
    scene.expect(0).await;
    assert!(
        matches!(scene.events().as_slice(), [Event::Refused { code, .. }] if code == "invalid_client")
    );
    scene.pass(5 * MINUTE);
    let error = scene.access().await.unwrap_err();
    assert!(matches!(error, RenewalError::Refused { .. }), "{error:?}");
    scene.server.set(Mood::Well);
    scene.pass(5 * MINUTE);
    scene.expect(1).await;
}

#[tokio::test]
async fn a_revocation_during_a_renewal_stays() {
    let scene = Scene::new().await;
    scene.pass(HOUR);
    scene.server.close();
    let renewing = scene.renewing.clone();
    let call = tokio::spawn(async move { renewing.access(&ana(), &Need::default()).await });
    let server = Arc::clone(&scene.server);
    eventually("it asks", async || {
        server.waiting.load(Ordering::SeqCst) == 1
    })
    .await;
    let record = scene.vault.get(&ana()).await.unwrap().unwrap().record;
    scene.vault.revoke(&record.id).await.unwrap();
    scene.server.open();
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, RenewalError::Ended), "{error:?}");
    assert_eq!(scene.server.discarded.load(Ordering::SeqCst), 1);
    assert!(matches!(
        scene.events().as_slice(),
        [Event::Discarded { .. }]
    ));
    assert!(matches!(
        scene.access().await,
        Err(RenewalError::NotConnected)
    ));
}

#[tokio::test]
async fn a_sign_in_during_a_renewal_wins() {
    let scene = Scene::new().await;
    scene.pass(HOUR);
    scene.server.close();
    let renewing = scene.renewing.clone();
    let call = tokio::spawn(async move { renewing.access(&ana(), &Need::default()).await });
    let server = Arc::clone(&scene.server);
    eventually("it asks", async || {
        server.waiting.load(Ordering::SeqCst) == 1
    })
    .await;
    let now_us = scene.world.time.now();
    let grant = Grant::new(
        Secret::from("signed-in"),
        Some(Secret::from("another family")),
        "Bearer",
        Vec::new(),
        now_us,
        Some(now_us + 3600 * SECOND),
    );
    scene.renewing.connect(&ana(), &grant).await.unwrap();
    scene.server.open();
    let got = call.await.unwrap().unwrap();
    assert_eq!(got.token.expose(), b"signed-in");
    assert_eq!(scene.server.discarded.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_key_rotation_during_a_renewal_loses_nothing() {
    let scene = Scene::new().await;
    scene.pass(HOUR);
    scene.server.close();
    let renewing = scene.renewing.clone();
    let call = tokio::spawn(async move { renewing.access(&ana(), &Need::default()).await });
    let server = Arc::clone(&scene.server);
    eventually("it asks", async || {
        server.waiting.load(Ordering::SeqCst) == 1
    })
    .await;
    scene.vault.rotate(&|_| {}).await.unwrap();
    scene.server.open();
    let got = call.await.unwrap().unwrap();
    assert!(got.token.is(&access(1)));
    assert_eq!(scene.server.discarded.load(Ordering::SeqCst), 0);
    scene.pass(HOUR);
    scene.expect(2).await;
}

#[tokio::test]
async fn a_caller_who_goes_away_loses_no_token() {
    let scene = Scene::new().await;
    scene.pass(HOUR);
    scene.server.close();
    let renewing = scene.renewing.clone();
    let call = tokio::spawn(async move { renewing.access(&ana(), &Need::default()).await });
    let server = Arc::clone(&scene.server);
    eventually("it asks", async || {
        server.waiting.load(Ordering::SeqCst) == 1
    })
    .await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    scene.server.open();
    scene.expect(1).await;
    assert_eq!(scene.server.calls(), 1);
}

#[tokio::test]
async fn a_refused_token_is_renewed_though_it_seems_good() {
    let scene = Scene::new().await;
    let refused = Need {
        not: Some(access(0)),
        max_age: None,
    };
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (renewing, refused) = (scene.renewing.clone(), refused.clone());
            tokio::spawn(async move { renewing.access(&ana(), &refused).await })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap().unwrap().token.is(&access(1)));
    }
    assert_eq!(scene.server.calls(), 1);
}

#[tokio::test]
async fn a_token_that_is_too_old_is_renewed() {
    let scene = Scene::new().await;
    let young = Need {
        max_age: Some(10 * MINUTE),
        not: None,
    };
    scene.pass(11 * MINUTE);
    scene.expect(0).await;
    let got = scene.renewing.access(&ana(), &young).await.unwrap();
    assert!(got.token.is(&access(1)));
    // Too old is never used, not even in an outage.
    scene.server.set(Mood::Down);
    scene.pass(10 * MINUTE);
    let error = scene.renewing.access(&ana(), &young).await.unwrap_err();
    assert!(
        matches!(error, RenewalError::Unavailable { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_gives_ended_tokens_is_not_asked_again_and_again() {
    let mut server = Server::new(true);
    server.life = Duration::ZERO;
    let scene = Scene::with(server).await;
    scene.pass(HOUR);
    for _ in 0..10 {
        let error = scene.access().await.unwrap_err();
        assert!(
            matches!(error, RenewalError::Unavailable { .. }),
            "{error:?}"
        );
    }
    assert_eq!(scene.server.calls(), 1);
}

#[tokio::test]
async fn what_nothing_can_renew_ends() {
    let scene = Scene::new().await;
    let now_us = scene.world.time.now();
    let grant = Grant::new(
        Secret::from("only"),
        None,
        "Bearer",
        Vec::new(),
        now_us,
        Some(now_us + 60 * SECOND),
    );
    let record = scene.renewing.connect(&ana(), &grant).await.unwrap();
    assert_eq!(record.expires_us, Some(now_us + 60 * SECOND));
    scene.pass(Duration::from_secs(59));
    assert_eq!(scene.access().await.unwrap().token.expose(), b"only");
    scene.pass(Duration::from_secs(1));
    assert!(matches!(scene.access().await, Err(RenewalError::Ended)));
    assert_eq!(scene.server.calls(), 0);
}

#[tokio::test]
async fn a_dead_replica_holds_up_nobody_for_long() {
    let scene = Scene::new().await;
    scene.pass(HOUR - MINUTE);
    let record = scene.vault.get(&ana()).await.unwrap().unwrap().record;
    // It took the lease and died.
    let lease = format!("renew:{}", record.id);
    let now_us = scene.world.time.now();
    let until_us = now_us + 50 * SECOND;
    let leased = scene.world.store.lease(&lease, "dead", now_us, until_us);
    assert!(leased.await.unwrap());
    scene.expect(0).await;
    scene.pass(Duration::from_secs(55));
    scene.expect(1).await;
    assert_eq!(scene.server.calls(), 1);
}

#[tokio::test]
async fn what_another_replica_renewed_a_moment_ago_is_not_renewed_again() {
    let scene = Scene::new().await;
    scene.pass(HOUR);
    let store = Stopping::new(Arc::clone(&scene.world.store), Stop::Fail, isize::MAX);
    let providers = Providers::one(scene.world.root("vault.key"));
    let vault = scene.world.vault_over(Arc::clone(&store) as _, providers);
    let vault = Arc::new(vault.await.unwrap());
    let slow = replica(&scene.world, &vault, &scene.server, &scene.events, 2);
    // It has seen the old token; then the other one takes the lease, renews and gives it back.
    let other = scene.renewing.clone();
    *store.before_lease.lock().unwrap() = Some(Box::pin(async move {
        let renewed = other.access(&ana(), &Need::default()).await.unwrap();
        assert!(renewed.token.is(&access(1)));
    }));
    let got = slow.access(&ana(), &Need::default()).await.unwrap();
    assert!(got.token.is(&access(1)));
    assert!(store.before_lease.lock().unwrap().is_none());
    assert_eq!(scene.server.calls(), 1);
}

#[tokio::test]
async fn a_store_that_fails_while_it_writes_is_asked_again() {
    let world = World::new().await;
    let store = Stopping::new(Arc::clone(&world.store), Stop::Fail, isize::MAX);
    let providers = Providers::one(world.root("vault.key"));
    let vault = world.vault_over(Arc::clone(&store) as _, providers).await;
    let vault = Arc::new(vault.unwrap());
    let server = Arc::new(Server::new(true));
    let events = Arc::default();
    let renewing = replica(&world, &vault, &server, &events, 1);
    let now_us = world.time.now();
    let end = Some(now_us + 60 * SECOND);
    let grant = Grant::new(
        access(0),
        Some(refresh(0)),
        "Bearer",
        Vec::new(),
        now_us,
        end,
    );
    renewing.connect(&ana(), &grant).await.unwrap();
    world.time.pass(2 * MINUTE);
    server.close();
    let caller = renewing.clone();
    let call = tokio::spawn(async move { caller.access(&ana(), &Need::default()).await });
    eventually("it asks", async || {
        server.waiting.load(Ordering::SeqCst) == 1
    })
    .await;
    // The database goes away with the answer on its way, and comes back.
    store.stop_in(0);
    server.open();
    eventually("it failed", async || store.has_stopped()).await;
    store.stop_in(isize::MAX);
    assert!(call.await.unwrap().unwrap().token.is(&access(1)));
    // Away for good: the tokens are lost, and somebody hears of it.
    world.time.pass(HOUR);
    let waiting = server.waiting.load(Ordering::SeqCst);
    server.gate.forget_permits(1_000);
    let caller = renewing.clone();
    let call = tokio::spawn(async move { caller.access(&ana(), &Need::default()).await });
    eventually("it asks", async || {
        server.waiting.load(Ordering::SeqCst) > waiting
    })
    .await;
    store.stop_in(0);
    server.open();
    let time = world.time.clone();
    eventually("it gave up", async || {
        time.pass(Duration::from_secs(1));
        call.is_finished()
    })
    .await;
    assert!(matches!(call.await.unwrap(), Err(RenewalError::Vault(_))));
    assert!(matches!(
        events.lock().unwrap().last(),
        Some(Event::Lost { .. })
    ));
}

#[tokio::test]
async fn a_disconnected_grant_is_handed_out_once() {
    let scene = Scene::new().await;
    let grant = scene.renewing.disconnect(&ana()).await.unwrap().unwrap();
    assert!(grant.refresh.unwrap().is(&refresh(0)));
    assert!(scene.renewing.disconnect(&ana()).await.unwrap().is_none());
    assert!(matches!(
        scene.access().await,
        Err(RenewalError::NotConnected)
    ));
}
