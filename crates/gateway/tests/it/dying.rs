//! Servers that die, stall or answer nonsense: a clear error, a closed entry, and another try.

use std::time::Duration;

use portcullis_testkit::{Script, Speaks, Step, TestGateway, eventually};

async fn gateway(speaks: Speaks, steps: &[Step]) -> TestGateway {
    let script = Script::of(speaks)
        .tool("t")
        .tool("fine")
        .on("tools/call", "t", steps);
    let builder = TestGateway::builder().server("papers", script);
    builder
        .section("servers.papers", "request-timeout = \"1s\"")
        .section("limits", "max-message = \"64KiB\"")
        .start()
        .await
}

async fn check(steps: &[Step], reasons: &[&str]) {
    for speaks in Speaks::BOTH {
        let gateway = gateway(speaks, steps).await;
        let caller = gateway.modern().await;
        assert_eq!(caller.tool("fine", "{}").await.reason(), "");
        let reply = caller
            .call("tools/call", r#"{"name":"t","_meta":{"progressToken":1}}"#)
            .await;
        assert!(
            reasons.contains(&reply.reason().as_str()),
            "{speaks:?}: {} of {steps:?}",
            reply.body
        );
        let entry = gateway.entry("tools/call").await;
        assert_eq!(entry.opened.target.as_deref(), Some("t"));
        let closed = entry.closed.unwrap();
        assert_eq!(closed.outcome, "upstream-failed", "{speaks:?}: {steps:?}");
        assert_eq!(closed.reason, Some(reply.reason()));
        let recovered = async || {
            caller
                .tool("fine", "{}")
                .await
                .reason()
                .is_empty()
                .then_some(())
        };
        eventually("the server serves again", recovered).await;
        gateway.finish().await;
    }
}

fn progress() -> Step {
    Step::Notify(
        "notifications/progress".to_owned(),
        r#"{"progressToken":$TOKEN,"progress":1}"#.to_owned(),
    )
}

#[tokio::test]
async fn a_server_that_dies_before_it_says_anything() {
    check(&[Step::Die], &["upstream-died"]).await;
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_of_its_answer() {
    check(&[progress(), Step::Die], &["upstream-died"]).await;
}

#[tokio::test]
async fn a_server_that_ends_its_stream_without_an_answer() {
    check(&[progress()], &["upstream-died"]).await;
}

#[tokio::test]
async fn a_server_that_never_answers() {
    check(&[Step::Stall], &["upstream-timeout"]).await;
    check(&[progress(), Step::Stall], &["upstream-timeout"]).await;
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol() {
    let raw = |text: &str| [Step::Raw(text.to_owned())];
    check(
        &raw(r#"{"jsonrpc":"2.0","id":$ID,"result":{"a":1,"a":2}}"#),
        &["upstream-protocol"],
    )
    .await;
    check(
        &raw(r#"{"jsonrpc":"2.0","id":$ID,"result":[]}"#),
        &["upstream-protocol"],
    )
    .await;
    check(&raw("this is no JSON"), &["upstream-protocol"]).await;
    check(
        &raw(r#"[{"jsonrpc":"2.0","id":$ID,"result":{}}]"#),
        &["upstream-protocol"],
    )
    .await;
    check(
        &raw(r#"{"jsonrpc":"2.0","id":999999,"result":{}}"#),
        &["upstream-died", "upstream-protocol"],
    )
    .await;
    check(
        &[Step::Http(200, "text/html".to_owned(), "<html>".to_owned())],
        &["upstream-protocol"],
    )
    .await;
}

#[tokio::test]
async fn a_server_that_answers_too_much() {
    let much = format!(
        r#"{{"content":[{{"type":"text","text":"{}"}}]}}"#,
        "x".repeat(70_000)
    );
    check(&[Step::Result(much.clone())], &["upstream-too-large"]).await;
    check(&[progress(), Step::Result(much)], &["upstream-too-large"]).await;
}

#[tokio::test]
async fn a_server_that_fails_over_http() {
    for status in [500, 503] {
        check(
            &[Step::Http(
                status,
                "text/plain".to_owned(),
                "secret trace".to_owned(),
            )],
            &["upstream-unavailable"],
        )
        .await;
    }
}

#[tokio::test]
async fn a_server_that_asks_for_input_though_no_host_offers_any() {
    for (result, reason) in [
        (
            r#"{"resultType":"input_required","inputRequests":{}}"#,
            "upstream-protocol",
        ),
        (
            r#"{"resultType":"input_required","inputRequests":{"a":{"method":"roots/list"}}}"#,
            "question-not-offered",
        ),
        (
            r#"{"resultType":"input_required","inputRequests":{"a":{"method":"tools/call","params":{"name":"t"}}}}"#,
            "upstream-protocol",
        ),
        (r#"{"resultType":"something_new"}"#, "not-bridged"),
    ] {
        let steps = [Step::Result(result.to_owned())];
        let gateway = gateway(Speaks::Modern, &steps).await;
        for caller in [gateway.legacy().await, gateway.modern().await] {
            assert_eq!(caller.tool("t", "{}").await.reason(), reason);
        }
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_session_that_the_server_forgot_is_opened_again() {
    let gateway = gateway(
        Speaks::Legacy,
        &[Step::Http(404, "text/plain".to_owned(), String::new())],
    )
    .await;
    let caller = gateway.modern().await;
    assert_eq!(
        caller.tool("t", "{}").await.reason(),
        "upstream-unavailable"
    );
    assert_eq!(caller.tool("fine", "{}").await.reason(), "");
    assert_eq!(gateway.server("papers").calls("initialize").len(), 2);
    gateway.finish().await;
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_tried_again_after_a_while() {
    let gateway = gateway(Speaks::Legacy, &[]).await;
    let caller = gateway.modern().await;
    gateway.server("papers").set_down(true);
    let started = std::time::Instant::now();
    for _ in 0..20 {
        assert_eq!(
            caller.tool("fine", "{}").await.reason(),
            "upstream-unavailable"
        );
    }
    let attempts = gateway.server("papers").received().len();
    assert!(
        attempts <= 2 + started.elapsed().as_millis() as usize / 200,
        "{attempts} attempts in {:?}",
        started.elapsed()
    );
    gateway.server("papers").set_down(false);
    eventually("it is tried again", async || {
        caller
            .tool("fine", "{}")
            .await
            .reason()
            .is_empty()
            .then_some(())
    })
    .await;
    gateway.finish().await;
}

#[tokio::test]
async fn one_slow_call_does_not_hold_up_another() {
    let gateway = gateway(Speaks::Modern, &[Step::Stall]).await;
    let caller = gateway.modern().await;
    let slow = caller.tool("t", "{}");
    let fast = async {
        gateway.server("papers").arrived("tools/call", 1).await;
        let started = std::time::Instant::now();
        assert_eq!(caller.tool("fine", "{}").await.reason(), "");
        started.elapsed()
    };
    let (slow, fast) = tokio::join!(slow, fast);
    assert_eq!(slow.reason(), "upstream-timeout");
    assert!(fast < Duration::from_secs(1), "{fast:?}");
    gateway.finish().await;
}
