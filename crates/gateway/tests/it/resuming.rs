//! Streams that a legacy host takes up again.

use portcullis_testkit::{Opened, Script, Speaks, Step, TestGateway};

const CALL: &str = r#"{"name":"t","_meta":{"progressToken":1}}"#;

fn progress(at: u8) -> Step {
    Step::Notify(
        "notifications/progress".to_owned(),
        format!(r#"{{"progressToken":$TOKEN,"progress":{at}}}"#),
    )
}

async fn gateway(speaks: Speaks) -> TestGateway {
    let done = Step::Result(r#"{"resultType":"complete","content":[]}"#.to_owned());
    let script = Script::of(speaks).tool("t").on(
        "tools/call",
        "t",
        [progress(1), Step::Wait, progress(2), done],
    );
    TestGateway::builder()
        .server("papers", script)
        .start()
        .await
}

async fn resume(gateway: &TestGateway, session: &str, event: &str) -> Opened {
    gateway
        .http("GET", "/mcp/main")
        .header("accept", "text/event-stream")
        .header("mcp-session-id", session)
        .header("mcp-protocol-version", "2025-11-25")
        .header("last-event-id", event)
        .open()
        .await
}

#[tokio::test]
async fn what_a_host_missed_comes_when_it_comes_back() {
    for speaks in Speaks::BOTH {
        let gateway = gateway(speaks).await;
        let caller = gateway.legacy().await;
        let mut call = caller.open("1", "tools/call", CALL).await;
        assert_eq!(call.json().await["params"]["progress"], 1);
        let event = call.last_id().unwrap().to_owned();
        drop(call);
        gateway.server("papers").go_on();
        let session = caller.session().unwrap();
        // Twice the same: what was sent is kept for a while.
        for _ in 0..2 {
            let mut again = resume(&gateway, session, &event).await;
            assert_eq!(again.status, 200);
            assert_eq!(again.json().await["params"]["progress"], 2);
            assert!(again.json().await["result"].is_object());
            assert_eq!(again.next().await, None);
        }
        assert_eq!(
            gateway.entry("tools/call").await.closed.unwrap().outcome,
            "ok"
        );
        assert_eq!(gateway.server("papers").calls("tools/call").len(), 1);
        // Nobody else has this stream: it is the session's own.
        let other = gateway.legacy().await;
        let mut strange = resume(&gateway, other.session().unwrap(), &event).await;
        assert_eq!(strange.status, 200);
        gateway.server("papers").announce("tools").await;
        assert_eq!(
            strange.json().await["method"],
            "notifications/tools/list_changed"
        );
        drop(strange);
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_call_that_takes_long_gets_a_stream_that_begins_with_an_id() {
    let script = Script::legacy().tool("t").on(
        "tools/call",
        "t",
        [Step::Wait, Step::Result(r#"{"content":[]}"#.to_owned())],
    );
    let gateway = TestGateway::builder()
        .server("papers", script)
        .start()
        .await;
    let caller = gateway.legacy().await;
    let mut call = caller.open("1", "tools/call", CALL).await;
    assert_eq!(call.headers["content-type"], "text/event-stream");
    gateway.server("papers").go_on();
    assert!(call.json().await["result"].is_object());
    assert_eq!(call.next().await, None);
    let read = call.read();
    assert!(
        read.starts_with("id: 1-0\nretry: 1000\ndata: \n\n"),
        "{read}"
    );
    assert!(read.contains("id: 1-1\n"), "{read}");
    // A quick one is one document.
    let quick = caller.call("tools/call", CALL).await;
    assert_eq!(quick.header("content-type"), Some("application/json"));
    gateway.finish().await;
}

#[tokio::test]
async fn older_hosts_get_streams_without_ids() {
    let gateway = gateway(Speaks::Legacy).await;
    let greeting = r#"{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}"#;
    let greeted = gateway
        .stranger(Speaks::Legacy, "/mcp/main", &[])
        .call("initialize", greeting)
        .await;
    let session = greeted.header("mcp-session-id").unwrap().to_owned();
    let host = gateway.stranger(Speaks::Legacy, "/mcp/main", &[("mcp-session-id", &session)]);
    gateway.server("papers").go_on();
    let reply = host.call("tools/call", CALL).await;
    reply.result();
    assert!(!reply.body.contains("id: "), "{}", reply.body);
    gateway.finish().await;
}
