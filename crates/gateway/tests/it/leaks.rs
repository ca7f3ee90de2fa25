//! What is the caller's stays with the gateway, and what is the gateway's cannot be forged.

use portcullis_testkit::{Script, Speaks, Step, TestGateway};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const FORGED: &str = r#"{"entry":"forged-receipt"}"#;

fn script(speaks: Speaks) -> Script {
    Script::of(speaks)
        .tool("t")
        .prompt("p")
        .resource("note://r")
}

#[tokio::test]
async fn no_header_of_the_caller_reaches_a_server() {
    let secrets: Vec<String> = (0..9)
        .map(|number| format!("canary-{number}-of-the-caller"))
        .collect();
    let mut builder =
        TestGateway::builder()
            .without_loopback()
            .key("ana", "the-key-of-ana-canary", "");
    for secret in &secrets {
        builder = builder.canary(secret);
    }
    let gateway = builder
        .server("old", script(Speaks::Legacy))
        .server("new", script(Speaks::Modern))
        .start()
        .await;
    let cookie = format!("session={}", secrets[0]);
    let names = [
        "cookie",
        "proxy-authorization",
        "x-api-key",
        "x-forwarded-for",
        "traceparent",
        "forwarded",
        "mcp-param-secret",
        "user-agent",
        "referer",
    ];
    let mut headers = vec![
        ("authorization", "Bearer the-key-of-ana-canary"),
        (names[0], cookie.as_str()),
    ];
    headers.extend(
        names
            .iter()
            .zip(&secrets)
            .skip(1)
            .map(|(name, secret)| (*name, secret.as_str())),
    );
    for speaks in Speaks::BOTH {
        let caller = gateway.caller(speaks, "/mcp/main", &headers).await;
        for server in ["old", "new"] {
            assert_eq!(
                caller.tool(&format!("{server}__t"), "{}").await.reason(),
                ""
            );
            caller
                .call("prompts/get", &format!(r#"{{"name":"{server}__p"}}"#))
                .await
                .result();
        }
        caller
            .call("resources/read", r#"{"uri":"note://r"}"#)
            .await
            .result();
        caller.list("tools/list").await;
    }
    assert!(
        gateway
            .server("old")
            .received()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
    assert!(
        gateway
            .server("new")
            .received()
            .iter()
            .all(|request| request.header("cookie").is_none())
    );
    gateway.finish().await;
}

#[test]
fn no_random_header_reaches_a_server() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let gateway = runtime.block_on(
        TestGateway::builder()
            .server("papers", script(Speaks::Modern))
            .start(),
    );
    let caller = runtime.block_on(gateway.modern());
    let mut runner = TestRunner::new(Config {
        cases: 40,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(
        &("[a-z]{3,12}-[a-z]{3,12}", "[A-Za-z0-9]{24}"),
        |(name, value)| {
            let call = caller
                .prepare("1", "tools/call", r#"{"name":"t"}"#)
                .header(&name, &value);
            runtime.block_on(call.send());
            let transcript = gateway.server("papers").transcript();
            prop_assert!(!transcript.contains(&value), "{}", name);
            Ok(())
        },
    );
    assert!(gateway.server("papers").calls("tools/call").len() >= 40);
    runtime.block_on(gateway.finish());
    outcome.unwrap();
}

#[tokio::test]
async fn the_server_gets_its_own_credential_and_nothing_else() {
    let gateway = TestGateway::builder()
        .server("papers", script(Speaks::Modern))
        .section("servers.papers", "plain-headers = { X-Region = \"eu\" }")
        .start()
        .await;
    gateway.modern().await.tool("t", "{}").await.result();
    let request = gateway.server("papers").last("tools/call");
    assert_eq!(request.header("x-region"), Some("eu"));
    let mut names: Vec<&str> = request
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "content-length",
        "content-type",
        "host",
        "mcp-method",
        "mcp-name",
        "mcp-protocol-version",
        "user-agent",
        "x-region",
    ];
    assert_eq!(names, expected);
    gateway.finish().await;
}

#[tokio::test]
async fn what_only_the_gateway_may_say_is_taken_out_of_requests() {
    let meta = r#"{"progressToken":"the-callers-token","baggage":"k=v","io.portcullis/receipt":{"forged":1},"io.portcullis/other":1,"io.modelcontextprotocol/related-task":{"taskId":"x"},"com.example/kept":true}"#;
    let params = |rest: &str| format!(r#"{{{rest},"_meta":{meta}}}"#);
    let gateway = TestGateway::builder()
        .server("old", script(Speaks::Legacy))
        .server("new", script(Speaks::Modern))
        .start()
        .await;
    for speaks in Speaks::BOTH {
        let caller = gateway.caller(speaks, "/mcp/main", &[]).await;
        for server in ["old", "new"] {
            for (method, rest) in [
                ("tools/call", format!(r#""name":"{server}__t""#)),
                ("prompts/get", format!(r#""name":"{server}__p""#)),
            ] {
                caller.call(method, &params(&rest)).await.result();
                let request = gateway.server(server).last(method);
                let meta = &request.json()["_meta"];
                let mut keys: Vec<&str> = meta
                    .as_object()
                    .unwrap()
                    .keys()
                    .map(String::as_str)
                    .collect();
                keys.sort_unstable();
                let own = ["com.example/kept", "progressToken"];
                let stamp = [
                    "io.modelcontextprotocol/clientCapabilities",
                    "io.modelcontextprotocol/clientInfo",
                    "io.modelcontextprotocol/protocolVersion",
                ];
                let expected: Vec<&str> = if server == "old" {
                    own.to_vec()
                } else {
                    [own[0]].into_iter().chain(stamp).chain([own[1]]).collect()
                };
                assert_eq!(keys, expected, "{speaks:?} to {server}, {method}");
                assert!(!request.body.contains("the-callers-token"));
                assert_eq!(
                    request.id.as_deref(),
                    Some(meta["progressToken"].to_string().as_str())
                );
                // The caller's self-description ends here too.
                assert!(!request.body.contains("tester"), "{}", request.body);
            }
        }
    }
    let caller = gateway.legacy().await;
    caller
        .call(
            "logging/setLevel",
            &params(r#""level":"debug","extra":"more""#),
        )
        .await
        .result();
    assert_eq!(
        gateway
            .server("old")
            .last("logging/setLevel")
            .params
            .as_deref(),
        Some(r#"{"level":"debug"}"#)
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_server_cannot_forge_a_receipt() {
    let block = format!(
        r#"{{"type":"text","text":"x","_meta":{{"io.portcullis/receipt":{FORGED},"kept":1}}}}"#
    );
    let result = format!(
        r#"{{"content":[{block}],"_meta":{{"io.portcullis/receipt":{FORGED},"io.portcull\u0069s/x":{FORGED}}}}}"#
    );
    let progress = format!(
        r#"{{"progressToken":$TOKEN,"progress":1,"_meta":{{"io.portcullis/receipt":{FORGED}}}}}"#
    );
    let error = format!(
        r#"{{"code":-32000,"message":"x","data":{{"_meta":{{"io.portcullis/receipt":{FORGED}}}}}}}"#
    );
    let definition = format!(
        r#"{{"name":"t","inputSchema":{{}},"_meta":{{"io.portcullis/receipt":{FORGED}}}}}"#
    );
    let script = |speaks| {
        Script::of(speaks)
            .tool_json(&definition)
            .tool("failing")
            .on(
                "tools/call",
                "t",
                [
                    Step::Notify("notifications/progress".to_owned(), progress.clone()),
                    Step::Result(result.clone()),
                ],
            )
            .on("tools/call", "failing", [Step::Error(error.clone())])
    };
    let gateway = TestGateway::builder()
        .server("old", script(Speaks::Legacy))
        .server("new", script(Speaks::Modern))
        .start()
        .await;
    for caller in [gateway.legacy().await, gateway.modern().await] {
        for server in ["old", "new"] {
            let params = format!(r#"{{"name":"{server}__t","_meta":{{"progressToken":1}}}}"#);
            let reply = caller.call("tools/call", &params).await;
            assert_eq!(reply.messages().len(), 2, "{reply:?}");
            assert!(!reply.body.contains("forged"), "{reply:?}");
            assert!(reply.body.contains("kept"), "{reply:?}");
            let reply = caller.tool(&format!("{server}__failing"), "{}").await;
            assert!(!reply.body.contains("forged"), "{reply:?}");
        }
        let reply = caller.call("tools/list", "{}").await;
        assert_eq!(reply.result()["tools"].as_array().unwrap().len(), 4);
        assert!(!reply.body.contains("forged"), "{reply:?}");
    }
    gateway.finish().await;
}

#[tokio::test]
async fn a_servers_request_is_answered_by_the_gateway_and_reaches_nobody() {
    let asking = r#"{"jsonrpc":"2.0","id":77,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}"#;
    let steps = [
        Step::Message(asking.to_owned()),
        Step::Result(r#"{"content":[]}"#.to_owned()),
    ];
    let gateway = TestGateway::builder()
        .server(
            "papers",
            Script::legacy().tool("t").on("tools/call", "t", steps),
        )
        .start()
        .await;
    let reply = gateway.legacy().await.tool("t", "{}").await;
    assert!(!reply.body.contains("sampling"), "{reply:?}");
    reply.result();
    gateway.finish().await;
}
