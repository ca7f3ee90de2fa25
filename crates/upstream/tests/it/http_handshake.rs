use portcullis_mcp::{Era, Method};
use portcullis_upstream::{EraChoice, StartupFailure, UpstreamError};
use serde_json::json;

use crate::endpoint::{Endpoint, Reply, legacy, modern};
use crate::support::{call, connect, eventually, upstream};

#[tokio::test]
async fn a_legacy_session_is_opened_kept_and_ended() {
    let endpoint = Endpoint::start(legacy(|seen| match seen.verb.as_str() {
        "POST" => Reply::json(seen.result(&json!({}))),
        _ => Reply::status(405),
    }))
    .await;
    let (upstream, connection) = connect(endpoint.spec()).await;
    assert_eq!(connection.version().as_str(), "2025-06-18");
    call(&connection, "t", json!({})).await.unwrap();
    eventually("the stream was tried", || {
        endpoint.log().contains(&"GET".to_owned())
    })
    .await;
    upstream.shutdown().await;
    for seen in endpoint.seen() {
        let in_session = !matches!(seen.method(), "server/discover" | "initialize");
        assert_eq!(
            seen.header("mcp-session-id").is_some(),
            in_session,
            "{seen:?}"
        );
        if in_session {
            assert_eq!(seen.header("mcp-protocol-version"), Some("2025-06-18"));
            assert_eq!(seen.header("mcp-method"), None);
        }
        assert_eq!(seen.header("authorization"), Some("Bearer header-secret"));
    }
    let log = endpoint.log();
    assert_eq!(
        log[..3],
        ["server/discover", "initialize", "notifications/initialized"]
    );
    assert_eq!(log.last().map(String::as_str), Some("DELETE"));
}

#[tokio::test]
async fn a_modern_request_carries_its_headers() {
    let endpoint = Endpoint::start(modern(|seen| Reply::json(seen.result(&json!({}))))).await;
    let (upstream, connection) = connect(endpoint.spec()).await;
    assert_eq!(connection.era(), Era::Modern);
    call(&connection, "größer", json!({})).await.unwrap();
    upstream.shutdown().await;
    let seen = endpoint.seen();
    assert_eq!(endpoint.log(), ["server/discover", "tools/call"]);
    assert_eq!(seen[0].header("mcp-method"), Some("server/discover"));
    assert_eq!(seen[1].header("mcp-protocol-version"), Some("2026-07-28"));
    assert_eq!(seen[1].header("mcp-method"), Some("tools/call"));
    assert_eq!(seen[1].header("mcp-name"), Some("=?base64?Z3LDtsOfZXI=?="));
    assert_eq!(
        seen[1].header("accept"),
        Some("application/json, text/event-stream")
    );
    assert_eq!(
        seen[1].header("host"),
        Some(endpoint.address.to_string().as_str())
    );
    let mut names: Vec<&str> = seen[1]
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept",
            "authorization",
            "content-length",
            "content-type",
            "host",
            "mcp-method",
            "mcp-name",
            "mcp-protocol-version",
            "user-agent"
        ],
        "nothing but what is built here"
    );
}

#[tokio::test]
async fn recognised_modern_errors_stay_modern_and_others_do_not() {
    let check = async |status: u16, body: &'static str, falls_back: bool| {
        let endpoint = Endpoint::start(move |seen| match seen.method() {
            "server/discover" => Reply::status(status)
                .with("content-type", "application/json")
                .body(body.replace("ID", &seen.id().to_string())),
            "initialize" => legacy(|_| Reply::accepted())(seen),
            _ => Reply::accepted(),
        })
        .await;
        let outcome = upstream(endpoint.spec()).connection().await;
        assert_eq!(
            endpoint.log().contains(&"initialize".to_owned()),
            falls_back,
            "{status} {body}"
        );
        assert_eq!(outcome.is_ok(), falls_back, "{status} {body}: {outcome:?}");
    };
    for code in [-32020, -32021, -32022] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":ID,"error":{{"code":{code},"message":"no","data":{{}}}}}}"#
        );
        check(400, Box::leak(body.into_boxed_str()), false).await;
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":null,"error":{{"code":{code},"message":"no"}}}}"#);
        check(400, Box::leak(body.into_boxed_str()), false).await;
    }
    check(
        400,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no session"}}"#,
        true,
    )
    .await;
    check(
        400,
        r#"{"jsonrpc":"2.0","id":ID,"error":{"code":-32600,"message":"no"}}"#,
        true,
    )
    .await;
    check(
        200,
        r#"{"jsonrpc":"2.0","id":ID,"error":{"code":-32601,"message":"no"}}"#,
        true,
    )
    .await;
    check(400, "", true).await;
    check(404, "<html>", true).await;
    check(405, "", true).await;
    check(406, "", true).await;
    check(500, "", true).await;
}

#[tokio::test]
async fn a_refused_credential_and_a_redirect_are_final() {
    let endpoint = Endpoint::start(|_| {
        Reply::status(401).with("www-authenticate", "Bearer realm=\"secret-realm\"")
    })
    .await;
    let error = upstream(endpoint.spec()).connection().await.unwrap_err();
    assert!(matches!(error, UpstreamError::Unauthorized), "{error}");
    assert_eq!(endpoint.log(), ["server/discover"]);

    let other = Endpoint::start(|seen| Reply::json(seen.result(&json!({})))).await;
    let target = format!("http://{}/mcp", other.address);
    let endpoint =
        Endpoint::start(move |_| Reply::status(307).with("location", target.clone())).await;
    let error = upstream(endpoint.spec()).connection().await.unwrap_err();
    assert!(
        matches!(error, UpstreamError::Redirect { foreign: true, .. }),
        "{error}"
    );
    assert!(other.seen().is_empty(), "the credential went nowhere else");
}

#[tokio::test]
async fn an_unreachable_server_is_an_error_without_its_address() {
    let endpoint = Endpoint::start(|_| Reply::accepted()).await;
    let mut spec = endpoint.spec();
    // A port that was just free and that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    if let portcullis_upstream::Transport::Http { url, .. } = &mut spec.transport {
        *url = format!("http://user:url-secret@{free}/").parse().unwrap();
    }
    let error = upstream(spec.clone()).connection().await.unwrap_err();
    assert!(matches!(error, UpstreamError::Connect(_)), "{error}");
    let debugged = format!("{error} {error:?} {spec:?}");
    assert!(!debugged.contains("secret"), "{debugged}");
    if let portcullis_upstream::Transport::Http { url, .. } = &mut spec.transport {
        *url = format!("https://{}/", endpoint.address).parse().unwrap();
    }
    let error = upstream(spec).connection().await.unwrap_err();
    assert!(matches!(error, UpstreamError::Tls(_)), "{error:?}");
}

#[tokio::test]
async fn a_session_id_that_is_none_is_not_sent_back() {
    let endpoint = Endpoint::start(|seen| match seen.method() {
        "initialize" => Reply::json(
            seen.result(&json!({"protocolVersion": "2025-11-25", "capabilities": {},
            "serverInfo": {"name": "s", "version": "1"}})),
        )
        .with("mcp-session-id", "two words"),
        _ => Reply::accepted(),
    })
    .await;
    let mut spec = endpoint.spec();
    spec.era = EraChoice::Legacy;
    let (_upstream, connection) = connect(spec).await;
    connection
        .notify(Method::RootsListChanged, None)
        .await
        .unwrap();
    assert!(
        endpoint
            .seen()
            .iter()
            .all(|seen| seen.header("mcp-session-id").is_none())
    );
}

#[tokio::test]
async fn a_handshake_that_does_not_fit_is_refused() {
    let check = async |result: serde_json::Value, expected: StartupFailure| {
        let endpoint = Endpoint::start(move |seen| Reply::json(seen.result(&result))).await;
        let mut spec = endpoint.spec();
        spec.era = EraChoice::Legacy;
        let error = upstream(spec).connection().await.unwrap_err();
        assert!(
            matches!(&error, UpstreamError::Startup(failure) if *failure == expected),
            "{error}"
        );
    };
    check(json!({}), StartupFailure::Malformed).await;
    check(
        json!({"protocolVersion": 1, "capabilities": {}}),
        StartupFailure::Malformed,
    )
    .await;
    check(
        json!({"protocolVersion": "1", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}),
        StartupFailure::Version,
    )
    .await;
}
