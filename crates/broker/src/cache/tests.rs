use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::*;
use crate::needed::Reason;

#[derive(Debug, Default)]
struct Time(Mutex<Duration>);

impl Time {
    fn pass(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }
}

impl Clock for Time {
    fn unix_seconds(&self) -> u64 {
        1_800_000_000 + self.elapsed().as_secs()
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

const AGES: Ages = Ages {
    max_age: Duration::from_secs(3600),
    renew_before: Duration::from_secs(300),
};

fn key(principal: &str) -> CacheKey {
    CacheKey {
        tenant: String::new(),
        principal: principal.to_owned(),
        subject: [7; 32],
        scopes: String::new(),
    }
}

struct Scene {
    time: Arc<Time>,
    cache: TokenCache,
    fetches: AtomicUsize,
}

impl Scene {
    fn new() -> Self {
        let time = Arc::new(Time::default());
        Self {
            cache: TokenCache::new(Arc::clone(&time) as Arc<dyn Clock>),
            time,
            fetches: AtomicUsize::default(),
        }
    }

    /// A token of an hour's life under a number of its own.
    fn fetched(&self) -> Fresh {
        let number = self.fetches.fetch_add(1, Ordering::SeqCst);
        Fresh {
            token: Secret::from(format!("token {number}")),
            scopes: Vec::new(),
            expires: Some(self.time.unix_seconds() + 3600),
            possession: None,
        }
    }

    async fn ask(&self, outcome: Result<(), Needed>) -> Result<String, Needed> {
        let fetch = async || outcome.map(|()| self.fetched());
        let fresh = self.cache.get(&key("ada"), AGES, fetch).await?;
        Ok(fresh.token.expose_str().unwrap().to_owned())
    }
}

fn refusal() -> Needed {
    Needed::refused(Reason::SubjectRefused)
}

#[tokio::test]
async fn a_token_is_used_until_shortly_before_its_end() {
    let scene = Scene::new();
    assert_eq!(scene.ask(Ok(())).await.unwrap(), "token 0");
    // Five minutes before the end, and at most half as much again.
    scene.time.pass(3600 - 451);
    assert_eq!(scene.ask(Err(refusal())).await.unwrap(), "token 0");
    scene.time.pass(152);
    assert_eq!(scene.ask(Ok(())).await.unwrap(), "token 1");
    scene.time.pass(3600);
    assert_eq!(scene.ask(Ok(())).await.unwrap(), "token 2");
}

#[tokio::test]
async fn an_issuer_that_is_away_leaves_the_old_token_and_is_not_hammered() {
    let scene = Scene::new();
    scene.ask(Ok(())).await.unwrap();
    scene.time.pass(3600 - 299);
    assert_eq!(
        scene.ask(Err(Needed::Unavailable)).await.unwrap(),
        "token 0"
    );
    // Nobody is asked for a moment.
    assert_eq!(scene.ask(Ok(())).await.unwrap(), "token 0");
    scene.time.pass(3);
    assert_eq!(scene.ask(Ok(())).await.unwrap(), "token 1");
    scene.time.pass(3600);
    assert_eq!(
        scene.ask(Err(Needed::Unavailable)).await,
        Err(Needed::Unavailable)
    );
}

#[tokio::test]
async fn what_is_refused_is_not_given_out_from_memory() {
    let scene = Scene::new();
    scene.ask(Ok(())).await.unwrap();
    scene.time.pass(3600 - 299);
    assert_eq!(scene.ask(Err(refusal())).await, Err(refusal()));
    assert_eq!(scene.ask(Ok(())).await, Err(refusal()));
    scene.time.pass(2);
    assert_eq!(scene.ask(Ok(())).await.unwrap(), "token 1");
}

#[tokio::test]
async fn one_fetches_while_others_use_the_old_one() {
    let scene = Scene::new();
    scene.ask(Ok(())).await.unwrap();
    scene.time.pass(3600 - 299);
    let (begun, go) = (Notify::new(), Notify::new());
    let slow = async || {
        begun.notify_one();
        go.notified().await;
        Ok(scene.fetched())
    };
    let ada = key("ada");
    let fetching = scene.cache.get(&ada, AGES, slow);
    let meanwhile = async {
        begun.notified().await;
        let old = scene.ask(Ok(())).await.unwrap();
        go.notify_one();
        old
    };
    let (fresh, old) = tokio::join!(fetching, meanwhile);
    assert_eq!(old, "token 0");
    assert_eq!(fresh.unwrap().token.expose_str().unwrap(), "token 1");
}

#[tokio::test]
async fn when_the_one_that_fetches_goes_away_the_next_one_fetches() {
    let scene = Scene::new();
    let ada = key("ada");
    let begun = Notify::new();
    let never = async || {
        begun.notify_one();
        std::future::pending().await
    };
    tokio::select! {
        _ = scene.cache.get(&ada, AGES, never) => panic!("it never comes"),
        () = begun.notified() => {}
    }
    assert_eq!(scene.ask(Ok(())).await.unwrap(), "token 0");
}

#[tokio::test]
async fn only_the_refused_token_is_forgotten() {
    let scene = Scene::new();
    scene.ask(Ok(())).await.unwrap();
    let ada = key("ada");
    assert_eq!(scene.cache.forget(&ada, &Secret::from("another")), None);
    assert_eq!(
        scene.cache.forget(&key("bob"), &Secret::from("token 0")),
        None
    );
    assert_eq!(scene.ask(Ok(())).await.unwrap(), "token 0");
    assert!(scene.cache.forget(&ada, &Secret::from("token 0")).is_some());
    assert_eq!(scene.ask(Ok(())).await.unwrap(), "token 1");
}

#[tokio::test]
async fn there_is_an_end_to_how_many_are_kept() {
    let scene = Scene::new();
    for number in 0..CAPACITY + 10 {
        let fetch = async || Ok(scene.fetched());
        let name = key(&number.to_string());
        scene.cache.get(&name, AGES, fetch).await.unwrap();
    }
    assert_eq!(scene.cache.slots().len(), CAPACITY);
}
