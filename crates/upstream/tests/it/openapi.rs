use std::sync::Arc;
use std::time::Duration;

use portcullis_mcp::{Era, Kind, Method};
use portcullis_openapi::{Document, Limits};
use portcullis_upstream::{Connection, Request, Spec, StartupFailure, Transport, UpstreamError};
use serde_json::{Value, json};

use crate::endpoint::{Endpoint, Reply, Seen};
use crate::support::{begin, call, connect, eventually, result, spec, upstream};

const PETS: &str = r##"
openapi: 3.1.0
info: {title: Pets, version: 1.2.3}
paths:
  /pets/{id}:
    get:
      operationId: getPet
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
        - {name: fields, in: query, schema: {type: array, items: {type: string}}}
        - {name: X-Trace, in: header, schema: {type: string}}
        - {name: X-Tenant, in: header, schema: {type: string}}
      responses: {200: {description: ok, content: {application/json: {schema: {type: object}}}}}
  /pets:
    post:
      operationId: addPet
      requestBody: {required: true, content: {application/json: {schema: {type: object}}}}
"##;

fn document() -> Arc<Document> {
    Arc::new(Document::parse(PETS.as_bytes(), &Limits::default()).unwrap())
}

fn api(endpoint: &Endpoint) -> Spec {
    spec(Transport::OpenApi {
        document: document(),
        base: format!("http://{}/v1/", endpoint.address).parse().unwrap(),
        headers: vec![
            ("authorization".parse().unwrap(), "Bearer api-secret".into()),
            ("x-tenant".parse().unwrap(), "ours".into()),
        ],
        tls: None,
    })
}

/// Sends a request of any method and gives its answer.
async fn ask(connection: &Connection, method: Method, params: &str) -> Value {
    let request = Request {
        method,
        params,
        name: None,
        headers: &[],
        progress: false,
        log_level: None,
        credentials: None,
    };
    let answer = connection.request(request).await.unwrap().answer().await;
    serde_json::from_str(answer.unwrap().as_str()).unwrap()
}

fn text(result: &Value) -> (bool, &str) {
    let text = result["content"][0]["text"].as_str().unwrap();
    (result["isError"].as_bool().unwrap(), text)
}

#[tokio::test]
async fn an_api_is_a_modern_server_with_tools() {
    let endpoint = Endpoint::start(|_| Reply::status(500)).await;
    let (upstream, connection) = connect(api(&endpoint)).await;
    assert_eq!(connection.era(), Era::Modern);
    assert_eq!(connection.capabilities(), r#"{"tools":{}}"#);
    assert_eq!(
        connection.server_info(),
        Some(r#"{"name":"Pets","version":"1.2.3"}"#)
    );
    let list = ask(&connection, Method::ToolsList, "{}").await;
    let tools: Vec<_> = list["result"]["tools"].as_array().unwrap().clone();
    let expected: Vec<Value> = document()
        .operations()
        .iter()
        .map(|operation| serde_json::from_str(operation.tool()).unwrap())
        .collect();
    assert_eq!(tools, expected);
    assert_eq!(list["result"]["cacheScope"], "private");
    let error = ask(&connection, Method::ToolsList, r#"{"cursor":"x"}"#).await;
    assert_eq!(error["error"]["code"], -32602);
    let error = ask(&connection, Method::PromptsList, "{}").await;
    assert_eq!(error["error"]["code"], -32601);
    let error = ask(&connection, Method::ToolsCall, r#"{"name":"no"}"#).await;
    assert_eq!(error["error"]["code"], -32602);
    connection.notify(Method::Cancelled, None).await.unwrap();
    let listening = connection.listen("{}").await.unwrap().answer().await;
    assert_eq!(listening.unwrap().kind(), Kind::Error);
    // All that without a word to the API.
    assert!(endpoint.seen().is_empty());
    upstream.shutdown().await;
    assert!(!connection.is_alive());
}

#[tokio::test]
async fn a_call_is_one_request() {
    let endpoint = Endpoint::start(|seen: &Seen| match seen.verb.as_str() {
        "GET" => Reply::json(r#"{"name": "Rex", "n": 1.0}"#),
        _ => Reply::json("[1]"),
    })
    .await;
    let (_upstream, connection) = connect(api(&endpoint)).await;
    let arguments =
        json!({"id": "a/b?c", "fields": ["x&y", "z"], "X-Trace": "t1", "X-Tenant": "theirs"});
    let got = call(&connection, "getPet", arguments).await.unwrap();
    assert_eq!(got["structuredContent"], json!({"name": "Rex", "n": 1.0}));
    assert_eq!(text(&got), (false, r#"{"name": "Rex", "n": 1.0}"#));
    let added = call(&connection, "addPet", json!({"body": {"name": "Rex"}})).await;
    assert_eq!(text(&added.unwrap()), (false, "[1]"));

    let seen = endpoint.seen();
    let [get, post] = seen.as_slice() else {
        panic!("{seen:?}");
    };
    assert_eq!(
        (get.verb.as_str(), get.target.as_str()),
        ("GET", "/v1/pets/a%2Fb%3Fc?fields=x%26y&fields=z")
    );
    assert_eq!(get.header("authorization"), Some("Bearer api-secret"));
    assert_eq!(get.header("x-trace"), Some("t1"));
    // What the configuration says wins.
    assert_eq!(get.headers.get_all("x-tenant").iter().count(), 1);
    assert_eq!(get.header("x-tenant"), Some("ours"));
    assert!(
        !get.headers
            .keys()
            .any(|name| name.as_str().starts_with("mcp-"))
    );
    assert_eq!(
        (post.verb.as_str(), post.target.as_str()),
        ("POST", "/v1/pets")
    );
    assert_eq!(post.header("content-type"), Some("application/json"));
    assert_eq!(post.body, json!({"name": "Rex"}));
}

#[tokio::test]
async fn bad_arguments_are_told_and_not_sent() {
    let endpoint = Endpoint::start(|_| Reply::json("{}")).await;
    let (_upstream, connection) = connect(api(&endpoint)).await;
    for (arguments, expected) in [
        (json!({}), "argument `id` is missing"),
        (json!({"id": 7}), "argument `id` must be of type string"),
        (
            json!({"id": "..%2F.."}),
            // Encoded once more on the way, so it is a name like any other.
            "",
        ),
        (
            json!({"id": ".."}),
            "argument `id` cannot be sent: it stands in the path and would change it",
        ),
        (json!({"id": "a", "other": 1}), "unknown argument `other`"),
    ] {
        let got = call(&connection, "getPet", arguments).await.unwrap();
        let expected = if expected.is_empty() {
            (false, "{}")
        } else {
            (true, expected)
        };
        assert_eq!(text(&got), expected);
    }
    let targets: Vec<_> = endpoint
        .seen()
        .into_iter()
        .map(|seen| seen.target)
        .collect();
    assert_eq!(targets, ["/v1/pets/..%252F.."]);
}

#[tokio::test]
async fn what_is_no_success_is_told() {
    let endpoint = Endpoint::start(|seen: &Seen| match seen.target.as_str() {
        "/v1/pets/away" => Reply::status(302).with("location", "http://127.0.0.1:1/"),
        "/v1/pets/gone" => Reply::status(404)
            .with("content-type", "text/plain")
            .body("no such pet"),
        "/v1/pets/picture" => Reply::status(200)
            .with("content-type", "image/png")
            .body("png"),
        "/v1/pets/twice" => Reply::json(r#"{"a":1,"a":2}"#),
        "/v1/pets/escape" => Reply::json(r#"{},"isError":false,"x":{}"#),
        _ => Reply::status(200)
            .with("content-type", "text/plain")
            .body("hello"),
    })
    .await;
    let (_upstream, connection) = connect(api(&endpoint)).await;
    for (id, expected) in [
        ("away", "HTTP 302 Found: a redirect, which is not followed"),
        ("gone", "HTTP 404 Not Found\n\nno such pet"),
        (
            "picture",
            "the api answered with 3 bytes of image/png, which is not text and not passed on",
        ),
        (
            "twice",
            "the api answered with json that is duplicate key \"a\" at byte 7",
        ),
        (
            "escape",
            "the api answered with json that is not valid json at byte 2",
        ),
        (
            "other",
            "the api did not answer with the json object that its description promises\n\nhello",
        ),
    ] {
        let got = call(&connection, "getPet", json!({"id": id}))
            .await
            .unwrap();
        assert_eq!(text(&got), (true, expected), "{id}");
        assert!(got.get("structuredContent").is_none(), "{id}");
    }
    assert!(connection.is_alive());
}

#[tokio::test]
async fn answers_are_bounded_in_size_and_time() {
    let endpoint = Endpoint::start(|seen: &Seen| match seen.target.as_str() {
        "/v1/pets/large" => Reply::json(format!("{{\"a\":\"{}\"}}", "x".repeat(20_000))),
        _ => {
            let (reply, feed) = Reply::live();
            // Held open until the runtime ends.
            std::mem::forget(feed);
            reply
        }
    })
    .await;
    let mut spec = api(&endpoint);
    spec.limits.max_bytes = 10_000;
    spec.request_timeout = Duration::from_millis(300);
    let (_upstream, connection) = connect(spec).await;
    let large = call(&connection, "getPet", json!({"id": "large"})).await;
    assert!(matches!(large, Err(UpstreamError::TooLarge)), "{large:?}");
    let stalled = call(&connection, "getPet", json!({"id": "stalled"})).await;
    assert!(
        matches!(stalled, Err(UpstreamError::TimedOut)),
        "{stalled:?}"
    );
}

#[tokio::test]
async fn a_read_that_is_dropped_loses_nothing() {
    let feeds: Arc<std::sync::Mutex<Vec<_>>> = Arc::default();
    let opened = Arc::clone(&feeds);
    let endpoint = Endpoint::start(move |_| {
        let (reply, feed) = Reply::live();
        opened.lock().unwrap().push(feed);
        reply
    })
    .await;
    let (_upstream, connection) = connect(api(&endpoint)).await;
    let mut exchange = begin(&connection, "getPet", json!({"id": "a"}))
        .await
        .unwrap();
    let feed = feeds.lock().unwrap().pop().unwrap();
    feed.send("first ".to_owned()).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), exchange.next()).await;
    assert!(early.is_err());
    feed.send("second".to_owned()).await.unwrap();
    drop(feed);
    let answer = exchange.next().await.unwrap().unwrap();
    assert!(text(&result(&answer)).1.ends_with("first second"));
    assert!(exchange.next().await.is_none());

    // Giving up closes the way to the API.
    let exchange = begin(&connection, "getPet", json!({"id": "b"}))
        .await
        .unwrap();
    let feed = feeds.lock().unwrap().pop().unwrap();
    drop(exchange);
    eventually("the API sees the end", || {
        let _ = feed.try_send("more".to_owned());
        feed.is_closed()
    })
    .await;
}

#[tokio::test]
async fn an_api_that_is_not_there_is_an_error() {
    let mut gone = api(&Endpoint::start(|_| Reply::status(500)).await);
    if let Transport::OpenApi { base, .. } = &mut gone.transport {
        *base = "http://127.0.0.1:1/".parse().unwrap();
    }
    let (_upstream, connection) = connect(gone).await;
    let error = call(&connection, "getPet", json!({"id": "a"})).await;
    assert!(matches!(error, Err(UpstreamError::Connect(_))), "{error:?}");
    let mut query = api(&Endpoint::start(|_| Reply::status(500)).await);
    if let Transport::OpenApi { base, .. } = &mut query.transport {
        *base = "http://127.0.0.1:1/?a=b".parse().unwrap();
    }
    let error = upstream(query).connection().await.unwrap_err();
    assert!(
        matches!(error, UpstreamError::Startup(StartupFailure::Address)),
        "{error}"
    );
}

#[test]
fn debug_shows_no_header() {
    let spec = spec(Transport::OpenApi {
        document: document(),
        base: "http://127.0.0.1/v1".parse().unwrap(),
        headers: vec![("authorization".parse().unwrap(), "api-secret".into())],
        tls: None,
    });
    let shown = format!("{spec:?}");
    assert!(
        !shown.contains("api-secret") && shown.contains("Pets"),
        "{shown}"
    );
}
