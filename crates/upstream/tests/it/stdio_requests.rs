//! What a child asks, with and without an exchange that it belongs to.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use portcullis_mcp::{Kind, Method, message};
use portcullis_upstream::{Connection, Exchange, UpstreamError};
use serde_json::{Value, json};

use crate::support::{begin, call, child, connect, declaring, eventually, result, soon};

fn asking() -> portcullis_upstream::Spec {
    declaring(
        child(&["legacy"]),
        json!({"sampling": {}, "elicitation": {"form": {}}, "roots": {}}),
    )
}

/// What the client answered so far to what this server asked.
async fn answers(connection: &Connection) -> Vec<Value> {
    let answers = call(connection, "answers", json!({})).await.unwrap();
    answers["answers"].as_array().unwrap().clone()
}

/// Starts a call during which the server writes these lines and then nothing.
async fn posting(connection: &Connection, lines: &[Value]) -> Exchange {
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    begin(connection, "post", json!({"lines": lines, "hang": true}))
        .await
        .unwrap()
}

/// Waits until a request with this id waits for the caller.
async fn queued(exchange: &Exchange, id: &str) {
    let shown = format!("{:?}", Some(format!("\"{id}\"")));
    eventually("the request is queued", || {
        format!("{exchange:?}").contains(&shown)
    })
    .await;
}

fn asks(id: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "roots/list"})
}

#[tokio::test]
async fn a_request_during_a_call_is_answered_by_the_caller() {
    for method in ["sampling/createMessage", "elicitation/create", "roots/list"] {
        let (_upstream, connection) = connect(asking()).await;
        let mut exchange = begin(&connection, "ask", json!({ "method": method }))
            .await
            .unwrap();
        let asked = soon(exchange.next()).await.unwrap();
        assert_eq!(asked.kind(), Kind::Request);
        assert_eq!(
            (asked.method_name(), asked.id()),
            (Some(method), Some("\"ask-1\""))
        );
        let text = message::response(asked.id().unwrap(), "{\n\"given\": 7}");
        connection.respond(text).await.unwrap();
        let answer = soon(exchange.next()).await.unwrap();
        assert_eq!(result(&answer)["answer"]["result"], json!({"given": 7}));
        assert!(exchange.next().await.is_none());
        assert_eq!(connection.discards().requests, 0);
    }
}

#[tokio::test]
async fn what_was_not_declared_is_refused() {
    let spec = declaring(child(&["legacy"]), json!({"roots": {"listChanged": true}}));
    let (_upstream, connection) = connect(spec).await;
    let declared = call(&connection, "declared", json!({})).await.unwrap();
    assert_eq!(
        declared["declared"],
        json!({"roots": {"listChanged": true}})
    );
    for method in ["sampling/createMessage", "elicitation/create", "vendor/x"] {
        let answer = call(&connection, "ask", json!({ "method": method }))
            .await
            .unwrap();
        assert_eq!(answer["answer"]["error"]["code"], -32601, "{method}");
    }
}

#[tokio::test]
async fn with_two_calls_in_flight_a_request_belongs_to_neither() {
    let (_upstream, connection) = connect(asking()).await;
    let mut loose = connection.loose();
    let mut waiting = begin(&connection, "hang", json!({})).await.unwrap();
    let mut asking = begin(&connection, "ask", json!({"method": "roots/list"}))
        .await
        .unwrap();
    let asked = soon(loose.next()).await;
    assert_eq!(asked.method(), Some(Method::RootsList));
    assert!(waiting.next().now_or_never().is_none());
    assert!(asking.next().now_or_never().is_none());
    let text = message::response(asked.id().unwrap(), r#"{"roots":[]}"#);
    connection.respond(text).await.unwrap();
    let answer = soon(asking.next()).await.unwrap();
    assert_eq!(result(&answer)["answer"]["result"], json!({"roots": []}));
}

#[tokio::test]
async fn a_request_that_belongs_to_nobody_is_refused() {
    let (_upstream, connection) = connect(asking()).await;
    let _waiting = begin(&connection, "hang", json!({})).await.unwrap();
    let answer = call(&connection, "ask", json!({"method": "roots/list"}))
        .await
        .unwrap();
    assert_eq!(answer["answer"]["error"]["code"], -32601);
}

#[tokio::test]
async fn whoever_reads_only_the_answer_leaves_no_question_open() {
    let (_upstream, connection) = connect(asking()).await;
    let answer = call(&connection, "ask", json!({"method": "roots/list"}))
        .await
        .unwrap();
    assert_eq!(answer["answer"]["error"]["code"], -32603);
}

#[tokio::test]
async fn dropping_an_exchange_answers_what_was_asked_in_it() {
    let (_upstream, connection) = connect(asking()).await;
    let mut exchange = posting(&connection, &[asks("read"), asks("queued")]).await;
    let read = soon(exchange.next()).await.unwrap();
    assert_eq!(read.id(), Some("\"read\""));
    // A second call in flight would make it a question to nobody in particular.
    queued(&exchange, "queued").await;
    drop(exchange);
    let mut seen = Vec::new();
    let start = Instant::now();
    while seen.is_empty() && start.elapsed() < Duration::from_secs(20) {
        seen = answers(&connection).await;
    }
    assert_eq!(seen.len(), 1, "what was read is the caller's to answer");
    assert_eq!(seen[0]["id"], "queued");
    assert_eq!(seen[0]["error"]["code"], -32603);
    connection
        .respond(message::response(read.id().unwrap(), "{}"))
        .await
        .unwrap();
    assert_eq!(answers(&connection).await[1]["id"], "read");
}

#[tokio::test]
async fn a_request_that_the_server_gives_up_is_taken_back_or_announced() {
    let (_upstream, connection) = connect(asking()).await;
    let gives_up = |id: &str| json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
    let mut exchange = posting(
        &connection,
        &[asks("1"), asks("2"), gives_up("2"), asks("3")],
    )
    .await;
    queued(&exchange, "3").await;
    let first = soon(exchange.next()).await.unwrap();
    assert_eq!(first.id(), Some("\"1\""));
    let third = soon(exchange.next()).await.unwrap();
    assert_eq!(third.id(), Some("\"3\""));
    let line = gives_up("3").to_string();
    call(&connection, "post", json!({"lines": [line]}))
        .await
        .unwrap();
    let told = soon(exchange.next()).await.unwrap();
    assert_eq!(told.method(), Some(Method::Cancelled));
    assert_eq!(told.params(), Some(r#"{"requestId":"3"}"#));
    drop(exchange);
    assert!(answers(&connection).await.is_empty());
}

#[tokio::test]
async fn a_flood_of_requests_is_bounded_and_the_answer_still_comes() {
    let (_upstream, connection) = connect(asking()).await;
    let mut exchange = begin(&connection, "ask-many", json!({"count": 20_000}))
        .await
        .unwrap();
    // Nobody reads until everything is there.
    eventually("the flood came", || {
        connection.discards().requests == 20_000 - 64
    })
    .await;
    let mut kinds = Vec::new();
    while let Some(message) = exchange.next().await {
        kinds.push(message.unwrap().kind());
    }
    assert_eq!(kinds.len(), 64 + 1);
    assert_eq!(kinds.last(), Some(&Kind::Response));
}

#[tokio::test]
async fn what_belongs_to_no_exchange_comes_loose() {
    let (_upstream, connection) = connect(asking()).await;
    let lines = [
        json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "a:b"}}),
        json!({"jsonrpc": "2.0", "method": "notifications/elicitation/complete", "params": {"elicitationId": "e"}}),
        json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": 1}}),
        json!({"jsonrpc": "2.0", "method": "notifications/vendor"}),
    ]
    .map(|line| line.to_string());
    call(&connection, "post", json!({ "lines": lines }))
        .await
        .unwrap();
    assert_eq!(
        connection.discards().notifications,
        3,
        "the log is the caller's"
    );
    let mut loose = connection.loose();
    let mut waiting = begin(&connection, "hang", json!({})).await.unwrap();
    call(&connection, "post", json!({ "lines": lines }))
        .await
        .unwrap();
    for expected in [
        Method::ResourcesUpdated,
        Method::ElicitationComplete,
        Method::LogMessage,
    ] {
        assert_eq!(soon(loose.next()).await.method(), Some(expected));
    }
    assert_eq!(loose.missed(), 0);
    assert!(waiting.next().now_or_never().is_none());
    assert_eq!(connection.discards().notifications, 4);
}

#[tokio::test]
async fn a_reader_of_loose_messages_sees_the_connection_end() {
    let (upstream, connection) = connect(asking()).await;
    let mut loose = connection.loose();
    upstream.shutdown().await;
    assert!(loose.next().await.is_none());
}

#[tokio::test]
async fn a_modern_server_still_has_no_requests_to_make() {
    let mut spec = child(&["modern"]);
    spec.client.legacy = json!({"roots": {}}).to_string();
    spec.client.modern = json!({"elicitation": {"form": {}}}).to_string();
    let (_upstream, connection) = connect(spec).await;
    let mut loose = connection.loose();
    call(&connection, "ask", json!({"method": "roots/list"}))
        .await
        .unwrap();
    assert_eq!(connection.discards().requests, 1);
    assert!(loose.next().now_or_never().is_none());
    let error = connection
        .respond(message::response("1", "{}"))
        .await
        .unwrap_err();
    assert!(matches!(error, UpstreamError::NotInEra), "{error}");
    let echo = call(&connection, "echo", json!({})).await.unwrap();
    assert_eq!(
        echo["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"],
        json!({"elicitation": {"form": {}}})
    );
}

#[tokio::test]
async fn a_deadline_moves() {
    let mut spec = asking();
    spec.request_timeout = Duration::from_secs(1);
    let (_upstream, connection) = connect(spec).await;
    let mut exchange = begin(&connection, "ask", json!({"method": "elicitation/create"}))
        .await
        .unwrap();
    exchange.set_deadline(None);
    let asked = soon(exchange.next()).await.unwrap();
    let late = tokio::time::timeout(Duration::from_millis(1_500), exchange.next()).await;
    assert!(late.is_err(), "it waits for a person");
    exchange.set_deadline(Some(Instant::now() + Duration::from_secs(20)));
    connection
        .respond(message::response(asked.id().unwrap(), "{}"))
        .await
        .unwrap();
    assert!(soon(exchange.next()).await.is_ok());

    let mut exchange = begin(&connection, "hang", json!({})).await.unwrap();
    exchange.set_deadline(Some(Instant::now()));
    let error = soon(exchange.next()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::TimedOut), "{error}");
}

#[tokio::test]
async fn capabilities_that_are_no_object_open_nothing() {
    for text in ["", "[]", "{", r#"{"a":1,"a":2}"#, "{}}"] {
        for modern in [false, true] {
            let mut spec = child(&["legacy"]);
            let place = if modern {
                &mut spec.client.modern
            } else {
                &mut spec.client.legacy
            };
            text.clone_into(place);
            let error = crate::support::upstream(spec)
                .connection()
                .await
                .unwrap_err();
            assert!(
                matches!(
                    error,
                    UpstreamError::Startup(portcullis_upstream::StartupFailure::Capabilities)
                ),
                "{text}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn nothing_shows_content_when_it_is_debugged() {
    let (_upstream, connection) = connect(asking()).await;
    let mut exchange = posting(
        &connection,
        &[json!({"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": {"message": "s3cret"}})],
    )
    .await;
    let loose = connection.loose();
    queued(&exchange, "q").await;
    let shown = format!("{exchange:?} {loose:?} {connection:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(soon(exchange.next()).await.is_ok());
}
