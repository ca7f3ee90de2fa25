//! One profile over standard input and output.

use std::sync::Arc;

use portcullis_gateway::stdio;
use portcullis_testkit::{PATIENCE, Script, Step, TestGateway, modern_params};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, split};
use tokio::task::JoinHandle;

pub(crate) const GREETING: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"desk","version":"2"}}}"#;

/// A host that started the gateway as its child.
pub(crate) struct Host {
    write: tokio::io::WriteHalf<DuplexStream>,
    lines: Lines<BufReader<tokio::io::ReadHalf<DuplexStream>>>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Host {
    pub(crate) fn start(gateway: &TestGateway) -> Self {
        let (ours, theirs) = tokio::io::duplex(256 * 1024);
        let (input, output) = split(theirs);
        let gateway = Arc::clone(gateway.gateway());
        let serving =
            tokio::spawn(async move { stdio::serve(gateway, "main", input, output).await });
        let (read, write) = split(ours);
        Self {
            write,
            lines: BufReader::new(read).lines(),
            serving,
        }
    }

    pub(crate) async fn say(&mut self, line: &str) {
        self.write.write_all(line.as_bytes()).await.unwrap();
        self.write.write_all(b"\n").await.unwrap();
    }

    pub(crate) async fn hear(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        serde_json::from_str(&line).unwrap()
    }

    pub(crate) async fn ask(&mut self, line: &str) -> Value {
        self.say(line).await;
        self.hear().await
    }

    /// Closes the input; what is still written is heard to its end.
    pub(crate) async fn leave(mut self) -> Vec<String> {
        self.write.shutdown().await.unwrap();
        tokio::time::timeout(PATIENCE, self.serving)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let mut rest = Vec::new();
        while let Some(line) = self.lines.next_line().await.unwrap() {
            rest.push(line);
        }
        rest
    }
}

async fn gateway() -> TestGateway {
    let script = Script::legacy()
        .tool("t")
        .tool("stalls")
        .on(
            "tools/call",
            "t",
            [Step::Result("{\n\"content\":[\r\n]}".to_owned())],
        )
        .on("tools/call", "stalls", [Step::Stall]);
    // Whoever starts the process is the caller: no key is needed.
    TestGateway::builder()
        .server("papers", script)
        .without_loopback()
        .start()
        .await
}

fn request(id: &str, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

#[tokio::test]
async fn a_legacy_host_greets_lists_and_calls() {
    let gateway = gateway().await;
    let mut host = Host::start(&gateway);
    assert_eq!(
        host.ask(&request("\"early\"", "ping", "{}")).await["result"],
        serde_json::json!({})
    );
    assert_eq!(
        host.ask(&request("1", "tools/list", "{}")).await["error"]["data"]["reason"],
        "session-missing"
    );
    assert_eq!(
        host.ask(GREETING).await["result"]["protocolVersion"],
        "2025-06-18"
    );
    host.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
        .await;
    let list = host.ask(&request("2", "tools/list", "{}")).await;
    assert_eq!(list["result"]["tools"].as_array().unwrap().len(), 2);
    // The server's line breaks do not break the framing.
    let called = host
        .ask(&request("3", "tools/call", r#"{"name":"t"}"#))
        .await;
    assert_eq!(
        (&called["id"], &called["result"]["content"]),
        (&3.into(), &serde_json::json!([]))
    );
    assert_eq!(host.leave().await, Vec::<String>::new());
    let opened = gateway.entry("tools/call").await.opened;
    assert_eq!(
        (opened.transport.as_str(), opened.authentication.as_deref()),
        ("stdio", Some("stdio"))
    );
    assert_eq!(
        (
            opened.principal.as_deref(),
            opened.protocol_version.as_deref()
        ),
        (Some("local"), Some("2025-06-18"))
    );
    assert_eq!(
        gateway.entry("initialize").await.opened.client.as_deref(),
        Some("desk/2")
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_modern_host_needs_no_greeting() {
    let gateway = gateway().await;
    let mut host = Host::start(&gateway);
    let discovered = host
        .ask(&request("1", "server/discover", &modern_params("{}")))
        .await;
    assert_eq!(discovered["result"]["resultType"], "complete");
    let called = host
        .ask(&request(
            "2",
            "tools/call",
            &modern_params(r#"{"name":"t"}"#),
        ))
        .await;
    assert_eq!(
        called["result"]["_meta"]["io.portcullis/receipt"]["server"],
        "papers"
    );
    host.leave().await;
    gateway.finish().await;
}

#[tokio::test]
async fn a_line_that_is_no_message_is_answered_and_the_next_one_works() {
    let gateway = gateway().await;
    let mut host = Host::start(&gateway);
    for garbage in ["garbage", "[]", "{\"jsonrpc\":\"2.0\"}"] {
        let answer = host.ask(garbage).await;
        assert_eq!(answer["id"], Value::Null, "{garbage}");
        assert!(answer["error"]["code"].is_i64(), "{garbage}");
    }
    // An id that could be read is answered.
    assert_eq!(
        host.ask(r#"{"jsonrpc":"2.0","id":9,"method":"ping","params":[]}"#)
            .await["id"],
        9
    );
    host.say("").await;
    assert_eq!(host.ask(GREETING).await["id"], 0);
    host.leave().await;
    gateway.finish().await;
}

#[tokio::test]
async fn a_cancellation_is_heard_while_many_requests_wait() {
    let script = Script::legacy().on("tools/call", "echo", [Step::Stall]);
    let gateway = TestGateway::builder()
        .server("papers", script.tool("echo"))
        .start()
        .await;
    let mut host = Host::start(&gateway);
    host.ask(GREETING).await;
    // More than run at once: the last ones wait for their turn.
    for id in 1..=100 {
        host.say(&request(
            &id.to_string(),
            "tools/call",
            r#"{"name":"echo","arguments":{}}"#,
        ))
        .await;
    }
    for id in 1..=100 {
        host.say(&format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
        ))
        .await;
    }
    // Only a gateway that read all of it, and let all of it go, has a turn for this one.
    let pong = host.ask(&request("\"last\"", "ping", "{}")).await;
    assert_eq!(pong["id"], "last");
    // Those that never had a turn are on record as well.
    let entries = gateway.entries().await;
    let calls = entries
        .iter()
        .filter(|entry| entry.opened.method == "tools/call");
    assert!(
        calls.clone().all(|entry| entry
            .closed
            .as_ref()
            .is_some_and(|closed| closed.outcome == "cancelled")),
        "{entries:#?}"
    );
    assert_eq!(calls.count(), 100);
    assert!(host.leave().await.is_empty());
    gateway.finish().await;
}

#[tokio::test]
async fn a_cancelled_request_has_no_answer_and_a_closed_entry() {
    let gateway = gateway().await;
    let mut host = Host::start(&gateway);
    host.ask(GREETING).await;
    host.say(&request("\"slow\"", "tools/call", r#"{"name":"stalls"}"#))
        .await;
    gateway.server("papers").arrived("tools/call", 1).await;
    host.say(
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"slow"}}"#,
    )
    .await;
    gateway
        .server("papers")
        .arrived("notifications/cancelled", 1)
        .await;
    assert_eq!(
        gateway.entry("tools/call").await.closed.unwrap().outcome,
        "cancelled"
    );
    assert_eq!(host.ask(&request("2", "ping", "{}")).await["id"], 2);
    host.leave().await;
    gateway.finish().await;
}

#[tokio::test]
async fn the_end_of_the_input_ends_what_is_under_way() {
    let gateway = gateway().await;
    let mut host = Host::start(&gateway);
    host.ask(GREETING).await;
    host.say(&request("1", "tools/call", r#"{"name":"stalls"}"#))
        .await;
    gateway.server("papers").arrived("tools/call", 1).await;
    assert_eq!(host.leave().await, Vec::<String>::new());
    assert_eq!(
        gateway.entry("tools/call").await.closed.unwrap().outcome,
        "cancelled"
    );
    gateway.finish().await;
}

#[tokio::test]
async fn an_unknown_profile_serves_nobody() {
    let gateway = gateway().await;
    let (ours, theirs) = tokio::io::duplex(4096);
    let (input, output) = split(theirs);
    let serving = tokio::spawn(stdio::serve(
        Arc::clone(gateway.gateway()),
        "none",
        input,
        output,
    ));
    drop(serving);
    drop(ours);
    gateway.finish().await;
}
