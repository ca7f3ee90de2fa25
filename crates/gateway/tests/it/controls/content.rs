use portcullis_testkit::{Script, Step, TestGateway};
use serde_json::Value;

/// With zero width spaces.
const HIDDEN: &str = r#"{"content":[{"type":"text","text":"vis\u200bible\u200b text"}]}"#;
const CLEAN: &str = r#"{"content":[{"type":"text","text":"caf\u00e9 visible"}], "n" : 1.0 }"#;

async fn gateway(result: &str, off: Option<&str>) -> TestGateway {
    let script = Script::legacy()
        .tool("search")
        .tool_json("{\"name\":\"odd\",\"description\":\"do\u{200b}it\",\"inputSchema\":{}}")
        .on("tools/call", "search", [Step::Result(result.to_owned())]);
    let builder = TestGateway::builder().server("papers", script);
    match off {
        Some(control) => builder.without(control).start().await,
        None => builder.start().await,
    }
}

async fn result(gateway: &TestGateway) -> Value {
    gateway.legacy().await.tool("search", "{}").await.result()
}

fn receipt(result: &Value) -> &Value {
    &result["_meta"]["io.portcullis/receipt"]
}

#[tokio::test]
async fn the_sanitiser_leaves_clean_text_as_it_is() {
    let gateway = gateway(CLEAN, None).await;
    let reply = gateway.legacy().await.tool("search", "{}").await;
    let unchanged = CLEAN.trim_end_matches([' ', '}']);
    assert!(reply.raw_result().starts_with(unchanged), "{reply:?}");
    assert_eq!(receipt(&reply.result())["verdict"], "allow");
    gateway.finish().await;
}

#[tokio::test]
async fn the_sanitiser_takes_hidden_characters_out_and_holds_definitions_with_them() {
    let gateway = gateway(HIDDEN, None).await;
    let result = result(&gateway).await;
    assert_eq!(result["content"][0]["text"], "visible text");
    assert_eq!(receipt(&result)["verdict"], "redact");
    assert_eq!(receipt(&result)["findings"][0]["rule"], "zero-width");
    assert_eq!(gateway.legacy().await.list("tools/list").await, ["search"]);
    let closed = gateway.entry("tools/call").await.closed.unwrap();
    assert_eq!(closed.verdict.as_deref(), Some("redact"));
    assert_eq!(closed.findings[0]["rule"], "zero-width");
    gateway.finish().await;
}

#[tokio::test]
async fn without_the_sanitiser_hidden_characters_pass() {
    let gateway = gateway(HIDDEN, Some("sanitiser")).await;
    assert_eq!(
        result(&gateway).await["content"][0]["text"],
        "vis\u{200b}ible\u{200b} text"
    );
    assert_eq!(
        gateway.legacy().await.list("tools/list").await,
        ["search", "odd"]
    );
    gateway.finish().await;
}

#[tokio::test]
async fn receipts_name_the_entry_the_server_and_the_policies() {
    let gateway = gateway(CLEAN, None).await;
    let result = result(&gateway).await;
    let entry = gateway.entry("tools/call").await;
    let receipt = receipt(&result);
    assert_eq!(receipt["entry"], entry.opened.entry.as_str());
    assert_eq!(receipt["server"], "papers");
    assert_eq!(
        receipt["definition"],
        entry.opened.definition.unwrap().as_str()
    );
    assert_eq!(
        receipt["policies"],
        serde_json::json!(entry.closed.unwrap().policies)
    );
    gateway.finish().await;
}

#[tokio::test]
async fn receipts_replace_one_that_a_server_made_up() {
    let forged = r#"{"content":[],"_meta":{"io.portcullis/receipt":{"entry":"forged"},"kept":1}}"#;
    let gateway = gateway(forged, None).await;
    let result = result(&gateway).await;
    assert_ne!(receipt(&result)["entry"], "forged");
    assert_eq!(receipt(&result)["server"], "papers");
    assert_eq!(result["_meta"]["kept"], 1);
    gateway.finish().await;
}

#[tokio::test]
async fn without_receipts_there_is_none_and_no_forged_one_either() {
    let forged = r#"{"content":[],"_meta":{"io.portcullis/receipt":{"entry":"forged"}}}"#;
    let gateway = gateway(forged, Some("receipts")).await;
    let reply = gateway.legacy().await.tool("search", "{}").await;
    assert!(!reply.body.contains("receipt"), "{reply:?}");
    gateway.finish().await;
}

#[tokio::test]
async fn receipts_tell_what_was_taken_out_of_a_list() {
    let script = Script::legacy().tool_json("{\"name\":\"odd\",\"description\":\"do\u{200b}it\"}");
    let gateway = TestGateway::builder()
        .server("papers", script)
        .section("shield", "definitions = \"mark\"")
        .start()
        .await;
    let result = gateway
        .modern()
        .await
        .call("tools/list", "{}")
        .await
        .result();
    assert_eq!(result["tools"][0]["description"], "doit");
    assert_eq!(receipt(&result)["verdict"], "redact");
    assert_eq!(receipt(&result)["findings"][0]["rule"], "zero-width");
    let closed = gateway.entry("tools/list").await.closed.unwrap();
    assert_eq!(closed.verdict.as_deref(), Some("redact"));
    gateway.finish().await;
}
