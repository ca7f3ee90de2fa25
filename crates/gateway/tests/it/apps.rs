//! MCP Apps: tools that only pages of their own server may call.

use portcullis_testkit::{Script, Speaks, TestGateway};

const UI: &str =
    r#"{"extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":["text/html;profile=mcp-app"]}}}"#;

fn server() -> Script {
    let tool = |name: &str, visibility: &str| {
        format!(
            r#"{{"name":"{name}","inputSchema":{{"type":"object"}},"_meta":{{"ui":{{"resourceUri":"ui://page"{visibility}}}}}}}"#
        )
    };
    Script::modern()
        .tool_json(tool("both", r#","visibility":["model","app"]"#))
        .tool_json(tool("page", r#","visibility":["app"]"#))
        .tool_json(tool("usual", ""))
        .resource("ui://page")
}

#[tokio::test]
async fn a_tool_for_pages_reaches_hosts_with_pages_alone() {
    let gateway = TestGateway::builder()
        .server("papers", server())
        .start()
        .await;
    for speaks in Speaks::BOTH {
        let able = gateway.able(speaks, UI).await;
        assert_eq!(able.list("tools/list").await, ["both", "page", "usual"]);
        able.tool("page", "{}").await.result();
        able.call("resources/read", r#"{"uri":"ui://page"}"#)
            .await
            .result();
        let plain = gateway.able(speaks, "{}").await;
        assert_eq!(plain.list("tools/list").await, ["both", "usual"]);
        assert_eq!(plain.tool("page", "{}").await.reason(), "target-unknown");
    }
    let sent = gateway.server("papers").last("tools/call").json();
    let declared = &sent["_meta"]["io.modelcontextprotocol/clientCapabilities"];
    assert!(
        declared.to_string().contains("io.modelcontextprotocol/ui"),
        "{declared}"
    );
    gateway.finish().await;
}

#[tokio::test]
async fn behind_a_merged_endpoint_nothing_is_for_pages() {
    let gateway = TestGateway::builder()
        .server("one", server())
        .server("two", server())
        .start()
        .await;
    let able = gateway.able(Speaks::Modern, UI).await;
    assert_eq!(
        able.list("tools/list").await,
        ["one__both", "one__usual", "two__both", "two__usual"]
    );
    assert_eq!(
        able.tool("one__page", "{}").await.reason(),
        "target-unknown"
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_profile_without_the_extension_has_no_pages() {
    let gateway = TestGateway::builder()
        .server("papers", server())
        .section("profiles.main", "servers = [\"papers\"]\nextensions = []")
        .start()
        .await;
    let able = gateway.able(Speaks::Modern, UI).await;
    assert_eq!(able.list("tools/list").await, ["both", "usual"]);
    able.tool("usual", "{}").await.result();
    let sent = gateway.server("papers").last("tools/call").json();
    let declared = &sent["_meta"]["io.modelcontextprotocol/clientCapabilities"];
    assert_eq!(declared.to_string(), "{}");
    gateway.finish().await;
}
