use portcullis_testkit::{Reply, Script, Speaks, TestGateway};

async fn gateway(off: Option<&str>) -> TestGateway {
    let builder = TestGateway::builder().server("papers", Script::modern().tool("search"));
    match off {
        Some(control) => builder.without(control).start().await,
        None => builder.start().await,
    }
}

async fn with_header(gateway: &TestGateway, name: &str, value: &str) -> Reply {
    let caller = gateway.modern().await;
    let call = caller
        .prepare("1", "tools/call", r#"{"name":"search"}"#)
        .header(name, value);
    gateway.keep(call.send().await)
}

async fn check(off: Option<&str>, header: &str, value: &str, reason: &str, status: u16) {
    let gateway = gateway(off).await;
    let reply = with_header(&gateway, header, value).await;
    assert_eq!(
        (reply.status, reply.reason().as_str()),
        (status, reason),
        "{header}: {value}, without {off:?}"
    );
    let reached = gateway.server("papers").calls("tools/call").len();
    assert_eq!(
        reached,
        usize::from(reason.is_empty()),
        "{header}: {value}, without {off:?}"
    );
    let entry = gateway
        .entry(if status == 403 {
            "unread"
        } else {
            "tools/call"
        })
        .await;
    let closed = entry.closed.unwrap();
    assert_eq!(
        closed.reason.as_deref(),
        (!reason.is_empty()).then_some(reason)
    );
    gateway.finish().await;
}

#[tokio::test]
async fn host_check_lets_known_hosts_through() {
    for host in ["localhost:8642", "127.0.0.1", "[::1]:1"] {
        check(None, "host", host, "", 200).await;
    }
}

#[tokio::test]
async fn host_check_stops_a_rebound_name() {
    check(None, "host", "evil.example", "host-not-allowed", 403).await;
}

#[tokio::test]
async fn without_host_check_a_rebound_name_passes() {
    check(Some("host-check"), "host", "evil.example", "", 200).await;
}

#[tokio::test]
async fn origin_check_lets_a_local_page_through() {
    check(None, "origin", "http://localhost:3000", "", 200).await;
}

#[tokio::test]
async fn origin_check_stops_a_foreign_page() {
    check(
        None,
        "origin",
        "https://evil.example",
        "origin-not-allowed",
        403,
    )
    .await;
}

#[tokio::test]
async fn without_origin_check_a_foreign_page_passes() {
    check(
        Some("origin-check"),
        "origin",
        "https://evil.example",
        "",
        200,
    )
    .await;
}

#[tokio::test]
async fn header_agreement_lets_equal_headers_through() {
    check(None, "mcp-name", "search", "", 200).await;
    check(None, "mcp-name", "=?base64?c2VhcmNo?=", "", 200).await;
}

#[tokio::test]
async fn header_agreement_stops_a_header_that_says_something_else() {
    check(None, "mcp-name", "delete", "header-mismatch", 400).await;
    check(None, "mcp-method", "tools/list", "header-mismatch", 400).await;
    check(
        None,
        "mcp-protocol-version",
        "2025-11-25",
        "header-mismatch",
        400,
    )
    .await;
}

#[tokio::test]
async fn without_header_agreement_the_body_alone_counts() {
    check(Some("header-agreement"), "mcp-name", "delete", "", 200).await;
    let gateway = gateway(Some("header-agreement")).await;
    let caller = gateway.caller(Speaks::Modern, "/mcp/main", &[]).await;
    let reply = caller
        .prepare("1", "tools/call", r#"{"name":"unknown"}"#)
        .header("mcp-name", "search")
        .send()
        .await;
    assert_eq!(reply.reason(), "target-unknown");
    gateway.finish().await;
}
