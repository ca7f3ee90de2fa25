use std::time::{Duration, Instant};

use futures_util::FutureExt;
use portcullis_mcp::json::Limits;
use portcullis_mcp::{Kind, Method};
use portcullis_upstream::{Request, UpstreamError};
use serde_json::json;

use crate::support::{begin, call, child, connect, eventually, result};

#[tokio::test]
async fn a_request_arrives_as_it_was_judged() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    let params = "{\"name\":\"echo\",\n \"arguments\": {\"z\":1,\r\n\"a\":\"line\\nbreak\"} }";
    let exchange = connection
        .request(Request {
            method: Method::ToolsCall,
            params,
            name: None,
            headers: &[],
            progress: false,
            log_level: None,
            credentials: None,
        })
        .await
        .unwrap();
    let echo = result(&exchange.answer().await.unwrap());
    assert_eq!(
        echo["params"],
        serde_json::from_str::<serde_json::Value>(params).unwrap()
    );
}

#[tokio::test]
async fn an_answer_in_single_bytes_is_one_answer() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    assert_eq!(
        call(&connection, "split", json!({})).await.unwrap(),
        json!({"text": "größer"})
    );
}

#[tokio::test]
async fn notifications_of_the_request_come_first_and_foreign_ones_do_not_come() {
    for era in ["legacy", "modern"] {
        let (_upstream, connection) = connect(child(&[era])).await;
        let mut exchange = begin(&connection, "progress", json!({})).await.unwrap();
        let token = exchange.id().to_string();
        let mut seen = Vec::new();
        while let Some(message) = exchange.next().await {
            let message = message.unwrap();
            let about = message.method_name().unwrap_or("answer").to_owned();
            if message.method() == Some(Method::Progress) {
                assert!(
                    message
                        .params()
                        .unwrap()
                        .contains(&format!("\"progressToken\":{token}"))
                );
            }
            seen.push(about);
        }
        assert_eq!(
            seen,
            [
                "notifications/progress",
                "notifications/message",
                "notifications/progress",
                "answer"
            ]
        );
        assert_eq!(connection.discards().notifications, 2, "{era}");
        assert!(exchange.next().await.is_none());
    }
}

#[tokio::test]
async fn log_messages_reach_nobody_when_several_callers_wait() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    let mut waiting = begin(&connection, "hang", json!({})).await.unwrap();
    let mut exchange = begin(&connection, "progress", json!({})).await.unwrap();
    while let Some(message) = exchange.next().await {
        assert_ne!(message.unwrap().method(), Some(Method::LogMessage));
    }
    assert!(waiting.next().now_or_never().is_none());
    assert_eq!(connection.discards().notifications, 3);
}

#[tokio::test]
async fn concurrent_requests_get_their_own_answers() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    let calls = (0..50).map(|number| call(&connection, "echo", json!({ "number": number })));
    for (number, echo) in futures_util::future::join_all(calls)
        .await
        .into_iter()
        .enumerate()
    {
        assert_eq!(echo.unwrap()["params"]["arguments"]["number"], number);
    }
}

#[tokio::test]
async fn a_second_answer_is_dropped() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    assert_eq!(
        call(&connection, "twice", json!({})).await.unwrap(),
        json!({"first": true})
    );
    call(&connection, "echo", json!({})).await.unwrap();
    assert_eq!(connection.discards().stray_answers, 1);
}

#[tokio::test]
async fn answers_under_other_ids_are_dropped() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    assert_eq!(
        call(&connection, "lie", json!({})).await.unwrap(),
        json!({"lie": 0})
    );
    assert_eq!(connection.discards().stray_answers, 3);
}

#[tokio::test]
async fn some_garbage_is_skipped() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    for _ in 0..3 {
        call(&connection, "garbage", json!({"lines": 9}))
            .await
            .unwrap();
    }
    assert_eq!(connection.discards().malformed, 27);
    assert!(connection.is_alive());
}

#[tokio::test]
async fn ten_lines_of_garbage_in_a_row_kill_the_server() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    let error = call(&connection, "garbage", json!({"lines": 10}))
        .await
        .unwrap_err();
    assert!(matches!(error, UpstreamError::Died { .. }), "{error}");
    connection.closed().await;
    assert!(!connection.is_alive());
}

#[tokio::test]
async fn an_answer_that_is_not_strict_json_fails_its_exchange_only() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    let mut waiting = begin(&connection, "hang", json!({})).await.unwrap();
    let error = call(&connection, "duplicate-key", json!({}))
        .await
        .unwrap_err();
    assert!(matches!(error, UpstreamError::Protocol(_)), "{error}");
    call(&connection, "echo", json!({})).await.unwrap();
    let pending = tokio::time::timeout(Duration::from_millis(50), waiting.next()).await;
    assert!(pending.is_err(), "the other exchange still waits");
}

#[tokio::test]
async fn an_answer_over_the_limit_fails_its_exchange_and_the_server_lives() {
    let mut spec = child(&["legacy"]);
    spec.limits = Limits {
        max_bytes: 64 * 1024,
        ..Limits::default()
    };
    let (_upstream, connection) = connect(spec).await;
    let error = call(&connection, "oversize", json!({"bytes": 1_000_000}))
        .await
        .unwrap_err();
    assert!(matches!(error, UpstreamError::TooLarge), "{error}");
    call(&connection, "oversize", json!({"bytes": 60_000}))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_flood_of_notifications_is_bounded_and_the_answer_still_comes() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    let mut exchange = begin(&connection, "flood", json!({"count": 20_000}))
        .await
        .unwrap();
    // Nobody reads until the answer is there.
    call(&connection, "echo", json!({})).await.unwrap();
    let mut notifications = 0;
    let mut answers = 0;
    while let Some(message) = exchange.next().await {
        match message.unwrap().kind() {
            Kind::Notification => notifications += 1,
            _ => answers += 1,
        }
    }
    assert_eq!((notifications, answers), (256, 1));
    assert_eq!(connection.discards().notifications, 20_000 - 256);
}

#[tokio::test]
async fn list_changes_are_counted_by_kind() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    let mut changes = connection.list_changes();
    call(&connection, "list-changed", json!({})).await.unwrap();
    let counts = changes.changed().await.unwrap();
    assert_eq!((counts.tools, counts.prompts, counts.resources), (2, 1, 1));
}

#[tokio::test]
async fn a_modern_server_is_subscribed_to() {
    let (_upstream, connection) = connect(child(&["modern"])).await;
    let mut changes = connection.list_changes();
    eventually("the list change", || changes.counts().tools == 1).await;
    let seen = call(&connection, "methods", json!({})).await.unwrap();
    assert!(
        seen["methods"]
            .as_array()
            .unwrap()
            .contains(&json!("subscriptions/listen"))
    );
}

#[tokio::test]
async fn requests_of_the_server_are_answered_without_offering_anything() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    let asked = async |method| {
        call(&connection, "ask", json!({ "method": method }))
            .await
            .unwrap()
    };
    assert_eq!(asked("ping").await["answer"]["result"], json!({}));
    for method in [
        "sampling/createMessage",
        "elicitation/create",
        "roots/list",
        "vendor/x",
    ] {
        assert_eq!(
            asked(method).await["answer"]["error"]["code"],
            -32601,
            "{method}"
        );
    }
    assert_eq!(connection.discards().requests, 4);
}

#[tokio::test]
async fn a_modern_server_has_no_requests_to_make() {
    let (_upstream, connection) = connect(child(&["modern"])).await;
    call(&connection, "ask", json!({"method": "ping"}))
        .await
        .unwrap();
    assert_eq!(connection.discards().requests, 1);
    let seen = call(&connection, "methods", json!({})).await.unwrap();
    // A response would show as a message without a method.
    assert!(!seen["methods"].as_array().unwrap().contains(&json!("")));
}

#[tokio::test]
async fn input_required_is_passed_up() {
    let (_upstream, connection) = connect(child(&["modern"])).await;
    let result = call(&connection, "input-required", json!({}))
        .await
        .unwrap();
    assert_eq!(result["resultType"], "input_required");
}

#[tokio::test]
async fn dropping_an_exchange_cancels_the_request() {
    for era in ["legacy", "modern"] {
        let (_upstream, connection) = connect(child(&[era])).await;
        let exchange = begin(&connection, "hang", json!({})).await.unwrap();
        let id = exchange.id();
        drop(exchange);
        let cancelled = call(&connection, "cancelled", json!({})).await.unwrap();
        assert_eq!(cancelled["cancelled"], json!([id]), "{era}");
    }
}

#[tokio::test]
async fn a_finished_exchange_is_not_cancelled() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    call(&connection, "echo", json!({})).await.unwrap();
    let unread = begin(&connection, "echo", json!({})).await.unwrap();
    call(&connection, "echo", json!({})).await.unwrap();
    drop(unread);
    let cancelled = call(&connection, "cancelled", json!({})).await.unwrap();
    assert_eq!(cancelled["cancelled"], json!([]));
}

#[tokio::test]
async fn a_legacy_server_cancels_its_own_requests_only() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    call(&connection, "cancel", json!({})).await.unwrap();
    let (_upstream, connection) = connect(child(&["modern"])).await;
    let error = call(&connection, "cancel", json!({})).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Unanswered), "{error}");
}

#[tokio::test]
async fn a_request_times_out_and_is_cancelled() {
    let mut spec = child(&["legacy"]);
    spec.request_timeout = Duration::from_millis(300);
    let (_upstream, connection) = connect(spec).await;
    let start = Instant::now();
    let mut exchange = begin(&connection, "hang", json!({})).await.unwrap();
    let error = exchange.next().await.unwrap().unwrap_err();
    assert!(matches!(error, UpstreamError::TimedOut), "{error}");
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(exchange.next().await.is_none());
    let cancelled = call(&connection, "cancelled", json!({})).await.unwrap();
    assert_eq!(cancelled["cancelled"], json!([exchange.id()]));
}

#[tokio::test]
async fn a_server_that_does_not_read_holds_nobody_longer_than_the_timeout() {
    let mut spec = child(&["legacy"]);
    spec.request_timeout = Duration::from_millis(500);
    let (upstream, connection) = connect(spec).await;
    let _busy = begin(&connection, "sleep", json!({"ms": 100_000}))
        .await
        .unwrap();
    let text = "x".repeat(100_000);
    let calls = (0..60).map(|_| call(&connection, "echo", json!({ "text": text })));
    for outcome in futures_util::future::join_all(calls).await {
        assert!(matches!(outcome.unwrap_err(), UpstreamError::TimedOut));
    }
    upstream.shutdown().await;
}
