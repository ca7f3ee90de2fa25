//! Batches of 2025-03-26.

use portcullis_testkit::{Script, Speaks, TestGateway};
use serde_json::{Value, json};

async fn session(gateway: &TestGateway, version: &str) -> String {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{{}},"clientInfo":{{"name":"t","version":"1"}}}}}}"#
    );
    let reply = gateway.http("POST", "/mcp/main").body(body).send().await;
    reply.header("mcp-session-id").unwrap().to_owned()
}

async fn send(gateway: &TestGateway, session: &str, batch: &Value) -> portcullis_testkit::Reply {
    let call = gateway
        .http("POST", "/mcp/main")
        .header("mcp-session-id", session)
        .body(batch.to_string());
    gateway.keep(call.send().await)
}

fn request(id: i32, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

#[tokio::test]
async fn each_message_of_a_batch_goes_its_own_way() {
    for speaks in Speaks::BOTH {
        let script = Script::of(speaks).tool("t").tool("u");
        let gateway = TestGateway::builder()
            .server("papers", script)
            .policy(
                r#"permit (principal, action, resource);
                   forbid (principal, action == Action::"tools/call", resource == Tool::"papers/u");"#,
            )
            .start()
            .await;
        let session = session(&gateway, "2025-03-26").await;
        let batch = json!([
            request(1, "tools/call", json!({"name": "t", "arguments": {}})),
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            request(2, "ping", json!({})),
            request(3, "tools/call", json!({"name": "u", "arguments": {}})),
            request(4, "initialize", json!({})),
            request(5, "no/such", json!({})),
        ]);
        let reply = send(&gateway, &session, &batch).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let answers: Vec<Value> = serde_json::from_str(&reply.body).unwrap();
        let ids: Vec<i64> = answers
            .iter()
            .map(|answer| answer["id"].as_i64().unwrap())
            .collect();
        assert_eq!(ids, [1, 2, 3, 4, 5]);
        assert_eq!(answers[0]["result"]["content"][0]["text"], "done");
        assert_eq!(answers[2]["error"]["data"]["reason"], "target-unknown");
        assert_eq!(answers[3]["error"]["data"]["reason"], "invalid-request");
        assert_eq!(answers[4]["error"]["data"]["reason"], "method-unknown");
        assert_eq!(gateway.server("papers").calls("tools/call").len(), 1);
        let methods: Vec<String> = gateway
            .entries()
            .await
            .into_iter()
            .map(|entry| entry.opened.method)
            .collect();
        for method in ["batch", "ping", "notifications/initialized", "no/such"] {
            assert!(methods.contains(&method.to_owned()), "{methods:?}");
        }
        // Nothing to answer, nothing said.
        let told = json!([{"jsonrpc": "2.0", "method": "notifications/initialized"}]);
        assert_eq!(send(&gateway, &session, &told).await.status, 202);
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_batch_in_any_other_revision_or_of_any_size_is_refused() {
    let gateway = TestGateway::builder()
        .server("papers", Script::legacy().tool("t"))
        .start()
        .await;
    let ping = || request(1, "ping", json!({}));
    for version in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let session = session(&gateway, version).await;
        let reply = send(&gateway, &session, &json!([ping()])).await;
        assert_eq!(
            (reply.status, reply.reason().as_str()),
            (400, "batch-not-supported")
        );
    }
    let session = session(&gateway, "2025-03-26").await;
    let many: Vec<Value> = (0..101).map(|_| ping()).collect();
    for batch in [
        json!([]),
        json!(many),
        json!([ping(), 7]),
        json!([ping(), [ping()]]),
    ] {
        let reply = send(&gateway, &session, &batch).await;
        assert_eq!(reply.status, 400, "{reply:?}");
    }
    gateway.finish().await;
}
