//! What an HTTP server asks, on the stream of a request and on its own.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portcullis_mcp::{Kind, Method, message};
use portcullis_upstream::{Spec, UpstreamError};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::endpoint::{Endpoint, Reply, Seen, event, legacy, modern};
use crate::support::{begin, connect, declaring, eventually, result, soon};

type Feed = mpsc::Sender<String>;

/// A legacy server whose calls and whose own stream the test feeds.
struct Fed {
    endpoint: Endpoint,
    calls: Arc<Mutex<Vec<(Seen, Feed)>>>,
    own: Arc<Mutex<Vec<Feed>>>,
}

impl Fed {
    async fn start() -> Self {
        let calls: Arc<Mutex<Vec<(Seen, Feed)>>> = Arc::default();
        let own: Arc<Mutex<Vec<Feed>>> = Arc::default();
        let (opened, followed) = (Arc::clone(&calls), Arc::clone(&own));
        let endpoint = Endpoint::start(legacy(move |seen| match seen.verb.as_str() {
            "GET" => {
                let (reply, feed) = Reply::live();
                followed.lock().unwrap().push(feed);
                reply
            }
            "POST" if seen.method() == "tools/call" => {
                let (reply, feed) = Reply::live();
                opened.lock().unwrap().push((seen.clone(), feed));
                reply
            }
            _ => Reply::accepted(),
        }))
        .await;
        Self {
            endpoint,
            calls,
            own,
        }
    }

    fn spec(&self) -> Spec {
        declaring(
            self.endpoint.spec(),
            json!({"sampling": {}, "elicitation": {}, "roots": {}}),
        )
    }

    fn opened(&self) -> (Seen, Feed) {
        self.calls.lock().unwrap().pop().unwrap()
    }

    /// The feed of the server's own stream.
    async fn own_stream(&self) -> Feed {
        eventually("the stream is open", || {
            !self.own.lock().unwrap().is_empty()
        })
        .await;
        self.own.lock().unwrap()[0].clone()
    }

    /// The answers that arrived for what the server asked.
    fn answers(&self) -> Vec<Seen> {
        let seen = self.endpoint.seen().into_iter();
        seen.filter(|seen| seen.verb == "POST" && seen.method().is_empty())
            .collect()
    }

    async fn answer_to(&self, id: &str) -> Value {
        let find = || {
            self.answers()
                .into_iter()
                .find(|seen| seen.body["id"] == id)
        };
        eventually("the answer", || find().is_some()).await;
        find().unwrap().body
    }
}

fn asks(id: &str) -> String {
    event(&json!({"jsonrpc": "2.0", "id": id, "method": "roots/list"}).to_string())
}

#[tokio::test]
async fn a_request_on_the_stream_of_a_call_is_answered_by_its_caller() {
    let fed = Fed::start().await;
    let (_upstream, connection) = connect(fed.spec()).await;
    let mut other = begin(&connection, "other", json!({})).await.unwrap();
    let mut exchange = begin(&connection, "t", json!({})).await.unwrap();
    let (seen, feed) = fed.opened();
    feed.send(asks("q-1")).await.unwrap();
    let asked = soon(exchange.next()).await.unwrap();
    assert_eq!((asked.kind(), asked.id()), (Kind::Request, Some("\"q-1\"")));
    connection
        .respond(message::response(asked.id().unwrap(), r#"{"roots":[]}"#))
        .await
        .unwrap();
    let answers = fed.answers();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].body["result"], json!({"roots": []}));
    assert_eq!(answers[0].header("mcp-session-id"), Some("session-1"));
    assert_eq!(
        answers[0].header("mcp-protocol-version"),
        Some("2025-06-18")
    );
    let gives_up = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "q-2"}});
    feed.send(asks("q-2") + &event(&gives_up.to_string()))
        .await
        .unwrap();
    assert_eq!(soon(exchange.next()).await.unwrap().id(), Some("\"q-2\""));
    let told = soon(exchange.next()).await.unwrap();
    assert_eq!(told.method(), Some(Method::Cancelled));
    feed.send(event(&seen.result(&json!({"done": 1}))))
        .await
        .unwrap();
    let answer = soon(exchange.next()).await.unwrap();
    assert_eq!(result(&answer), json!({"done": 1}));
    let unread = tokio::time::timeout(Duration::from_millis(50), other.next()).await;
    assert!(unread.is_err(), "the other caller was not asked");
    assert_eq!(connection.discards().requests, 0);
}

#[tokio::test]
async fn the_servers_own_stream_belongs_to_no_call() {
    let fed = Fed::start().await;
    let (_upstream, connection) = connect(fed.spec()).await;
    let mut exchange = begin(&connection, "t", json!({})).await.unwrap();
    let feed = fed.own_stream().await;
    feed.send(asks("early")).await.unwrap();
    assert_eq!(fed.answer_to("early").await["error"]["code"], -32601);

    let mut loose = connection.loose();
    feed.send(asks("q-1")).await.unwrap();
    assert_eq!(soon(loose.next()).await.id(), Some("\"q-1\""));
    for (method, params) in [
        ("notifications/resources/updated", json!({"uri": "a:b"})),
        ("notifications/message", json!({"level": "info", "data": 1})),
        (
            "notifications/elicitation/complete",
            json!({"elicitationId": "e"}),
        ),
        ("notifications/tasks/status", json!({"taskId": "t"})),
        ("notifications/cancelled", json!({"requestId": "q-1"})),
    ] {
        let text = json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string();
        feed.send(event(&text)).await.unwrap();
    }
    for expected in [
        Method::ResourcesUpdated,
        Method::LogMessage,
        Method::ElicitationComplete,
        Method::Cancelled,
    ] {
        assert_eq!(soon(loose.next()).await.method(), Some(expected));
    }
    let unread = tokio::time::timeout(Duration::from_millis(50), exchange.next()).await;
    assert!(unread.is_err(), "no call gets it");
    assert_eq!(connection.discards().notifications, 1);
    feed.send(asks("q-2")).await.unwrap();
    eventually("the request is queued", || {
        format!("{loose:?}").contains("roots/list")
    })
    .await;
    drop(loose);
    assert_eq!(fed.answer_to("q-2").await["error"]["code"], -32603);
}

#[tokio::test]
async fn a_flood_on_the_servers_own_stream_is_bounded() {
    let fed = Fed::start().await;
    let (_upstream, connection) = connect(fed.spec()).await;
    let mut loose = connection.loose();
    let feed = fed.own_stream().await;
    for batch in 0..40 {
        let requests: String = (0..50).map(|n| asks(&format!("q-{batch}-{n}"))).collect();
        feed.send(requests).await.unwrap();
    }
    eventually("everything came", || {
        connection.discards().requests == 2_000 - 256
    })
    .await;
    assert_eq!(loose.missed(), 2_000 - 256);
    assert_eq!(soon(loose.next()).await.id(), Some("\"q-34-44\""));
    assert!(connection.is_alive());
}

#[tokio::test]
async fn dropping_a_call_answers_what_was_asked_in_it_and_not_read() {
    let endpoint = Endpoint::start(|seen| match seen.method() {
        "server/discover" => Reply::status(404),
        "initialize" => Reply::json(seen.result(&json!({"protocolVersion": "2025-03-26",
            "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}))),
        // A batch brings several messages at once; what the caller did not read yet is queued.
        "tools/call" => Reply::events(event(
            r#"[{"jsonrpc":"2.0","id":"q-1","method":"roots/list"},{"jsonrpc":"2.0","id":"q-2","method":"roots/list"}]"#,
        )),
        _ => Reply::accepted(),
    })
    .await;
    let (_upstream, connection) = connect(declaring(endpoint.spec(), json!({"roots": {}}))).await;
    let mut exchange = begin(&connection, "t", json!({})).await.unwrap();
    assert_eq!(soon(exchange.next()).await.unwrap().id(), Some("\"q-1\""));
    drop(exchange);
    let answers = || {
        let seen = endpoint.seen().into_iter();
        seen.filter(|seen| !seen.body["error"].is_null())
            .collect::<Vec<_>>()
    };
    eventually("the answer", || !answers().is_empty()).await;
    assert_eq!(answers()[0].body["id"], "q-2");
    assert_eq!(answers()[0].body["error"]["code"], -32603);
    assert_eq!(answers().len(), 1);
}

#[tokio::test]
async fn a_deadline_moves() {
    let fed = Fed::start().await;
    let mut spec = fed.spec();
    spec.request_timeout = Duration::from_secs(1);
    let (_upstream, connection) = connect(spec).await;
    let mut exchange = begin(&connection, "t", json!({})).await.unwrap();
    let (seen, feed) = fed.opened();
    exchange.set_deadline(None);
    let late = tokio::time::timeout(Duration::from_millis(1_500), exchange.next()).await;
    assert!(late.is_err(), "it waits for a person");
    exchange.set_deadline(Some(Instant::now() + Duration::from_secs(20)));
    feed.send(event(&seen.result(&json!({})))).await.unwrap();
    assert!(soon(exchange.next()).await.is_ok());
    let mut exchange = begin(&connection, "t", json!({})).await.unwrap();
    exchange.set_deadline(Some(Instant::now()));
    let error = soon(exchange.next()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::TimedOut), "{error}");
}

#[tokio::test]
async fn what_is_declared_and_mirrored_arrives() {
    let endpoint = Endpoint::start(modern(|seen| Reply::json(seen.result(&json!({}))))).await;
    let mut spec = endpoint.spec();
    spec.client.modern = json!({"sampling": {}, "extensions": {"vendor/x": {}}}).to_string();
    let (_upstream, connection) = connect(spec).await;
    let send = async |headers: &[(String, String)]| {
        connection
            .request(portcullis_upstream::Request {
                method: Method::ToolsCall,
                params: r#"{"name":"t","arguments":{}}"#,
                name: Some("t"),
                headers,
                progress: false,
                log_level: None,
                credentials: None,
            })
            .await
    };
    let headers = [
        ("Region".to_owned(), "eu west".to_owned()),
        ("city".to_owned(), "=?base64?TcO8bmNoZW4=?=".to_owned()),
    ];
    send(&headers).await.unwrap().answer().await.unwrap();
    let seen = endpoint.seen();
    assert_eq!(seen[1].header("mcp-param-region"), Some("eu west"));
    assert_eq!(
        seen[1].header("mcp-param-city"),
        Some("=?base64?TcO8bmNoZW4=?=")
    );
    for seen in &seen {
        assert_eq!(
            seen.body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"],
            json!({"sampling": {}, "extensions": {"vendor/x": {}}})
        );
    }
    for (suffix, text) in [("a b", "x"), ("a\r\nb", "x"), ("a", "two\r\nlines")] {
        let error = send(&[(suffix.to_owned(), text.to_owned())]).await;
        assert!(matches!(error, Err(UpstreamError::Header)), "{suffix:?}");
    }
}

#[tokio::test]
async fn a_legacy_request_mirrors_nothing_and_declares_once() {
    let fed = Fed::start().await;
    let (_upstream, connection) = connect(fed.spec()).await;
    let headers = [("region".to_owned(), "eu".to_owned())];
    let _exchange = connection
        .request(portcullis_upstream::Request {
            method: Method::ToolsCall,
            params: r#"{"name":"t","arguments":{}}"#,
            name: Some("t"),
            headers: &headers,
            progress: false,
            log_level: None,
            credentials: None,
        })
        .await
        .unwrap();
    let seen = fed.endpoint.seen();
    let initialize = seen.iter().find(|seen| seen.method() == "initialize");
    assert_eq!(
        initialize.unwrap().body["params"]["capabilities"],
        json!({"sampling": {}, "elicitation": {}, "roots": {}})
    );
    assert!(
        seen.iter()
            .all(|seen| seen.header("mcp-param-region").is_none())
    );
}

#[tokio::test]
async fn a_header_mismatch_is_passed_up() {
    let endpoint = Endpoint::start(modern(|seen| {
        Reply::status(400)
            .with("content-type", "application/json")
            .body(seen.error(-32020))
    }))
    .await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    let answer = begin(&connection, "t", json!({})).await.unwrap().answer();
    assert_eq!(answer.await.unwrap().error().unwrap().code, -32020);
    assert!(connection.is_alive());
}

#[tokio::test]
async fn the_servers_own_stream_is_taken_up_where_it_ended() {
    let endpoint = Endpoint::start(legacy(|seen| match seen.verb.as_str() {
        "GET" => match seen.header("last-event-id") {
            None => Reply::events(format!("retry: 100\nid: e-1\n{}", asks("q-1"))),
            Some("e-1") => Reply::events(format!("id: e-2\n{}", asks("q-2"))),
            // This place is not known any more, so that the stream is opened without one.
            Some(_) => Reply::status(400),
        },
        _ => Reply::accepted(),
    }))
    .await;
    let spec = declaring(endpoint.spec(), json!({"roots": {}}));
    let (_upstream, connection) = connect(spec).await;
    let mut loose = connection.loose();
    for id in ["\"q-1\"", "\"q-2\"", "\"q-1\""] {
        assert_eq!(soon(loose.next()).await.id(), Some(id));
    }
    let places: Vec<_> = endpoint
        .seen()
        .into_iter()
        .filter(|seen| seen.verb == "GET")
        .map(|seen| seen.header("last-event-id").map(str::to_owned))
        .collect();
    let place = |id: &str| Some(id.to_owned());
    assert_eq!(places[..4], [None, place("e-1"), place("e-2"), None]);
}
