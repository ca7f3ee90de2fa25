use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis_mcp::json::Limits;
use portcullis_mcp::{Kind, Method};
use portcullis_upstream::UpstreamError;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::endpoint::{Endpoint, Reply, Seen, event, legacy, modern};
use crate::support::{begin, call, connect, eventually, result};

/// The open reply streams, with the requests that opened them.
type Feeds = Arc<Mutex<Vec<(Seen, mpsc::Sender<String>)>>>;

fn progress(token: &Value, step: u64) -> String {
    event(&json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": step}}).to_string())
}

#[tokio::test]
async fn events_are_passed_on_as_they_come() {
    let feeds: Feeds = Arc::default();
    let opened = Arc::clone(&feeds);
    let endpoint = Endpoint::start(modern(move |seen| {
        let (reply, feed) = Reply::live();
        opened.lock().unwrap().push((seen.clone(), feed));
        reply
    }))
    .await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    let mut exchange = begin(&connection, "t", json!({})).await.unwrap();
    let (seen, feed) = feeds.lock().unwrap().pop().unwrap();
    // Nothing more comes from the server before the first event is read here.
    feed.send(progress(seen.id(), 1)).await.unwrap();
    let first = exchange.next().await.unwrap().unwrap();
    assert_eq!(first.method(), Some(Method::Progress));
    feed.send(progress(&json!("foreign"), 9)).await.unwrap();
    feed.send(progress(&json!(exchange.id() + 500), 9))
        .await
        .unwrap();
    let text = event(&seen.result(&json!({"done": true})));
    let (head, tail) = text.split_at(9);
    feed.send(head.to_owned()).await.unwrap();
    feed.send(tail.to_owned()).await.unwrap();
    let answer = exchange.next().await.unwrap().unwrap();
    assert_eq!(result(&answer), json!({"done": true}));
    assert!(exchange.next().await.is_none());
    assert_eq!(connection.discards().notifications, 2);
}

#[tokio::test]
async fn answers_under_other_ids_are_dropped_and_none_is_an_error() {
    let endpoint = Endpoint::start(modern(|seen| match seen.tool() {
        "lie-json" => Reply::json(r#"{"jsonrpc":"2.0","id":99,"result":{}}"#),
        "lie-events" => Reply::events(event(r#"{"jsonrpc":"2.0","id":99,"result":{}}"#)),
        "empty" => Reply::events(""),
        "accepted" => Reply::accepted(),
        _ => Reply::events(format!(
            "{}{}{}",
            event(r#"{"jsonrpc":"2.0","id":"1","result":{}}"#),
            event(&seen.result(&json!({"first": true}))),
            event(&seen.result(&json!({"first": false})))
        )),
    }))
    .await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    for tool in ["lie-json", "lie-events", "empty", "accepted"] {
        let error = call(&connection, tool, json!({})).await.unwrap_err();
        assert!(
            matches!(error, UpstreamError::Unanswered),
            "{tool}: {error}"
        );
    }
    assert_eq!(connection.discards().stray_answers, 2);
    assert_eq!(
        call(&connection, "twice", json!({})).await.unwrap(),
        json!({"first": true})
    );
    assert!(connection.is_alive());
}

#[tokio::test]
async fn bodies_over_the_limit_or_of_another_kind_are_errors() {
    let endpoint = Endpoint::start(modern(|seen| {
        let large = seen.result(&json!({"text": "x".repeat(100_000)}));
        match seen.tool() {
            "json" => Reply::json(large),
            "events" => Reply::events(event(&large)),
            "html" => Reply::status(200)
                .with("content-type", "text/html")
                .body("<p>"),
            "duplicate" => Reply::json(format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{{\"a\":1,\"a\":1}}}}",
                seen.id()
            )),
            _ => Reply::events("data: no json\n\n"),
        }
    }))
    .await;
    let mut spec = endpoint.spec();
    spec.limits = Limits {
        max_bytes: 10_000,
        ..Limits::default()
    };
    let (_upstream, connection) = connect(spec).await;
    let error = async |tool| call(&connection, tool, json!({})).await.unwrap_err();
    assert!(matches!(error("json").await, UpstreamError::TooLarge));
    assert!(matches!(error("events").await, UpstreamError::TooLarge));
    assert!(matches!(error("html").await, UpstreamError::ContentType));
    assert!(matches!(
        error("duplicate").await,
        UpstreamError::Protocol(_)
    ));
    assert!(matches!(error("garbage").await, UpstreamError::Protocol(_)));
}

#[tokio::test]
async fn an_error_answer_with_an_http_error_status_is_an_answer() {
    let endpoint = Endpoint::start(modern(|seen| {
        Reply::status(404)
            .with("content-type", "application/json")
            .body(seen.error(-32601))
    }))
    .await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    let answer = begin(&connection, "t", json!({}))
        .await
        .unwrap()
        .answer()
        .await
        .unwrap();
    assert_eq!(answer.error().unwrap().code, -32601);
    assert!(connection.is_alive());
}

#[tokio::test]
async fn a_session_that_is_gone_is_opened_again_at_once() {
    for gone in [404, 400] {
        let forgotten = Arc::new(AtomicBool::new(false));
        let forget = Arc::clone(&forgotten);
        let endpoint = Endpoint::start(legacy(move |seen| match seen.verb.as_str() {
            "POST" if forget.swap(false, Ordering::SeqCst) => Reply::status(gone)
                .with("content-type", "application/json")
                .body(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}"#),
            "POST" => Reply::json(seen.result(&json!({}))),
            _ => Reply::status(405),
        }))
        .await;
        let (upstream, connection) = connect(endpoint.spec()).await;
        forgotten.store(true, Ordering::SeqCst);
        let error = call(&connection, "t", json!({})).await.unwrap_err();
        assert!(
            matches!(error, UpstreamError::SessionEnded),
            "{gone}: {error}"
        );
        assert!(!connection.is_alive());
        let again = upstream.connection().await.unwrap();
        call(&again, "t", json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn other_statuses_leave_the_connection_open() {
    let endpoint = Endpoint::start(legacy(|seen| match seen.tool() {
        "busy" => Reply::status(503).body("header-secret body"),
        "denied" => Reply::status(401),
        "moved" => Reply::status(302).with("location", "http://127.0.0.1:1/"),
        "renamed" => Reply::status(308).with("location", "/mcp/"),
        _ => Reply::status(405),
    }))
    .await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    let error = async |tool| call(&connection, tool, json!({})).await.unwrap_err();
    let busy = error("busy").await;
    assert_eq!(busy.to_string(), "the server answered with http status 503");
    assert!(!format!("{busy:?}").contains("secret"));
    assert!(matches!(error("denied").await, UpstreamError::Unauthorized));
    assert!(matches!(
        error("moved").await,
        UpstreamError::Redirect { foreign: true, .. }
    ));
    assert!(matches!(
        error("renamed").await,
        UpstreamError::Redirect { foreign: false, .. }
    ));
    assert!(connection.is_alive());
}

#[tokio::test]
async fn dropping_a_modern_exchange_closes_its_stream() {
    let feeds: Feeds = Arc::default();
    let opened = Arc::clone(&feeds);
    let endpoint = Endpoint::start(modern(move |seen| {
        let (reply, feed) = Reply::live();
        opened.lock().unwrap().push((seen.clone(), feed));
        reply
    }))
    .await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    let exchange = begin(&connection, "t", json!({})).await.unwrap();
    let (_, feed) = feeds.lock().unwrap().pop().unwrap();
    assert!(!feed.is_closed());
    drop(exchange);
    tokio::time::timeout(Duration::from_secs(10), feed.closed())
        .await
        .unwrap();
    // Whatever the drop might have set off is polled before this gets its reply.
    for _ in 0..3 {
        drop(begin(&connection, "t", json!({})).await.unwrap());
    }
    let said = endpoint.log();
    assert!(
        !said.contains(&"notifications/cancelled".to_owned()),
        "{said:?}"
    );
}

#[tokio::test]
async fn dropping_a_legacy_exchange_says_so() {
    let feeds: Feeds = Arc::default();
    let opened = Arc::clone(&feeds);
    let endpoint = Endpoint::start(legacy(move |seen| {
        if seen.verb != "POST" {
            return Reply::status(405);
        }
        let (reply, feed) = Reply::live();
        opened.lock().unwrap().push((seen.clone(), feed));
        reply
    }))
    .await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    let exchange = begin(&connection, "t", json!({})).await.unwrap();
    let id = exchange.id();
    drop(exchange);
    let cancelled = || {
        endpoint
            .seen()
            .into_iter()
            .find(|seen| seen.method() == "notifications/cancelled")
    };
    eventually("the cancellation", || cancelled().is_some()).await;
    let cancelled = cancelled().unwrap();
    assert_eq!(cancelled.body["params"]["requestId"], id);
    assert_eq!(cancelled.header("mcp-session-id"), Some("session-1"));
}

#[tokio::test]
async fn a_request_without_a_reply_times_out() {
    let feeds: Feeds = Arc::default();
    let opened = Arc::clone(&feeds);
    let endpoint = Endpoint::start(modern(move |seen| {
        let (reply, feed) = Reply::live();
        opened.lock().unwrap().push((seen.clone(), feed));
        reply
    }))
    .await;
    let mut spec = endpoint.spec();
    spec.request_timeout = Duration::from_millis(300);
    let (_upstream, connection) = connect(spec).await;
    let mut exchange = begin(&connection, "t", json!({})).await.unwrap();
    assert!(matches!(
        exchange.next().await.unwrap(),
        Err(UpstreamError::TimedOut)
    ));
    assert!(exchange.next().await.is_none());
    let (_, feed) = feeds.lock().unwrap().pop().unwrap();
    tokio::time::timeout(Duration::from_secs(10), feed.closed())
        .await
        .unwrap();
}

#[tokio::test]
async fn list_changes_come_over_the_legacy_stream() {
    let endpoint = Endpoint::start(legacy(move |seen| match seen.verb.as_str() {
        "GET" => Reply::events(format!(
            "{}{}{}",
            event(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#),
            event("no json"),
            event(r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#),
        )),
        _ => Reply::accepted(),
    }))
    .await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    let mut changes = connection.list_changes();
    eventually("the list change", || changes.counts().tools >= 1).await;
    eventually("the answer to the ping", || {
        endpoint.seen().iter().any(|seen| seen.body["id"] == "p")
    })
    .await;
    // The stream ended; changes may have been missed until it is open again.
    eventually("the stream is opened again", || {
        changes.counts().prompts >= 1
    })
    .await;
}

#[tokio::test]
async fn list_changes_come_over_a_modern_subscription() {
    let feeds: Feeds = Arc::default();
    let opened = Arc::clone(&feeds);
    let endpoint = Endpoint::start(move |seen| match seen.method() {
        "server/discover" => Reply::json(seen.result(&json!({
            "resultType": "complete", "supportedVersions": ["2026-07-28"],
            "capabilities": {"prompts": {"listChanged": true}}, "ttlMs": 0, "cacheScope": "public",
        }))),
        _ => {
            let (reply, feed) = Reply::live();
            opened.lock().unwrap().push((seen.clone(), feed));
            reply
        }
    })
    .await;
    let (upstream, connection) = connect(endpoint.spec()).await;
    let mut changes = connection.list_changes();
    eventually("the subscription", || !feeds.lock().unwrap().is_empty()).await;
    let (seen, feed) = feeds.lock().unwrap().pop().unwrap();
    assert_eq!(seen.header("mcp-method"), Some("subscriptions/listen"));
    assert_eq!(
        seen.body["params"]["notifications"],
        json!({"promptsListChanged": true})
    );
    feed.send(event(
        &json!({"jsonrpc": "2.0", "method": "notifications/prompts/list_changed",
        "params": {"_meta": {"io.modelcontextprotocol/subscriptionId": seen.id()}}})
        .to_string(),
    ))
    .await
    .unwrap();
    assert_eq!(changes.changed().await.unwrap().prompts, 1);
    upstream.shutdown().await;
    tokio::time::timeout(Duration::from_secs(10), feed.closed())
        .await
        .unwrap();
}

#[tokio::test]
async fn requests_on_a_reply_stream_are_answered_and_floods_of_them_are_not() {
    let endpoint = Endpoint::start(legacy(move |seen| match seen.method() {
        "tools/call" => {
            let requests: String = (0..500)
                .map(|number| event(&json!({"jsonrpc": "2.0", "id": format!("s-{number}"), "method": "sampling/createMessage", "params": {}}).to_string()))
                .collect();
            Reply::events(requests + &event(&seen.result(&json!({}))))
        }
        _ => Reply::status(if seen.verb == "POST" { 202 } else { 405 }),
    }))
    .await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    call(&connection, "t", json!({})).await.unwrap();
    let answers = || {
        endpoint
            .seen()
            .into_iter()
            .filter(|seen| !seen.body["error"].is_null())
            .collect::<Vec<_>>()
    };
    eventually("an answer", || !answers().is_empty()).await;
    assert_eq!(answers()[0].body["error"]["code"], -32601);
    assert_eq!(connection.discards().requests, 500);
    assert!(endpoint.connections.load(Ordering::SeqCst) < 20);
}

#[tokio::test]
async fn a_legacy_stream_that_ends_early_is_taken_up() {
    let wanted: Arc<Mutex<Option<Seen>>> = Arc::default();
    let taken_up = Arc::new(AtomicUsize::new(0));
    let (request, count) = (Arc::clone(&wanted), Arc::clone(&taken_up));
    let endpoint = Endpoint::start(legacy(move |seen| match seen.verb.as_str() {
        "POST" => {
            *request.lock().unwrap() = Some(seen.clone());
            Reply::events("retry: 10\nid: e-1\ndata:\n\n")
        }
        "GET" if seen.header("last-event-id") == Some("e-1") => {
            count.fetch_add(1, Ordering::SeqCst);
            Reply::events("id: e-2\ndata:\n\n")
        }
        "GET" if seen.header("last-event-id") == Some("e-2") => {
            let request = request.lock().unwrap().clone().unwrap();
            Reply::events(event(&request.result(&json!({"resumed": true}))))
        }
        _ => Reply::status(405),
    }))
    .await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    assert_eq!(
        call(&connection, "t", json!({})).await.unwrap(),
        json!({"resumed": true})
    );
    assert_eq!(taken_up.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn batches_are_read_in_the_one_revision_that_has_them() {
    for (version, expected) in [("2025-03-26", true), ("2025-06-18", false)] {
        let endpoint = Endpoint::start(move |seen| match seen.method() {
            "server/discover" => Reply::status(404),
            "initialize" => Reply::json(seen.result(&json!({"protocolVersion": version, "capabilities": {},
                "serverInfo": {"name": "s", "version": "1"}}))),
            "tools/call" => Reply::json(format!(
                "[{},{}]",
                json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": 1}}),
                seen.result(&json!({}))
            )),
            _ => Reply::accepted(),
        })
        .await;
        let (_upstream, connection) = connect(endpoint.spec()).await;
        match begin(&connection, "t", json!({})).await {
            Ok(mut exchange) => {
                assert!(expected, "{version}");
                assert_eq!(
                    exchange.next().await.unwrap().unwrap().kind(),
                    Kind::Notification
                );
                assert_eq!(
                    exchange.next().await.unwrap().unwrap().kind(),
                    Kind::Response
                );
            }
            Err(error) => {
                assert!(!expected, "{version}: {error}");
                assert!(matches!(error, UpstreamError::Protocol(_)), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_ends_soon_after_its_answer_leaves_its_connection() {
    let feeds: Feeds = Arc::default();
    let opened = Arc::clone(&feeds);
    let endpoint = Endpoint::start(modern(move |seen| {
        let (reply, feed) = Reply::live();
        opened.lock().unwrap().push((seen.clone(), feed));
        reply
    }))
    .await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    // The end comes after the answer was read; how long after, nobody can say, so that one of
    // several calls that finds the connection of the one before is enough.
    for call in 0..50 {
        let before = endpoint.connections.load(Ordering::SeqCst);
        let mut exchange = begin(&connection, "t", json!({})).await.unwrap();
        let (seen, feed) = feeds.lock().unwrap().pop().unwrap();
        let answer = event(&seen.result(&json!({"done": true})));
        feed.send(answer).await.unwrap();
        result(&exchange.next().await.unwrap().unwrap());
        drop(exchange);
        if endpoint.connections.load(Ordering::SeqCst) == before && call > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(feed);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("every call opened a connection of its own");
}
