//! Legacy sessions: needed, sealed, bound, and over when they are ended.

use portcullis_testkit::{Reply, Script, Speaks, TestGateway};

async fn gateway() -> TestGateway {
    let builder = TestGateway::builder().server("papers", Script::legacy().tool("t"));
    let profiles = builder
        .section("profiles.main", "servers = [\"papers\"]")
        .section("profiles.other", "servers = [\"papers\"]");
    profiles.start().await
}

async fn with_session(gateway: &TestGateway, path: &str, session: &str) -> Reply {
    gateway
        .stranger(Speaks::Legacy, path, &[("mcp-session-id", session)])
        .tool("t", "{}")
        .await
}

#[tokio::test]
async fn a_request_without_a_session_is_told_to_greet_first() {
    let gateway = gateway().await;
    let reply = gateway
        .stranger(Speaks::Legacy, "/mcp/main", &[])
        .tool("t", "{}")
        .await;
    assert_eq!(
        (reply.status, reply.reason().as_str()),
        (400, "session-missing")
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_session_that_was_not_sealed_here_is_unknown() {
    let (gateway, elsewhere) = (gateway().await, gateway().await);
    let foreign = elsewhere.legacy().await.session().unwrap().to_owned();
    let own = gateway.legacy().await.session().unwrap().to_owned();
    let mut tampered = own.clone().into_bytes();
    let last = tampered.len() / 2;
    tampered[last] = if tampered[last] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    for session in [
        foreign.as_str(),
        "forged",
        "",
        &tampered,
        &own[..own.len() - 4],
    ] {
        let reply = with_session(&gateway, "/mcp/main", session).await;
        assert_eq!(
            (reply.status, reply.reason().as_str()),
            (404, "session-unknown"),
            "{session}"
        );
    }
    assert_eq!(with_session(&gateway, "/mcp/main", &own).await.reason(), "");
    elsewhere.finish().await;
    gateway.finish().await;
}

#[tokio::test]
async fn a_session_of_one_profile_is_none_of_another() {
    let gateway = gateway().await;
    let session = gateway.legacy().await.session().unwrap().to_owned();
    assert_eq!(
        with_session(&gateway, "/mcp/other", &session)
            .await
            .reason(),
        "session-unknown"
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_session_is_over_when_it_is_ended() {
    let gateway = gateway().await;
    let session = gateway.legacy().await.session().unwrap().to_owned();
    let kept = gateway.legacy().await.session().unwrap().to_owned();
    let end = || {
        gateway
            .http("DELETE", "/mcp/main")
            .header("mcp-session-id", &session)
            .send()
    };
    assert_eq!(end().await.status, 204);
    assert_eq!(
        with_session(&gateway, "/mcp/main", &session).await.reason(),
        "session-unknown"
    );
    assert_eq!(end().await.status, 404);
    assert_eq!(
        with_session(&gateway, "/mcp/main", &kept).await.reason(),
        ""
    );
    let entry = gateway.entry("session/end").await;
    assert_eq!(entry.opened.principal.as_deref(), Some("local"));
    gateway.finish().await;
}

#[tokio::test]
async fn nobody_ends_a_session_without_or_with_another_id() {
    let gateway = gateway().await;
    assert_eq!(gateway.http("DELETE", "/mcp/main").send().await.status, 400);
    assert_eq!(
        gateway
            .http("DELETE", "/mcp/main")
            .header("mcp-session-id", "forged")
            .send()
            .await
            .status,
        404
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_session_outlives_a_restart_but_not_its_store() {
    let gateway = gateway().await;
    let session = gateway.legacy().await.session().unwrap().to_owned();
    let loaded = portcullis_gateway::load(&gateway.config_path()).unwrap();
    let again = portcullis_gateway::Gateway::open(loaded, gateway.store().clone().into())
        .await
        .unwrap();
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(portcullis_gateway::listener::serve(
        again.clone(),
        socket,
        async move {
            let _dropped = stopped.await;
        },
    ));
    let caller = gateway.stranger(Speaks::Legacy, "/mcp/main", &[("mcp-session-id", &session)]);
    let reply = caller
        .prepare("1", "tools/call", r#"{"name":"t"}"#)
        .at(address)
        .send()
        .await;
    assert_eq!(reply.reason(), "");
    drop(stop);
    serving.await.unwrap();
    again.shutdown().await;
    gateway.finish().await;
}

#[tokio::test]
async fn a_client_that_asks_for_an_unknown_revision_is_offered_a_known_one() {
    let gateway = gateway().await;
    for (asked, agreed) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-06-18", "2025-06-18"),
        ("1999-01-01", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
    ] {
        let params = format!(
            r#"{{"protocolVersion":"{asked}","capabilities":{{}},"clientInfo":{{"name":"tester","version":"1"}}}}"#
        );
        let result = gateway
            .stranger(Speaks::Legacy, "/mcp/main", &[])
            .call("initialize", &params)
            .await
            .result();
        assert_eq!(result["protocolVersion"], agreed);
        assert_eq!(result["serverInfo"]["name"], "portcullis");
    }
    gateway.finish().await;
}
