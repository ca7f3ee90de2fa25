//! Messages that are not what they should be are refused before anything is done about them.

use portcullis_testkit::{Call, Reply, Script, Speaks, TestGateway};

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{}}}"#;

async fn gateway() -> TestGateway {
    let script = Script::legacy().tool("t");
    TestGateway::builder()
        .server("papers", script)
        .section("limits", "max-message = \"16KiB\"\nmax-depth = 16")
        .start()
        .await
}

async fn refused(gateway: &TestGateway, call: Call, status: u16, reason: &str) -> Reply {
    let shown = format!("{call:?}");
    let reply = gateway.keep(call.send().await);
    let shown: String = shown.chars().take(400).collect();
    assert_eq!(
        (reply.status, reply.reason().as_str()),
        (status, reason),
        "{shown}"
    );
    assert_eq!(reply.header("content-type"), Some("application/json"));
    reply
}

#[tokio::test]
async fn bodies_that_two_parsers_could_read_differently() {
    let gateway = gateway().await;
    let caller = gateway.legacy().await;
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{}{}}}}}"#,
        "{\"a\":".repeat(20),
        "1".to_owned() + &"}".repeat(20)
    );
    let large = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{{"a":"{}"}}}}}}"#,
        "x".repeat(20_000)
    );
    for (body, status, reason) in [
        ("", 400, "malformed-json"),
        ("{", 400, "malformed-json"),
        ("null", 400, "invalid-request"),
        ("[]", 400, "batch-not-supported"),
        (&format!("[{CALL}]"), 400, "batch-not-supported"),
        (&format!("{CALL}{CALL}"), 400, "malformed-json"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping","params":{"name":"t"}}"#,
            400,
            "malformed-json",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","name":"u"}}"#,
            400,
            "malformed-json",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","n\u0061me":"u"}}"#,
            400,
            "malformed-json",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"x":{"a":1,"a":2}}}}"#,
            400,
            "malformed-json",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\ud800"}}"#,
            400,
            "malformed-json",
        ),
        (&deep, 400, "malformed-json"),
        (&large, 413, "message-too-large"),
        (
            r#"{"id":1,"method":"tools/call","params":{"name":"t"}}"#,
            400,
            "invalid-request",
        ),
        (
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            400,
            "invalid-request",
        ),
        (
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            400,
            "invalid-request",
        ),
        (
            r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
            400,
            "invalid-request",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"Id":2,"method":"ping"}"#,
            400,
            "invalid-request",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
            400,
            "invalid-request",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
            400,
            "invalid-request",
        ),
    ] {
        refused(&gateway, caller.http().body(body), status, reason).await;
    }
    refused(
        &gateway,
        caller
            .http()
            .body(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}".to_vec()),
        400,
        "malformed-json",
    )
    .await;
    assert_eq!(gateway.server("papers").calls("tools/call").len(), 0);
    gateway.finish().await;
}

#[tokio::test]
async fn params_that_do_not_fit_are_never_passed_on() {
    let gateway = gateway().await;
    for speaks in Speaks::BOTH {
        let caller = gateway.caller(speaks, "/mcp/main", &[]).await;
        for (method, params) in [
            ("tools/call", r#"{"name":1}"#),
            ("tools/call", "{}"),
            ("tools/call", r#"{"name":"t","arguments":[]}"#),
            ("tools/call", r#"{"name":"t","Arguments":{"x":1}}"#),
            ("tools/call", r#"{"name":"t","NAME":"u"}"#),
            ("tools/list", r#"{"cursor":1}"#),
            ("tools/list", r#"{"cursor":"bm90IG9uZSBvZiBvdXJz"}"#),
            ("resources/read", r#"{"uri":{}}"#),
            ("prompts/get", r#"{"name":"p","arguments":{"a":1}}"#),
            (
                "completion/complete",
                r#"{"ref":{"type":"ref/other"},"argument":{"name":"a","value":""}}"#,
            ),
        ] {
            let reply = caller.call(method, params).await;
            let code = reply.json()["error"]["code"].as_i64();
            let modern_header = speaks == Speaks::Modern && reply.reason() == "header-mismatch";
            assert!(
                modern_header || (reply.reason() == "invalid-params" && code == Some(-32602)),
                "{speaks:?} {method} {params}: {}",
                reply.body
            );
            // A legacy host would take 404 for a lost session and any other error for a broken line.
            assert_eq!(
                reply.status,
                if speaks == Speaks::Legacy { 200 } else { 400 },
                "{method} {params}"
            );
        }
    }
    for method in [
        "tools/call",
        "resources/read",
        "prompts/get",
        "completion/complete",
    ] {
        assert_eq!(gateway.server("papers").calls(method).len(), 0);
    }
    gateway.finish().await;
}

#[tokio::test]
async fn an_answer_to_a_bad_message_carries_its_id() {
    let gateway = gateway().await;
    let caller = gateway.legacy().await;
    for (body, id) in [
        (
            r#"{"jsonrpc":"2.0","id":"seven","method":"ping","params":[]}"#,
            r#""seven""#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":7.0,"method":"tools/call","params":{"name":1}}"#,
            "7.0",
        ),
        ("{", "null"),
    ] {
        let reply = caller.http().body(body).send().await;
        assert!(
            reply.body.contains(&format!(r#""id":{id},"#)),
            "{body}: {}",
            reply.body
        );
    }
    gateway.finish().await;
}

#[tokio::test]
async fn methods_that_are_unknown_or_of_the_other_era() {
    let gateway = gateway().await;
    let (legacy, modern) = (gateway.legacy().await, gateway.modern().await);
    for (caller, status, methods) in [
        (
            &legacy,
            200,
            [
                "no/such",
                "server/discover",
                "tasks/list",
                "subscriptions/listen",
                "sampling/createMessage",
            ],
        ),
        (
            &modern,
            404,
            [
                "no/such",
                "initialize",
                "ping",
                "logging/setLevel",
                "resources/subscribe",
            ],
        ),
    ] {
        for method in methods {
            let reply = caller.call(method, r#"{"uri":"x://y","level":"debug","protocolVersion":"2025-11-25","capabilities":{}}"#).await;
            assert_eq!(
                reply.json()["error"]["code"],
                -32601,
                "{method}: {}",
                reply.body
            );
            assert_eq!(reply.status, status, "{method}");
        }
    }
    gateway.finish().await;
}

#[tokio::test]
async fn http_that_is_not_what_the_endpoint_takes() {
    let gateway = gateway().await;
    let post = || gateway.http("POST", "/mcp/main").body(CALL);
    refused(
        &gateway,
        post().header("content-type", "text/plain"),
        415,
        "content-type-wrong",
    )
    .await;
    refused(
        &gateway,
        post().without("content-type"),
        415,
        "content-type-wrong",
    )
    .await;
    refused(
        &gateway,
        post().header("accept", "text/html"),
        406,
        "not-acceptable",
    )
    .await;
    refused(
        &gateway,
        gateway.http("PUT", "/mcp/main").body(CALL),
        405,
        "verb-not-allowed",
    )
    .await;
    refused(
        &gateway,
        post().header("host", "evil.example"),
        403,
        "host-not-allowed",
    )
    .await;
    refused(
        &gateway,
        post().another("host", "evil.example"),
        403,
        "host-not-allowed",
    )
    .await;
    refused(
        &gateway,
        post().header("origin", "null"),
        403,
        "origin-not-allowed",
    )
    .await;
    refused(
        &gateway,
        post()
            .another("origin", "http://localhost")
            .another("origin", "http://evil.example"),
        403,
        "origin-not-allowed",
    )
    .await;
    refused(
        &gateway,
        gateway.http("POST", "/mcp/none").body(CALL),
        404,
        "profile-unknown",
    )
    .await;
    refused(
        &gateway,
        gateway.http("POST", "/").body(CALL),
        404,
        "profile-unknown",
    )
    .await;
    let get = refused(
        &gateway,
        gateway.http("GET", "/mcp/main"),
        405,
        "verb-not-allowed",
    )
    .await;
    assert_eq!(get.header("allow"), Some("GET, POST, DELETE"));
    assert_eq!(gateway.http("GET", "/healthz").send().await.body, "ok\n");
    assert_eq!(gateway.server("papers").received().len(), 0);
    gateway.finish().await;
}

#[tokio::test]
async fn modern_messages_that_describe_themselves_badly() {
    let gateway = gateway().await;
    let modern = gateway.modern().await;
    let call = || modern.prepare("1", "tools/call", r#"{"name":"t"}"#);
    let body = |meta: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","_meta":{meta}}}}}"#
        )
    };
    let (version, capabilities) = (
        r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#,
        r#""io.modelcontextprotocol/clientCapabilities":{}"#,
    );
    refused(&gateway, call().body(CALL), 400, "invalid-params").await;
    refused(
        &gateway,
        call().body(body(&format!("{{{version}}}"))),
        400,
        "invalid-params",
    )
    .await;
    refused(
        &gateway,
        call().without("mcp-method"),
        400,
        "header-mismatch",
    )
    .await;
    refused(&gateway, call().without("mcp-name"), 400, "header-mismatch").await;
    refused(
        &gateway,
        call().without("mcp-protocol-version"),
        400,
        "header-mismatch",
    )
    .await;
    refused(
        &gateway,
        call().another("mcp-method", "tools/list"),
        400,
        "header-mismatch",
    )
    .await;
    let future = body(&format!(
        r#"{{"io.modelcontextprotocol/protocolVersion":"2099-01-01",{capabilities}}}"#
    ));
    let reply = refused(
        &gateway,
        call()
            .header("mcp-protocol-version", "2099-01-01")
            .body(future),
        400,
        "version-unsupported",
    )
    .await;
    assert_eq!(
        reply.json()["error"]["data"]["supported"],
        serde_json::json!(["2026-07-28"])
    );
    assert_eq!(reply.json()["error"]["data"]["requested"], "2099-01-01");
    assert_eq!(reply.json()["error"]["code"], -32022);
    assert_eq!(gateway.server("papers").received().len(), 0);
    gateway.finish().await;
}

#[tokio::test]
async fn every_refusal_is_on_record_once() {
    let gateway = gateway().await;
    let before = gateway.entries().await.len();
    gateway.http("POST", "/mcp/main").body("{").send().await;
    gateway.http("PUT", "/mcp/main").send().await;
    gateway.http("POST", "/mcp/none").body(CALL).send().await;
    let entries = gateway.entries().await;
    let reasons: Vec<&str> = entries[before..]
        .iter()
        .map(|entry| entry.closed.as_ref().unwrap().reason.as_deref().unwrap())
        .collect();
    assert_eq!(
        reasons,
        ["malformed-json", "verb-not-allowed", "profile-unknown"]
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_profile_may_ask_for_a_recent_revision() {
    let builder = TestGateway::builder().server("papers", Script::legacy().tool("t"));
    let gateway = builder
        .section(
            "profiles.main",
            "servers = [\"papers\"]\nminimum-version = \"2026-07-28\"",
        )
        .start()
        .await;
    let greeting = r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"tester","version":"1"}}"#;
    let reply = gateway
        .stranger(Speaks::Legacy, "/mcp/main", &[])
        .call("initialize", greeting)
        .await;
    assert_eq!(reply.reason(), "version-unsupported");
    assert_eq!(gateway.modern().await.tool("t", "{}").await.reason(), "");
    gateway.finish().await;
}
