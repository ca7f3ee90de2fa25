//! Subscriptions with a modern HTTP server.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis_mcp::{Kind, Method};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::endpoint::{Endpoint, Reply, Seen, event, modern};
use crate::support::{connect, soon};

/// The open streams, with the requests that opened them.
type Feeds = Arc<Mutex<Vec<(Seen, mpsc::Sender<String>)>>>;

fn notification(method: &str, subscription: &Value) -> String {
    let meta = json!({"io.modelcontextprotocol/subscriptionId": subscription});
    event(
        &json!({"jsonrpc": "2.0", "method": method, "params": {"uri": "a:b", "_meta": meta}})
            .to_string(),
    )
}

#[tokio::test]
async fn a_subscription_reads_its_own_stream() {
    let feeds: Feeds = Arc::default();
    let opened = Arc::clone(&feeds);
    let endpoint = Endpoint::start(modern(move |seen| {
        let (reply, feed) = Reply::live();
        opened.lock().unwrap().push((seen.clone(), feed));
        reply
    }))
    .await;
    let mut spec = endpoint.spec();
    spec.request_timeout = Duration::from_secs(1);
    let (_upstream, connection) = connect(spec).await;
    let mut changes = connection.list_changes();
    let params = r#"{"notifications":{"resourceSubscriptions":["a:b"]}}"#;
    let mut listening = connection.listen(params).await.unwrap();
    let (seen, feed) = feeds.lock().unwrap().pop().unwrap();
    assert_eq!(seen.header("mcp-method"), Some("subscriptions/listen"));
    assert_eq!(
        seen.body["params"]["notifications"],
        json!({"resourceSubscriptions": ["a:b"]})
    );
    let quiet = tokio::time::timeout(Duration::from_millis(1_500), listening.next()).await;
    assert!(quiet.is_err(), "it has no time limit");
    let id = seen.id();
    for text in [
        notification("notifications/subscriptions/acknowledged", id),
        notification(
            "notifications/resources/updated",
            &json!(id.as_u64().unwrap() + 1),
        ),
        notification("notifications/resources/updated", id),
        notification("notifications/prompts/list_changed", id),
        notification("notifications/tasks", &json!(id.to_string())),
        notification("notifications/vendor", id),
        event(&seen.result(&json!({"resultType": "complete"}))),
    ] {
        feed.send(text).await.unwrap();
    }
    for expected in [
        Method::SubscriptionsAcknowledged,
        Method::ResourcesUpdated,
        Method::PromptsListChanged,
        Method::TasksNotification,
    ] {
        let message = soon(listening.next()).await.unwrap();
        assert_eq!(message.method(), Some(expected));
    }
    assert_eq!(changes.counts().prompts, 1);
    let ended = soon(listening.next()).await.unwrap();
    assert_eq!(ended.kind(), Kind::Response);
    assert!(listening.next().await.is_none());
    assert_eq!(connection.discards().notifications, 2);
}

#[tokio::test]
async fn dropping_a_subscription_closes_its_stream() {
    let feeds: Arc<Mutex<Vec<mpsc::Sender<String>>>> = Arc::default();
    let opened = Arc::clone(&feeds);
    let endpoint = Endpoint::start(modern(move |_| {
        let (reply, feed) = Reply::live();
        opened.lock().unwrap().push(feed);
        reply
    }))
    .await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    let listening = connection.listen(r#"{"notifications":{}}"#).await.unwrap();
    let feed = feeds.lock().unwrap().pop().unwrap();
    assert!(!feed.is_closed());
    drop(listening);
    tokio::time::timeout(Duration::from_secs(20), feed.closed())
        .await
        .unwrap();
}
