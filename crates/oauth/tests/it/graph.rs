//! Looking up groups at a Microsoft Graph that is helpful, busy, broken and hostile.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portcullis_oauth::{
    AppTokens, ClientAuth, ClientIdentity, Graph, GraphError, GraphSettings, GraphTokens,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::fake::{Fake, Reply, until};
use crate::world::{TestClock, guarded_client};

const TENANT: &str = "aaaaaaaa-0000-0000-0000-000000000001";
const ALICE: &str = "bbbbbbbb-0000-0000-0000-000000000001";
const PATH: &str = "/v1.0/users/bbbbbbbb-0000-0000-0000-000000000001/getMemberObjects";

/// Gives tokens with a number that grows when one is discarded.
#[derive(Default)]
struct Tokens {
    discarded: AtomicU32,
    asked_for: Mutex<Vec<String>>,
    fails: bool,
}

impl GraphTokens for Tokens {
    fn token<'a>(
        &'a self,
        tenant: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<SecretString, GraphError>> + Send + 'a>> {
        self.asked_for.lock().unwrap().push(tenant.to_owned());
        let number = self.discarded.load(Ordering::SeqCst);
        Box::pin(async move {
            if self.fails {
                return Err(GraphError::NoToken(Arc::new(std::io::Error::other("no"))));
            }
            Ok(SecretString::from(format!("graph-token-{number}")))
        })
    }

    fn discard(&self, _tenant: &str) {
        self.discarded.fetch_add(1, Ordering::SeqCst);
    }
}

struct World {
    fake: Fake,
    clock: Arc<TestClock>,
    tokens: Arc<Tokens>,
    graph: Arc<Graph>,
}

async fn world(tokens: Tokens) -> World {
    let fake = Fake::start().await;
    let clock = TestClock::new();
    let tokens = Arc::new(tokens);
    let graph = Graph::new(
        guarded_client(),
        fake.url("/"),
        Arc::clone(&tokens) as _,
        GraphSettings::default(),
        Arc::clone(&clock) as _,
    );
    World {
        fake,
        clock,
        tokens,
        graph: Arc::new(graph),
    }
}

impl World {
    async fn groups(&self) -> Result<String, &'static str> {
        match self.graph.groups(TENANT, ALICE).await {
            Ok(groups) => Ok(groups.join(" ")),
            Err(error) => Err(error.code()),
        }
    }
}

fn page(groups: &[&str]) -> Value {
    json!({
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(Edm.String)",
        "value": groups,
    })
}

#[tokio::test]
async fn groups_are_asked_for_as_documented_and_kept_five_minutes() {
    let world = world(Tokens::default()).await;
    world
        .fake
        .answer(PATH, Reply::json(page(&["g2", "g1", "g2"])));
    for _ in 0..10 {
        assert_eq!(world.groups().await.unwrap(), "g1 g2");
    }
    let seen = world.fake.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].method, "POST");
    assert_eq!(seen[0].body, r#"{"securityEnabledOnly":true}"#);
    assert_eq!(seen[0].headers["authorization"], "Bearer graph-token-0");
    assert_eq!(seen[0].headers["content-type"], "application/json");
    assert_eq!(*world.tokens.asked_for.lock().unwrap(), [TENANT]);
    let upper = world
        .graph
        .groups(&TENANT.to_uppercase(), &ALICE.to_uppercase())
        .await;
    assert!(upper.is_ok());
    assert_eq!(world.fake.seen().len(), 1, "one person in two spellings");

    world.fake.answer(PATH, Reply::json(page(&[])));
    world.clock.advance(299);
    assert_eq!(world.groups().await.unwrap(), "g1 g2");
    world.clock.advance(1);
    assert_eq!(world.groups().await.unwrap(), "");
}

#[tokio::test]
async fn five_hundred_calls_of_one_person_look_up_once() {
    let world = world(Tokens::default()).await;
    let gate = Arc::new(Semaphore::new(0));
    world
        .fake
        .answer(PATH, Reply::json(page(&["g"])).gated(&gate));
    let tasks: Vec<_> = (0..500)
        .map(|_| {
            let graph = Arc::clone(&world.graph);
            tokio::spawn(async move { graph.groups(TENANT, ALICE).await.unwrap().join(" ") })
        })
        .collect();
    until("the first asks", || world.fake.count(PATH) == 1).await;
    gate.add_permits(1000);
    for task in tasks {
        assert_eq!(task.await.unwrap(), "g");
    }
    assert_eq!(world.fake.count(PATH), 1);
}

#[tokio::test]
async fn all_pages_are_read_but_only_where_the_first_one_was() {
    let world = world(Tokens::default()).await;
    let with_next = |next: String| {
        let mut first = page(&["g1"]);
        first["@odata.nextLink"] = json!(next);
        Reply::json(first)
    };
    let next = world.fake.url("/v1.0/next?$skiptoken=a").to_string();
    world.fake.answer(PATH, with_next(next));
    world
        .fake
        .answer("/v1.0/next?$skiptoken=a", Reply::json(page(&["g2"])));
    assert_eq!(world.groups().await.unwrap(), "g1 g2");
    assert_eq!(world.fake.seen()[1].method, "GET");

    let thief = Fake::start().await;
    thief.answer("/steal", Reply::json(page(&["g3"])));
    for elsewhere in [
        thief.url("/steal").to_string(),
        world.fake.origin().replace("127.0.0.1", "localhost"),
        "https://169.254.169.254/".to_owned(),
    ] {
        world.fake.answer(PATH, with_next(elsewhere));
        world.graph.forget();
        assert_eq!(world.groups().await, Err("graph-foreign-page"));
    }
    assert!(thief.paths().is_empty(), "the token went nowhere else");

    // Pages without end.
    let own = world.fake.url(PATH).to_string();
    let mut many = page(&["g"; 999]);
    many["@odata.nextLink"] = json!(own);
    world.fake.answer(PATH, Reply::json(many));
    world.graph.forget();
    assert_eq!(world.groups().await, Err("graph-too-many-groups"));
    let mut empty = page(&[]);
    empty["@odata.nextLink"] = json!(own);
    world.fake.answer(PATH, Reply::json(empty));
    world.graph.forget();
    assert_eq!(world.groups().await, Err("graph-foreign-page"));
}

#[tokio::test]
async fn a_short_wait_is_waited_and_a_long_one_refused() {
    let world = world(Tokens::default()).await;
    world.fake.answer_in_turn(
        PATH,
        [
            Reply::status(429).header("retry-after", "1"),
            Reply::json(page(&["g"])),
        ],
    );
    let started = Instant::now();
    assert_eq!(world.groups().await.unwrap(), "g");
    assert!(started.elapsed() >= Duration::from_secs(1));

    world
        .fake
        .answer(PATH, Reply::status(429).header("retry-after", "3600"));
    world.graph.forget();
    let started = Instant::now();
    assert_eq!(world.groups().await, Err("graph-throttled"));
    assert!(started.elapsed() < Duration::from_secs(1));
    let asked = world.fake.count(PATH);

    // Nobody else asks while Graph wants silence, but that has a bound.
    world.fake.answer(PATH, Reply::json(page(&["g"])));
    let bob = "cccccccc-0000-0000-0000-000000000001";
    world.clock.advance(59);
    let refused = world.graph.groups(TENANT, bob).await.unwrap_err();
    assert_eq!(refused.code(), "graph-throttled");
    assert_eq!(world.groups().await, Err("graph-throttled"));
    assert_eq!(world.fake.seen().len(), asked);
    world.clock.advance(5);
    assert_eq!(world.groups().await.unwrap(), "g");
}

#[tokio::test]
async fn a_token_that_graph_refuses_is_renewed_once() {
    let world = world(Tokens::default()).await;
    world
        .fake
        .answer_in_turn(PATH, [Reply::status(401), Reply::json(page(&["g"]))]);
    assert_eq!(world.groups().await.unwrap(), "g");
    assert_eq!(
        world.fake.seen()[1].headers["authorization"],
        "Bearer graph-token-1"
    );
    world.fake.answer(PATH, Reply::status(401));
    world.graph.forget();
    assert_eq!(world.groups().await, Err("graph-refused"));
    assert_eq!(world.fake.seen().len(), 4);
}

#[tokio::test]
async fn whatever_goes_wrong_nobody_gets_an_incomplete_list() {
    let world = world(Tokens::default()).await;
    let too_many = Reply::json(r#"{"error":{"code":"Directory_ResultSizeLimitExceeded"}}"#);
    let table = [
        (Reply::status(400), "graph-unavailable"),
        (Reply::status(403), "graph-refused"),
        (Reply::status(404), "graph-user-unknown"),
        (Reply::status(500), "graph-unavailable"),
        (
            Reply::status(302).header("location", "/other"),
            "graph-unavailable",
        ),
        (Reply::json("<html>"), "graph-unavailable"),
        (Reply::json("{}"), "graph-unavailable"),
        (Reply::json(r#"{"value":["g",null]}"#), "graph-unavailable"),
        (
            Reply::json("x".repeat(3 * 1024 * 1024)),
            "graph-unavailable",
        ),
        (too_many.with_status(400), "graph-too-many-groups"),
    ];
    for (reply, expected) in table {
        world.fake.answer(PATH, reply);
        world.graph.forget();
        assert_eq!(world.groups().await, Err(expected));
    }
    // A failure is kept for a moment.
    world.fake.answer(PATH, Reply::json(page(&["g"])));
    assert_eq!(world.groups().await, Err("graph-too-many-groups"));
    world.clock.advance(5);
    assert_eq!(world.groups().await.unwrap(), "g");

    let before = world.fake.seen().len();
    for (tenant, object) in [
        (TENANT, "me"),
        (TENANT, "../groups"),
        (TENANT, ""),
        ("common", ALICE),
    ] {
        let error = world.graph.groups(tenant, object).await.unwrap_err();
        assert_eq!(error.code(), "graph-id");
    }
    assert_eq!(world.fake.seen().len(), before);
}

#[tokio::test]
async fn without_a_token_graph_is_not_asked() {
    let world = world(Tokens {
        fails: true,
        ..Tokens::default()
    })
    .await;
    assert_eq!(world.groups().await, Err("graph-no-token"));
    assert!(world.fake.paths().is_empty());
}

#[tokio::test]
async fn our_own_tokens_are_asked_for_each_tenant_and_kept_until_shortly_before_their_end() {
    let fake = Fake::start().await;
    let clock = TestClock::new();
    let identity = ClientIdentity::new("app", ClientAuth::SecretPost(SecretString::from("s")));
    let tokens = AppTokens::new(
        guarded_client(),
        fake.url("/"),
        "https://graph.microsoft.com".parse().unwrap(),
        Arc::new(identity.unwrap()),
        Arc::clone(&clock) as _,
    );
    let path = format!("/{TENANT}/oauth2/v2.0/token");
    let grant = |token: &str| {
        Reply::json(json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600}))
    };
    let ask = async |tenant: &str| match tokens.token(tenant).await {
        Ok(token) => token.expose_secret().to_owned(),
        Err(error) => error.code().to_owned(),
    };
    assert_eq!(ask(TENANT).await, "graph-no-token");
    fake.answer(&path, grant("t1"));
    assert_eq!(ask(TENANT).await, "graph-no-token", "a moment later");
    clock.advance(5);
    assert_eq!(ask(TENANT).await, "t1");
    let form = fake.seen().last().unwrap().body.clone();
    assert!(form.contains("grant_type=client_credentials"), "{form}");
    assert!(
        form.contains("scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"),
        "{form}"
    );

    fake.answer(&path, grant("t2"));
    clock.advance(3600 - 121);
    assert_eq!(ask(&TENANT.to_uppercase()).await, "t1");
    clock.advance(1);
    assert_eq!(ask(TENANT).await, "t2");
    fake.answer(&path, grant("t3"));
    assert_eq!(ask(TENANT).await, "t2");
    tokens.discard(TENANT);
    assert_eq!(ask(TENANT).await, "t3");

    let before = fake.seen().len();
    for tenant in ["common", "../evil", ""] {
        assert_eq!(ask(tenant).await, "graph-id");
    }
    assert_eq!(ask(ALICE).await, "graph-no-token", "another tenant");
    assert_eq!(fake.seen().len(), before + 1);
}
