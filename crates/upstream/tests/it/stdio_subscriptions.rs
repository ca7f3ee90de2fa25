//! Subscriptions with a modern child.

use futures_util::FutureExt;
use portcullis_mcp::{Kind, Method};
use portcullis_upstream::UpstreamError;
use serde_json::{Value, json};

use crate::support::{begin, call, child, connect, eventually, result, soon};

/// A notification of the subscription that was opened last.
fn of_subscription(method: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"uri":"a:b","taskId":"t","status":"working","_meta":{{"io.modelcontextprotocol/subscriptionId":SUBSCRIPTION}}}}}}"#
    )
}

#[tokio::test]
async fn a_subscription_gets_what_names_it() {
    let (_upstream, connection) = connect(child(&["modern"])).await;
    let mut changes = connection.list_changes();
    // The connection's own subscription is not the last one then.
    eventually("its own subscription", || changes.counts().tools == 1).await;
    let params = r#"{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:b"]}}"#;
    let mut listening = connection.listen(params).await.unwrap();
    let acknowledged = soon(listening.next()).await.unwrap();
    assert_eq!(
        acknowledged.method(),
        Some(Method::SubscriptionsAcknowledged)
    );
    assert!(
        acknowledged
            .params()
            .unwrap()
            .contains(r#""resourceSubscriptions":["a:b"]"#)
    );
    let changed = soon(listening.next()).await.unwrap();
    assert_eq!(changed.method(), Some(Method::ToolsListChanged));
    assert_eq!(changes.counts().tools, 2, "counted as well");

    let mut caller = begin(&connection, "hang", json!({})).await.unwrap();
    let lines = [
        of_subscription("notifications/resources/updated").replace("SUBSCRIPTION", "9999"),
        of_subscription("notifications/resources/updated")
            .replace("SUBSCRIPTION", &caller.id().to_string()),
        of_subscription("notifications/resources/updated").replace(r#""_meta""#, r#""x""#),
        of_subscription("notifications/vendor"),
        of_subscription("notifications/resources/updated"),
        of_subscription("notifications/tasks").replace("SUBSCRIPTION", "\"SUBSCRIPTION\""),
    ];
    let before = connection.discards().notifications;
    call(&connection, "post", json!({ "lines": lines }))
        .await
        .unwrap();
    for expected in [Method::ResourcesUpdated, Method::TasksNotification] {
        let message = soon(listening.next()).await.unwrap();
        assert_eq!(message.method(), Some(expected));
    }
    assert_eq!(connection.discards().notifications, before + 4);
    assert!(caller.next().now_or_never().is_none());
    let end = json!({"jsonrpc": "2.0", "id": 0, "result": {"resultType": "complete"}})
        .to_string()
        .replace("\"id\":0", "\"id\":SUBSCRIPTION");
    call(&connection, "post", json!({"lines": [end]}))
        .await
        .unwrap();
    let ended = soon(listening.next()).await.unwrap();
    assert_eq!(ended.kind(), Kind::Response);
    assert_eq!(result(&ended)["resultType"], "complete");
    assert!(listening.next().await.is_none());
}

#[tokio::test]
async fn a_subscription_is_no_caller() {
    let (_upstream, connection) = connect(child(&["modern"])).await;
    let mut listening = connection.listen(r#"{"notifications":{}}"#).await.unwrap();
    let mut exchange = begin(&connection, "progress", json!({})).await.unwrap();
    let mut logs = 0;
    while let Some(message) = exchange.next().await {
        logs += usize::from(message.unwrap().method() == Some(Method::LogMessage));
    }
    assert_eq!(
        logs, 1,
        "there is one caller, so the log message is its own"
    );
    for _ in 0..2 {
        assert_ne!(
            soon(listening.next()).await.unwrap().method(),
            Some(Method::LogMessage)
        );
    }
}

#[tokio::test]
async fn dropping_a_subscription_cancels_it_and_cancelling_it_ends_it() {
    let (_upstream, connection) = connect(child(&["modern"])).await;
    let listening = connection.listen(r#"{"notifications":{}}"#).await.unwrap();
    let id = listening.id();
    drop(listening);
    let cancelled = call(&connection, "cancelled", json!({})).await.unwrap();
    assert_eq!(cancelled["cancelled"], json!([id]));

    let mut listening = connection.listen(r#"{"notifications":{}}"#).await.unwrap();
    let line = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":SUBSCRIPTION}}"#;
    call(&connection, "post", json!({"lines": [line]}))
        .await
        .unwrap();
    let mut last = None;
    while let Some(message) = listening.next().await {
        last = Some(message);
    }
    assert!(matches!(last, Some(Err(UpstreamError::Unanswered))));
}

#[tokio::test]
async fn a_legacy_server_has_no_subscriptions_of_this_kind() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    let error = connection.listen("{}").await.unwrap_err();
    assert!(matches!(error, UpstreamError::NotInEra), "{error}");
    let seen = call(&connection, "methods", json!({})).await.unwrap();
    let listened = |method: &Value| method == "subscriptions/listen";
    assert!(!seen["methods"].as_array().unwrap().iter().any(listened));
}
