//! Default deny: without a policy nothing passes and nothing is seen.

use portcullis_mcp::Method;
use portcullis_testkit::{Caller, Script, Speaks, TestGateway};

async fn gateway(policy: &str) -> TestGateway {
    let script = |speaks| {
        Script::of(speaks)
            .tool("t")
            .prompt("p")
            .resource("note://r")
            .template("made://{id}")
            .instructions("Be quick.")
    };
    TestGateway::builder()
        .server("old", script(Speaks::Legacy))
        .server("new", script(Speaks::Modern))
        .policy(policy)
        .start()
        .await
}

fn params(method: Method) -> &'static str {
    match method {
        Method::Initialize => {
            r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"tester","version":"1"}}"#
        }
        Method::ToolsCall => r#"{"name":"old__t","arguments":{}}"#,
        Method::PromptsGet => r#"{"name":"old__p"}"#,
        Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
            r#"{"uri":"note://r"}"#
        }
        Method::CompletionComplete => {
            r#"{"ref":{"type":"ref/prompt","name":"old__p"},"argument":{"name":"topic","value":""}}"#
        }
        Method::LoggingSetLevel => r#"{"level":"debug"}"#,
        _ => "{}",
    }
}

async fn refused(caller: &Caller<'_>) {
    for method in Method::ALL {
        let reply = caller.call(method.as_str(), params(*method)).await;
        assert!(reply.status >= 400, "{method}: {reply:?}");
        assert!(!reply.reason().is_empty(), "{method}: {reply:?}");
        assert_eq!(reply.json().get("result"), None, "{method}");
        let notification = format!(
            r#"{{"jsonrpc":"2.0","method":"{method}","params":{}}}"#,
            params(*method)
        );
        let reply = caller
            .prepare("1", method.as_str(), params(*method))
            .body(notification)
            .send()
            .await;
        assert!(reply.status >= 400, "{method} as a notification: {reply:?}");
    }
}

#[tokio::test]
async fn with_an_empty_policy_nothing_passes() {
    let gateway = gateway("").await;
    refused(&gateway.stranger(Speaks::Modern, "/mcp/main", &[])).await;
    refused(&gateway.stranger(Speaks::Legacy, "/mcp/main", &[])).await;
    // No server is even connected to.
    assert_eq!(
        gateway.server("old").received().len() + gateway.server("new").received().len(),
        0
    );
    assert!(
        gateway
            .entries()
            .await
            .iter()
            .all(|entry| entry.closed.as_ref().unwrap().outcome == "refused")
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_session_is_no_way_around_policies_that_were_taken_away() {
    let gateway = gateway("permit (principal, action, resource);").await;
    let caller = gateway.legacy().await;
    assert_eq!(caller.tool("old__t", "{}").await.reason(), "");
    let before = gateway.server("old").received().len() + gateway.server("new").received().len();
    gateway.reload_policies("").await.unwrap();
    refused(&caller).await;
    assert_eq!(
        gateway.server("old").received().len() + gateway.server("new").received().len(),
        before
    );
    gateway.finish().await;
}

#[tokio::test]
async fn whoever_may_only_connect_sees_nothing() {
    let gateway = gateway(r#"permit (principal, action == Action::"connect", resource);"#).await;
    for caller in [gateway.legacy().await, gateway.modern().await] {
        for method in [
            "tools/list",
            "prompts/list",
            "resources/list",
            "resources/templates/list",
        ] {
            assert_eq!(caller.list(method).await, Vec::<String>::new(), "{method}");
        }
        for method in [
            Method::ToolsCall,
            Method::PromptsGet,
            Method::ResourcesRead,
            Method::CompletionComplete,
        ] {
            let reply = caller.call(method.as_str(), params(method)).await;
            assert_eq!(reply.reason(), "target-unknown", "{method}");
            assert_eq!(
                gateway.server("old").calls(method.as_str()).len(),
                0,
                "{method}"
            );
        }
    }
    assert_eq!(
        gateway
            .legacy()
            .await
            .call("logging/setLevel", r#"{"level":"debug"}"#)
            .await
            .reason(),
        "target-unknown"
    );
    assert_eq!(gateway.server("old").calls("logging/setLevel").len(), 0);
    gateway.finish().await;
}

#[tokio::test]
async fn a_policy_that_fails_to_evaluate_refuses() {
    let policy = r#"
permit (principal, action, resource);
@id("broken") forbid (principal, action == Action::"tools/call", resource) when { 9223372036854775807 + 1 == 0 };
"#;
    let gateway = gateway(policy).await;
    let caller = gateway.modern().await;
    assert_eq!(caller.list("tools/list").await, Vec::<String>::new());
    assert_eq!(caller.tool("old__t", "{}").await.reason(), "target-unknown");
    let closed = gateway.entry("tools/call").await.closed.unwrap();
    assert_eq!(
        (closed.reason.as_deref(), closed.policies),
        (Some("policy-error"), vec!["broken".to_owned()])
    );
    gateway.finish().await;
}
