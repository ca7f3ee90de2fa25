use std::time::{Duration, Instant};

use portcullis_mcp::{Era, ProtocolVersion};
use portcullis_upstream::{EraChoice, StartupFailure, UpstreamError};
use serde_json::json;

use crate::support::{call, child, connect, upstream};

#[tokio::test]
async fn a_legacy_server_is_initialized() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    assert_eq!(connection.era(), Era::Legacy);
    assert_eq!(connection.version(), ProtocolVersion::V2025_11_25);
    assert_eq!(
        connection.capabilities(),
        r#"{"tools":{"listChanged":true}}"#
    );
    assert_eq!(
        connection.server_info(),
        Some(r#"{"name":"scripted","version":"1"}"#)
    );
    assert_eq!(connection.instructions(), Some("be \"nice\""));
    let seen = call(&connection, "methods", json!({})).await.unwrap();
    assert_eq!(
        seen["methods"],
        json!([
            "server/discover",
            "initialize",
            "notifications/initialized",
            "tools/call"
        ])
    );
}

#[tokio::test]
async fn a_modern_server_is_discovered_and_every_request_describes_itself() {
    let (_upstream, connection) = connect(child(&["modern"])).await;
    assert_eq!(connection.version(), ProtocolVersion::V2026_07_28);
    assert_eq!(
        connection.server_info(),
        Some(r#"{"name":"scripted","version":"1"}"#)
    );
    assert_eq!(connection.instructions(), Some("be modern"));
    let echo = call(&connection, "echo", json!({})).await.unwrap();
    let meta = &echo["params"]["_meta"];
    assert_eq!(
        meta["io.modelcontextprotocol/protocolVersion"],
        "2026-07-28"
    );
    assert_eq!(
        meta["io.modelcontextprotocol/clientCapabilities"],
        json!({})
    );
    assert_eq!(
        meta["io.modelcontextprotocol/clientInfo"]["name"],
        "portcullis"
    );
    assert!(meta["progressToken"].is_u64());
}

#[tokio::test]
async fn the_chosen_era_is_not_probed() {
    let mut spec = child(&["silent-probe"]);
    spec.era = EraChoice::Legacy;
    let (_upstream, connection) = connect(spec).await;
    let seen = call(&connection, "methods", json!({})).await.unwrap();
    assert_eq!(seen["methods"][0], "initialize");
}

#[tokio::test]
async fn what_is_no_modern_answer_means_legacy() {
    for speaks in [
        "crash-on-probe",
        "garbage-probe",
        "discovers-legacy",
        "future-and-legacy",
    ] {
        let (upstream, connection) = connect(child(&[speaks])).await;
        assert_eq!(connection.era(), Era::Legacy, "{speaks}");
        upstream.shutdown().await;
    }
}

#[tokio::test]
async fn a_silent_server_is_initialized_after_the_probe_timed_out() {
    let start = Instant::now();
    let (_upstream, connection) = connect(child(&["silent-probe"])).await;
    assert_eq!(connection.era(), Era::Legacy);
    assert!(start.elapsed() >= Duration::from_secs(5));
}

#[tokio::test]
async fn a_late_modern_answer_is_believed_when_initialize_is_refused() {
    let (_upstream, connection) = connect(child(&["late-modern"])).await;
    assert_eq!(connection.era(), Era::Modern);
    call(&connection, "echo", json!({})).await.unwrap();
}

#[tokio::test]
async fn every_known_legacy_version_is_accepted_and_nothing_else() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18"] {
        let (_upstream, connection) = connect(child(&[&format!("version={version}")])).await;
        assert_eq!(connection.version().as_str(), version);
    }
    for version in ["1999-01-01", "2026-07-28", ""] {
        let error = upstream(child(&[&format!("version={version}")]))
            .connection()
            .await
            .unwrap_err();
        assert!(
            matches!(error, UpstreamError::Startup(StartupFailure::Version)),
            "{version}: {error}"
        );
    }
}

#[tokio::test]
async fn no_version_in_common_is_an_error() {
    let check = async |speaks, era| {
        let mut spec = child(&[speaks]);
        spec.era = era;
        let error = upstream(spec).connection().await.unwrap_err();
        assert!(
            matches!(error, UpstreamError::Startup(StartupFailure::Version)),
            "{speaks}: {error}"
        );
    };
    check("future", EraChoice::Auto).await;
    check("legacy", EraChoice::Modern).await;
}

#[tokio::test]
async fn a_modern_server_that_must_be_legacy_is_refused() {
    let mut spec = child(&["modern"]);
    spec.era = EraChoice::Legacy;
    let error = upstream(spec).connection().await.unwrap_err();
    assert!(
        matches!(
            error,
            UpstreamError::Startup(StartupFailure::Refused { code: -32601 })
        ),
        "{error}"
    );
}
