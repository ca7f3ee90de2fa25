//! Finding metadata among servers that are right, wrong, slow, huge and hostile.

use std::sync::Arc;
use std::time::Duration;

use portcullis_egress::{Client, Naming};
use portcullis_oauth::{Discovery, DiscoverySettings, IssuerQuery, MetadataError, Pkce};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use url::Url;

use crate::fake::{Fake, Reply, until};
use crate::world::{TestClock, guarded_client, open_client};

const RFC8414: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";
const RESOURCE: &str = "/.well-known/oauth-protected-resource";

fn discovery(client: Client, clock: &Arc<TestClock>) -> Discovery {
    Discovery::new(client, DiscoverySettings::default(), Arc::clone(clock) as _)
}

fn document(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    })
}

fn code<T>(result: Result<T, MetadataError>) -> &'static str {
    match result {
        Ok(_) => "accepted",
        Err(error) => error.code(),
    }
}

#[tokio::test]
async fn looks_in_the_prescribed_order_and_takes_the_first_that_fits() {
    let fake = Fake::start().await;
    let issuer = format!("{}/realms/a", fake.origin());
    let last = "/realms/a/.well-known/openid-configuration";
    fake.answer(last, Reply::json(document(&issuer)));
    let discovery = discovery(open_client(), &TestClock::new());
    let server = discovery
        .authorization_server(&IssuerQuery::found(&issuer))
        .await
        .unwrap();
    assert_eq!(
        fake.paths(),
        [
            format!("{RFC8414}/realms/a"),
            format!("{OPENID}/realms/a"),
            last.to_owned()
        ]
    );
    assert_eq!(server.issuer, issuer);
    assert_eq!(
        server.token_endpoint().unwrap().as_str(),
        format!("{issuer}/token")
    );
    assert!(server.authorization_response_iss_parameter_supported);
    assert!(!server.client_id_metadata_document_supported);
    assert_eq!(
        server.token_endpoint_auth_methods_supported,
        ["client_secret_basic"]
    );

    fake.answer(
        &format!("{RFC8414}/realms/a"),
        Reply::json(document(&issuer)),
    );
    discovery.forget();
    discovery
        .authorization_server(&IssuerQuery::found(&issuer))
        .await
        .unwrap();
    assert_eq!(fake.paths().len(), 4);
}

#[tokio::test]
async fn a_document_of_another_issuer_is_never_used() {
    let fake = Fake::start().await;
    let origin = fake.origin();
    let discovery = discovery(open_client(), &TestClock::new());
    for other in [
        "https://honest.example".to_owned(),
        format!("{origin}/"),
        origin.replace("127.0.0.1", "localhost"),
        origin.replace("http", "HTTP"),
        String::new(),
    ] {
        fake.answer(RFC8414, Reply::json(document(&other)));
        fake.answer(OPENID, Reply::json(document(&other)));
        discovery.forget();
        let found = discovery
            .authorization_server(&IssuerQuery::found(&origin))
            .await;
        let code = code(found);
        assert!(
            ["metadata-issuer-mismatch"].contains(&code),
            "{other}: {code}"
        );
    }
    // A wrong document at one place does not hide the right one at the next.
    fake.answer(RFC8414, Reply::json(document("https://honest.example")));
    fake.answer(OPENID, Reply::json(document(&origin)));
    discovery.forget();
    let found = discovery
        .authorization_server(&IssuerQuery::found(&origin))
        .await;
    assert_eq!(code(found), "accepted");
}

#[tokio::test]
async fn a_server_without_pkce_is_refused_unless_the_operator_says_it_has_it() {
    let fake = Fake::start().await;
    let issuer = fake.origin();
    let mut silent = document(&issuer);
    silent
        .as_object_mut()
        .unwrap()
        .remove("code_challenge_methods_supported");
    fake.answer(RFC8414, Reply::json(&silent));
    let discovery = discovery(open_client(), &TestClock::new());
    let ask = async |pkce| {
        let query = IssuerQuery::configured(&issuer).with_pkce(pkce);
        code(discovery.authorization_server(&query).await)
    };
    assert_eq!(ask(Pkce::Announced).await, "pkce-missing");
    assert_eq!(ask(Pkce::Assumed).await, "accepted");
    assert_eq!(ask(Pkce::Unused).await, "accepted");
    assert_eq!(
        fake.paths().len(),
        1,
        "one document serves for every demand"
    );

    silent["code_challenge_methods_supported"] = json!(["plain"]);
    fake.answer(RFC8414, Reply::json(&silent));
    discovery.forget();
    assert_eq!(ask(Pkce::Assumed).await, "pkce-missing");
}

#[tokio::test]
async fn bad_documents_are_refused_each_with_its_own_reason() {
    let fake = Fake::start().await;
    let issuer = fake.origin();
    let discovery = discovery(open_client(), &TestClock::new());
    let with = |name: &str, value: Value| {
        let mut document = document(&issuer);
        document[name] = value;
        Reply::json(document)
    };
    let duplicate = format!(r#"{{"issuer":"https://other.example","issuer":"{issuer}"}}"#);
    let table = [
        (
            Reply::json("<!doctype html><html></html>"),
            "document-not-json",
        ),
        (Reply::json(duplicate), "document-not-json"),
        (Reply::json("[]"), "document-not-an-object"),
        (Reply::json("{}"), "document-member-missing"),
        (Reply::json("x".repeat(300 * 1024)), "document-unreachable"),
        (Reply::status(500), "document-status"),
        (Reply::status(403), "document-status"),
        (Reply::status(404), "metadata-not-found"),
        (
            Reply::status(302).header("location", "http://169.254.169.254/latest/meta-data"),
            "document-status",
        ),
        (with("issuer", json!(7)), "document-member"),
        (
            with("token_endpoint", json!("http://tokens.example/")),
            "endpoint-address",
        ),
        (
            with("jwks_uri", json!("file:///etc/passwd")),
            "endpoint-address",
        ),
        (
            with("jwks_uri", json!("http://169.254.169.254/keys")),
            "endpoint-address",
        ),
        (
            with("authorization_endpoint", json!("javascript:alert(1)")),
            "endpoint-address",
        ),
        (with("token_endpoint", json!(["a"])), "document-member"),
        (
            with("code_challenge_methods_supported", json!("S256")),
            "document-member",
        ),
        (
            with(
                "authorization_response_iss_parameter_supported",
                json!("true"),
            ),
            "document-member",
        ),
    ];
    for (reply, expected) in table {
        fake.answer(RFC8414, reply.clone());
        fake.answer(OPENID, reply);
        discovery.forget();
        let found = discovery
            .authorization_server(&IssuerQuery::found(&issuer))
            .await;
        assert_eq!(code(found), expected);
    }
}

#[tokio::test]
async fn metadata_addresses_and_private_networks_are_not_asked_at_a_strangers_word() {
    let fake = Fake::start().await;
    fake.answer(RFC8414, Reply::json(document(&fake.origin())));
    let clock = TestClock::new();
    let guarded = discovery(guarded_client(), &clock);
    for issuer in [
        fake.origin(),
        "https://169.254.169.254".to_owned(),
        "https://[fd00:ec2::254]".to_owned(),
        "https://10.0.0.1/realms/a".to_owned(),
        "https://0x7f.1".to_owned(),
        "https://2130706433".to_owned(),
        "https://[::ffff:127.0.0.1]".to_owned(),
    ] {
        let found = guarded
            .authorization_server(&IssuerQuery::found(&issuer))
            .await;
        assert_eq!(code(found), "document-unreachable", "{issuer}");
    }
    assert!(fake.paths().is_empty(), "nothing was sent");
    // What a stranger may not name, the operator may.
    let found = guarded
        .authorization_server(&IssuerQuery::configured(&fake.origin()))
        .await;
    assert_eq!(code(found), "accepted");
    // And what the operator named is not served to strangers from what is kept.
    let found = guarded
        .authorization_server(&IssuerQuery::found(&fake.origin()))
        .await;
    assert_eq!(code(found), "document-unreachable");
    // A metadata address is refused to the operator too.
    let found = guarded
        .authorization_server(&IssuerQuery::configured("https://169.254.169.254"))
        .await;
    assert_eq!(code(found), "document-unreachable");
}

#[tokio::test]
async fn a_server_that_does_not_answer_costs_one_time_limit_and_no_more() {
    let fake = Fake::start().await;
    let never = Arc::new(Semaphore::new(0));
    for path in [RFC8414, OPENID] {
        fake.answer(path, Reply::json("{}").gated(&never));
    }
    let settings = DiscoverySettings {
        timeout: Duration::from_millis(200),
        ..DiscoverySettings::default()
    };
    let discovery = Discovery::new(open_client(), settings, TestClock::new());
    let found = discovery
        .authorization_server(&IssuerQuery::found(&fake.origin()))
        .await;
    assert_eq!(code(found), "document-unreachable");
    assert_eq!(fake.paths(), [RFC8414], "the second place was not tried");
}

#[tokio::test]
async fn documents_are_kept_for_a_while_and_failures_for_a_moment() {
    let fake = Fake::start().await;
    let issuer = fake.origin();
    let clock = TestClock::new();
    let discovery = discovery(open_client(), &clock);
    let query = IssuerQuery::found(&issuer);
    let ask = async || code(discovery.authorization_server(&query).await);

    assert_eq!(ask().await, "metadata-not-found");
    fake.answer(RFC8414, Reply::json(document(&issuer)));
    clock.advance(4);
    assert_eq!(ask().await, "metadata-not-found");
    clock.advance(1);
    assert_eq!(ask().await, "accepted");
    assert_eq!(fake.count(RFC8414), 2);

    fake.answer(RFC8414, Reply::json(document("https://other.example")));
    clock.advance(3599);
    assert_eq!(ask().await, "accepted");
    assert_eq!(fake.count(RFC8414), 2);
    clock.advance(1);
    assert_eq!(ask().await, "metadata-issuer-mismatch");
}

#[tokio::test]
async fn many_sign_ins_at_once_ask_once() {
    let fake = Fake::start().await;
    let issuer = fake.origin();
    let gate = Arc::new(Semaphore::new(0));
    fake.answer(RFC8414, Reply::json(document(&issuer)).gated(&gate));
    let discovery = Arc::new(discovery(open_client(), &TestClock::new()));
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (discovery, query) = (Arc::clone(&discovery), IssuerQuery::found(&issuer));
            tokio::spawn(async move { code(discovery.authorization_server(&query).await) })
        })
        .collect();
    until("the first asks", || fake.paths().len() == 1).await;
    gate.add_permits(1000);
    for task in tasks {
        assert_eq!(task.await.unwrap(), "accepted");
    }
    assert_eq!(fake.paths().len(), 1);
}

#[tokio::test]
async fn an_explicit_address_serves_issuers_that_do_not_lead_to_their_document() {
    let fake = Fake::start().await;
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let path = "/common/v2.0/.well-known/openid-configuration";
    let mut common = document(&fake.origin());
    common["issuer"] = json!(template);
    fake.answer(path, Reply::json(&common));
    let discovery = discovery(guarded_client(), &TestClock::new());
    let query = IssuerQuery::configured(template).with_metadata_url(Some(fake.url(path)));
    let server = discovery.authorization_server(&query).await.unwrap();
    assert_eq!(server.issuer, template);
    let keys = server.jwks_uri().unwrap();
    assert_eq!(server.naming(keys), Naming::Configured);

    let wrong = IssuerQuery::configured("https://login.microsoftonline.com/a/v2.0")
        .with_metadata_url(Some(fake.url(path)));
    assert_eq!(
        code(discovery.authorization_server(&wrong).await),
        "metadata-issuer-mismatch"
    );
}

fn resource(resource: &str) -> Reply {
    Reply::json(json!({
        "resource": resource,
        "authorization_servers": ["https://as.example"],
        "scopes_supported": ["a", "b"],
    }))
}

#[tokio::test]
async fn a_resource_is_found_by_its_challenge_else_by_its_path_else_at_its_root() {
    let fake = Fake::start().await;
    let endpoint = fake.url("/team/mcp");
    let discovery = discovery(guarded_client(), &TestClock::new());
    let inserted = format!("{RESOURCE}/team/mcp");

    fake.answer(RESOURCE, resource(&fake.origin()));
    let found = discovery.protected_resource(&endpoint, None).await.unwrap();
    assert_eq!(found.resource, fake.origin());
    assert_eq!(found.authorization_servers, ["https://as.example"]);
    assert_eq!(found.scopes_supported.clone().unwrap(), ["a", "b"]);
    assert_eq!(fake.paths(), [inserted.as_str(), RESOURCE]);

    fake.answer(&inserted, resource(endpoint.as_str()));
    discovery.forget();
    let found = discovery.protected_resource(&endpoint, None).await.unwrap();
    assert_eq!(found.resource, endpoint.as_str());

    fake.answer("/elsewhere", resource(endpoint.as_str()));
    let place = fake.url("/elsewhere");
    let found = discovery.protected_resource(&endpoint, Some(&place)).await;
    assert_eq!(code(found), "accepted");
    assert_eq!(fake.paths().last().unwrap(), "/elsewhere");

    // What a challenge names is not replaced by a guess.
    let nowhere = fake.url("/nowhere");
    let found = discovery
        .protected_resource(&endpoint, Some(&nowhere))
        .await;
    assert_eq!(code(found), "metadata-not-found");
    assert_eq!(fake.paths().last().unwrap(), "/nowhere");
}

#[tokio::test]
async fn a_resource_speaks_for_itself_only() {
    let fake = Fake::start().await;
    let endpoint = fake.url("/mcp");
    let discovery = discovery(guarded_client(), &TestClock::new());
    let ask = async |reply: Reply| {
        fake.answer(&format!("{RESOURCE}/mcp"), reply);
        discovery.forget();
        code(discovery.protected_resource(&endpoint, None).await)
    };
    assert_eq!(
        ask(resource("https://victim.example/mcp")).await,
        "metadata-resource-mismatch"
    );
    assert_eq!(
        ask(resource(&format!("{}/other", fake.origin()))).await,
        "metadata-resource-mismatch"
    );
    let nobody = json!({"resource": endpoint.as_str(), "authorization_servers": []});
    assert_eq!(
        ask(Reply::json(nobody)).await,
        "authorization-server-missing"
    );
    let nobody = json!({"resource": endpoint.as_str()});
    assert_eq!(
        ask(Reply::json(nobody)).await,
        "authorization-server-missing"
    );
    let nameless = json!({"authorization_servers": ["https://as.example"]});
    assert_eq!(ask(Reply::json(nameless)).await, "document-member-missing");
}

#[tokio::test]
async fn a_challenge_does_not_lead_into_private_networks() {
    let endpoint = Url::parse("https://mcp.example/mcp").unwrap();
    let fake = Fake::start().await;
    fake.answer("/metadata", resource(endpoint.as_str()));
    let discovery = discovery(guarded_client(), &TestClock::new());
    for place in [
        fake.url("/metadata").as_str(),
        "https://169.254.169.254/latest",
        "https://10.0.0.1/",
    ] {
        let place = Url::parse(place).unwrap();
        let found = discovery.protected_resource(&endpoint, Some(&place)).await;
        assert_eq!(code(found), "document-unreachable", "{place}");
    }
    for place in ["http://mcp.example/metadata", "file:///etc/passwd"] {
        let place = Url::parse(place).unwrap();
        let found = discovery.protected_resource(&endpoint, Some(&place)).await;
        assert_eq!(code(found), "metadata-address", "{place}");
    }
    assert!(fake.paths().is_empty());
}
