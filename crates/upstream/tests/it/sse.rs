use std::sync::{Arc, Mutex};

use portcullis_mcp::{Era, Kind, Method};
use portcullis_upstream::{HttpKind, Spec, StartupFailure, Transport, UpstreamError};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::endpoint::{Endpoint, Reply, Seen, event};
use crate::support::{begin, call, connect, declaring, eventually, result, soon, upstream};

/// The stream of a server, once it is open.
#[derive(Clone, Default)]
struct Stream(Arc<Mutex<Option<mpsc::Sender<String>>>>);

impl Stream {
    /// Opens the stream, with the address of messages as the first event.
    fn open(&self, address: &str) -> Reply {
        let (reply, feed) = Reply::live();
        let first = format!(": hello\n\nevent: endpoint\ndata: {address}\n\n");
        feed.try_send(first).unwrap();
        *self.0.lock().unwrap() = Some(feed);
        reply
    }

    fn say(&self, message: &str) {
        let stream = self.0.lock().unwrap();
        let text = format!("event: message\n{}", event(message));
        stream.as_ref().unwrap().try_send(text).unwrap();
    }

    fn end(&self) {
        self.0.lock().unwrap().take();
    }

    fn is_open(&self) -> bool {
        let stream = self.0.lock().unwrap();
        stream.as_ref().is_some_and(|feed| !feed.is_closed())
    }
}

/// A server of 2024-11-05: `rest` handles the messages that come after the handshake.
fn old_server<R: Fn(&Seen, &Stream) + Send + Sync + 'static>(
    stream: &Stream,
    address: &'static str,
    rest: R,
) -> impl Fn(&Seen) -> Reply + Send + Sync + use<R> {
    let stream = stream.clone();
    move |seen| match (seen.verb.as_str(), seen.target.as_str()) {
        ("GET", "/mcp?key=query-secret") => stream.open(address),
        ("POST", "/messages?session=1") => {
            match seen.method() {
                "initialize" => stream.say(&seen.result(&json!({
                    "protocolVersion": "2024-11-05",
                    "capabilities": {"tools": {"listChanged": true}},
                    "serverInfo": {"name": "old", "version": "1"},
                }))),
                "notifications/initialized" => {}
                _ => rest(seen, &stream),
            }
            Reply::accepted()
        }
        _ => Reply::status(405),
    }
}

fn of_kind(mut spec: Spec, chosen: HttpKind) -> Spec {
    if let Transport::Http { kind, .. } = &mut spec.transport {
        *kind = chosen;
    }
    spec
}

fn echo(seen: &Seen, stream: &Stream) {
    if seen.method() == "tools/call" {
        stream.say(&seen.result(&json!({"said": seen.tool()})));
    }
}

#[tokio::test]
async fn an_old_server_is_found_and_called() {
    let stream = Stream::default();
    let endpoint = Endpoint::start(old_server(&stream, "/messages?session=1", echo)).await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    assert_eq!(connection.era(), Era::Legacy);
    assert_eq!(connection.version().as_str(), "2024-11-05");
    for tool in ["a", "b"] {
        let said = call(&connection, tool, json!({})).await.unwrap();
        assert_eq!(said, json!({"said": tool}));
    }
    assert_eq!(
        endpoint.log(),
        [
            "server/discover",
            "initialize",
            "GET",
            "initialize",
            "notifications/initialized",
            "tools/call",
            "tools/call",
        ]
    );
    let seen = endpoint.seen();
    for message in &seen[3..] {
        assert_eq!(message.target, "/messages?session=1");
        assert_eq!(
            message.header("authorization"),
            Some("Bearer header-secret")
        );
    }
    assert_eq!(seen[2].header("accept"), Some("text/event-stream"));
    // List changes come on the stream by themselves.
    let mut changes = connection.list_changes();
    stream.say(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#);
    assert_eq!(soon(changes.changed()).await.tools, 1);
}

#[tokio::test]
async fn the_transport_can_be_fixed() {
    let stream = Stream::default();
    let endpoint = Endpoint::start(old_server(&stream, "/messages?session=1", echo)).await;
    let (_upstream, connection) = connect(of_kind(endpoint.spec(), HttpKind::Sse)).await;
    assert_eq!(connection.era(), Era::Legacy);
    assert_eq!(
        endpoint.log(),
        ["GET", "initialize", "notifications/initialized"]
    );
    let fixed = upstream(of_kind(endpoint.spec(), HttpKind::Streamable));
    let error = fixed.connection().await.unwrap_err();
    assert!(matches!(error, UpstreamError::Http { .. }), "{error}");
    assert_eq!(endpoint.log()[3..], ["server/discover", "initialize"]);
}

#[tokio::test]
async fn without_a_stream_the_first_refusal_counts() {
    let endpoint = Endpoint::start(|seen: &Seen| match seen.verb.as_str() {
        "POST" => Reply::status(405),
        _ => Reply::status(404),
    })
    .await;
    let error = upstream(endpoint.spec()).connection().await.unwrap_err();
    assert!(
        matches!(&error, UpstreamError::Http { status, .. } if status.as_u16() == 405),
        "{error}"
    );
    assert_eq!(endpoint.log(), ["server/discover", "initialize", "GET"]);
    // A refusal with a word of JSON-RPC is no sign of the old transport.
    let endpoint = Endpoint::start(|_: &Seen| {
        Reply::status(400)
            .body(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}"#)
    })
    .await;
    upstream(endpoint.spec()).connection().await.unwrap_err();
    assert_eq!(endpoint.log(), ["server/discover", "initialize"]);
}

#[tokio::test]
async fn messages_go_to_the_same_origin_only() {
    let other = Endpoint::start(|_| Reply::accepted()).await;
    for address in [
        format!("http://{}/messages", other.address),
        format!("//{}/messages", other.address),
        format!("http://user@{}/messages", other.address),
    ] {
        let address: &'static str = address.leak();
        let stream = Stream::default();
        let endpoint = Endpoint::start(old_server(&stream, address, echo)).await;
        let spec = of_kind(endpoint.spec(), HttpKind::Sse);
        let error = upstream(spec).connection().await.unwrap_err();
        assert!(
            matches!(error, UpstreamError::Startup(StartupFailure::Origin)),
            "{error}"
        );
        assert_eq!(endpoint.log(), ["GET"]);
        eventually("the stream is closed", || !stream.is_open()).await;
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_stream_that_starts_with_anything_else_is_refused() {
    let endpoint = Endpoint::start(|_: &Seen| Reply::events(event("{}"))).await;
    let spec = of_kind(endpoint.spec(), HttpKind::Sse);
    let error = upstream(spec).connection().await.unwrap_err();
    assert!(
        matches!(error, UpstreamError::Startup(StartupFailure::Malformed)),
        "{error}"
    );
}

#[tokio::test]
async fn answers_find_their_requests_in_any_order() {
    let stream = Stream::default();
    let endpoint = Endpoint::start(old_server(&stream, "/messages?session=1", |_, _| {})).await;
    let (_upstream, connection) = connect(of_kind(endpoint.spec(), HttpKind::Sse)).await;
    let first = begin(&connection, "first", json!({})).await.unwrap();
    let second = begin(&connection, "second", json!({})).await.unwrap();
    let calls: Vec<_> = endpoint.seen().split_off(3);
    for seen in calls.iter().rev() {
        stream.say(&seen.result(&json!({"said": seen.tool()})));
    }
    stream.say(r#"{"jsonrpc":"2.0","id":99,"result":{}}"#);
    stream.say("no message");
    let said = |tool: &str| json!({"said": tool});
    assert_eq!(result(&first.answer().await.unwrap()), said("first"));
    assert_eq!(result(&second.answer().await.unwrap()), said("second"));
    eventually("the rest is counted", || {
        let discards = connection.discards();
        (discards.stray_answers, discards.malformed) == (1, 1)
    })
    .await;
}

#[tokio::test]
async fn requests_of_the_server_are_answered_by_post() {
    let stream = Stream::default();
    let endpoint = Endpoint::start(old_server(&stream, "/messages?session=1", |_, _| {})).await;
    let spec = declaring(endpoint.spec(), json!({"roots": {}}));
    let (_upstream, connection) = connect(of_kind(spec, HttpKind::Sse)).await;
    let mut exchange = begin(&connection, "asks", json!({})).await.unwrap();
    stream.say(r#"{"jsonrpc":"2.0","id":"q1","method":"roots/list"}"#);
    stream.say(r#"{"jsonrpc":"2.0","id":"q2","method":"sampling/createMessage","params":{}}"#);
    stream.say(r#"{"jsonrpc":"2.0","id":"q3","method":"ping"}"#);
    let asked = soon(exchange.next()).await.unwrap();
    assert_eq!(
        (asked.kind(), asked.method()),
        (Kind::Request, Some(Method::RootsList))
    );
    let answer = r#"{"jsonrpc":"2.0","id":"q1","result":{"roots":[]}}"#;
    connection.respond(answer.to_owned()).await.unwrap();
    let told = |id: &str| -> Option<Value> {
        let seen = endpoint.seen();
        let found = seen.iter().find(|seen| *seen.id() == json!(id));
        found.map(|seen| seen.body.clone())
    };
    eventually("all are answered", || {
        ["q1", "q2", "q3"].iter().all(|id| told(id).is_some())
    })
    .await;
    assert_eq!(told("q1").unwrap()["result"], json!({"roots": []}));
    assert_eq!(told("q2").unwrap()["error"]["code"], -32601);
    assert_eq!(told("q3").unwrap()["result"], json!({}));
}

#[tokio::test]
async fn giving_up_is_told() {
    let stream = Stream::default();
    let endpoint = Endpoint::start(old_server(&stream, "/messages?session=1", |_, _| {})).await;
    let (_upstream, connection) = connect(of_kind(endpoint.spec(), HttpKind::Sse)).await;
    let exchange = begin(&connection, "slow", json!({})).await.unwrap();
    let id = exchange.id();
    drop(exchange);
    eventually("the cancellation arrives", || {
        endpoint.seen().iter().any(|seen| {
            seen.method() == "notifications/cancelled" && seen.body["params"]["requestId"] == id
        })
    })
    .await;
}

#[tokio::test]
async fn the_end_of_the_stream_is_the_end_of_the_connection() {
    let stream = Stream::default();
    let endpoint = Endpoint::start(old_server(&stream, "/messages?session=1", echo)).await;
    let (upstream, connection) = connect(of_kind(endpoint.spec(), HttpKind::Sse)).await;
    call(&connection, "last", json!({})).await.unwrap();
    stream.end();
    connection.closed().await;
    let error = begin(&connection, "after", json!({})).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Closed), "{error}");
    upstream.shutdown().await;
}

#[tokio::test]
async fn a_request_in_flight_fails_with_the_stream() {
    let stream = Stream::default();
    let endpoint = Endpoint::start(old_server(&stream, "/messages?session=1", |_, _| {})).await;
    let (_upstream, connection) = connect(of_kind(endpoint.spec(), HttpKind::Sse)).await;
    let exchange = begin(&connection, "never", json!({})).await.unwrap();
    stream.end();
    let error = exchange.answer().await.unwrap_err();
    assert!(matches!(error, UpstreamError::Closed), "{error}");
    connection.closed().await;
}

#[tokio::test]
async fn shutting_down_closes_the_stream() {
    let stream = Stream::default();
    let endpoint = Endpoint::start(old_server(&stream, "/messages?session=1", echo)).await;
    let (upstream, connection) = connect(of_kind(endpoint.spec(), HttpKind::Sse)).await;
    assert!(stream.is_open());
    upstream.shutdown().await;
    assert!(!connection.is_alive());
    eventually("the stream is closed", || !stream.is_open()).await;
}

#[tokio::test]
async fn a_refused_message_fails_its_request_only() {
    let stream = Stream::default();
    let inner = old_server(&stream, "/messages?session=1", echo);
    let endpoint = Endpoint::start(move |seen: &Seen| match seen.tool() {
        "refused" => Reply::status(500),
        "forgotten" => Reply::status(404),
        _ => inner(seen),
    })
    .await;
    let (_upstream, connection) = connect(of_kind(endpoint.spec(), HttpKind::Sse)).await;
    let error = begin(&connection, "refused", json!({})).await.unwrap_err();
    assert!(
        matches!(&error, UpstreamError::Http { status, .. } if status.as_u16() == 500),
        "{error}"
    );
    assert_eq!(
        call(&connection, "fine", json!({})).await.unwrap(),
        json!({"said": "fine"})
    );
    let error = begin(&connection, "forgotten", json!({}))
        .await
        .unwrap_err();
    assert!(matches!(error, UpstreamError::SessionEnded), "{error}");
    assert!(!connection.is_alive());
}
