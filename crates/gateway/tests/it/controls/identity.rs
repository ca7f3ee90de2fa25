use portcullis_testkit::{Script, Speaks, TestGateway};

const ANA: [(&str, &str); 1] = [("authorization", "Bearer key-of-ana")];
const BEN: [(&str, &str); 1] = [("authorization", "Bearer key-of-ben")];

async fn gateway(off: Option<&str>) -> TestGateway {
    let builder = TestGateway::builder()
        .server("papers", Script::legacy().tool("search"))
        .without_loopback()
        .key("ana", "key-of-ana", "")
        .key("ben", "key-of-ben", "");
    match off {
        Some(control) => builder.without(control).start().await,
        None => builder.start().await,
    }
}

#[tokio::test]
async fn authentication_lets_a_known_key_through() {
    let gateway = gateway(None).await;
    let caller = gateway.caller(Speaks::Modern, "/mcp/main", &ANA).await;
    assert_eq!(caller.tool("search", "{}").await.status, 200);
    let opened = gateway.entry("tools/call").await.opened;
    assert_eq!(
        (
            opened.principal.as_deref(),
            opened.authentication.as_deref()
        ),
        (Some("ana"), Some("api-key"))
    );
    gateway.finish().await;
}

#[tokio::test]
async fn authentication_stops_a_missing_and_a_wrong_key() {
    let gateway = gateway(None).await;
    for (header, reason, challenge) in [
        (None, "credential-missing", "Bearer realm=\"portcullis\""),
        (
            Some("Bearer wrong"),
            "credential-invalid",
            "Bearer realm=\"portcullis\", error=\"invalid_token\"",
        ),
        (
            Some("Basic a2V5"),
            "credential-invalid",
            "Bearer realm=\"portcullis\", error=\"invalid_token\"",
        ),
    ] {
        let headers: Vec<_> = header
            .iter()
            .map(|value| ("authorization", *value))
            .collect();
        let reply = gateway
            .stranger(Speaks::Modern, "/mcp/main", &headers)
            .tool("search", "{}")
            .await;
        assert_eq!((reply.status, reply.reason().as_str()), (401, reason));
        assert_eq!(reply.header("www-authenticate"), Some(challenge));
    }
    assert_eq!(gateway.server("papers").received().len(), 0);
    gateway.finish().await;
}

#[tokio::test]
async fn without_authentication_a_missing_key_is_the_anonymous_user() {
    let gateway = gateway(Some("authentication")).await;
    let caller = gateway.caller(Speaks::Modern, "/mcp/main", &[]).await;
    assert_eq!(caller.tool("search", "{}").await.status, 200);
    let opened = gateway.entry("tools/call").await.opened;
    assert_eq!(
        (
            opened.principal.as_deref(),
            opened.authentication.as_deref()
        ),
        (Some("anonymous"), Some("none"))
    );
    gateway.finish().await;
}

/// Ben uses the session that Ana opened.
async fn borrowed_session(off: Option<&str>) -> (TestGateway, u16, String) {
    let gateway = gateway(off).await;
    let (status, reason) = {
        let ana = gateway.caller(Speaks::Legacy, "/mcp/main", &ANA).await;
        let headers = [BEN[0], ("mcp-session-id", ana.session().unwrap())];
        let reply = gateway
            .stranger(Speaks::Legacy, "/mcp/main", &headers)
            .tool("search", "{}")
            .await;
        (reply.status, reply.reason())
    };
    (gateway, status, reason)
}

#[tokio::test]
async fn session_binding_lets_the_owner_through() {
    let gateway = gateway(None).await;
    let ana = gateway.caller(Speaks::Legacy, "/mcp/main", &ANA).await;
    assert_eq!(ana.tool("search", "{}").await.status, 200);
    assert_eq!(gateway.server("papers").calls("tools/call").len(), 1);
    gateway.finish().await;
}

#[tokio::test]
async fn session_binding_stops_another_principal() {
    let (gateway, status, reason) = borrowed_session(None).await;
    assert_eq!((status, reason.as_str()), (404, "session-unknown"));
    assert_eq!(gateway.server("papers").calls("tools/call").len(), 0);
    gateway.finish().await;
}

#[tokio::test]
async fn without_session_binding_a_borrowed_session_works() {
    let (gateway, status, reason) = borrowed_session(Some("session-binding")).await;
    assert_eq!((status, reason.as_str()), (200, ""));
    // Whoever presents it, the caller is who the key says.
    assert_eq!(
        gateway
            .entry("tools/call")
            .await
            .opened
            .principal
            .as_deref(),
        Some("ben")
    );
    gateway.finish().await;
}
