//! One connection at a time, opened again after it died, left alone after failures.

use std::time::{Duration, Instant};

use portcullis_mcp::Era;
use portcullis_upstream::{Status, UpstreamError};
use serde_json::json;

use crate::support::{begin, call, child, command, connect, eventually, upstream};

#[tokio::test]
async fn nothing_starts_before_it_is_needed() {
    let pids = tempfile::NamedTempFile::new().unwrap();
    let upstream = upstream(child(&["legacy", "--pids", pids.path().to_str().unwrap()]));
    assert_eq!(upstream.status(), Status::Idle);
    assert_eq!(std::fs::read_to_string(pids.path()).unwrap(), "");
}

#[tokio::test]
async fn concurrent_callers_share_one_attempt() {
    let pids = tempfile::NamedTempFile::new().unwrap();
    let upstream = upstream(child(&["legacy", "--pids", pids.path().to_str().unwrap()]));
    let impatient = tokio::time::timeout(Duration::from_millis(1), upstream.connection()).await;
    assert!(
        impatient.is_err(),
        "a caller that leaves does not end the attempt"
    );
    let attempts = (0..20).map(|_| upstream.connection());
    let connections = futures_util::future::join_all(attempts).await;
    let first = connections[0].as_ref().unwrap();
    for connection in &connections {
        assert!(std::sync::Arc::ptr_eq(first, connection.as_ref().unwrap()));
    }
    assert_eq!(
        std::fs::read_to_string(pids.path())
            .unwrap()
            .lines()
            .count(),
        1
    );
    assert!(matches!(upstream.status(), Status::Open { .. }));
}

#[tokio::test]
async fn callers_of_a_failed_attempt_share_its_error() {
    let upstream = upstream(child(&["legacy", "--exit", "5"]));
    let attempts = (0..5).map(|_| upstream.connection());
    for outcome in futures_util::future::join_all(attempts).await {
        assert!(matches!(outcome.unwrap_err(), UpstreamError::Died { .. }));
    }
}

#[tokio::test]
async fn death_in_mid_call_is_a_clear_error_and_the_server_comes_back() {
    let pids = tempfile::NamedTempFile::new().unwrap();
    let (upstream, connection) =
        connect(child(&["legacy", "--pids", pids.path().to_str().unwrap()])).await;
    let mut bystander = begin(&connection, "hang", json!({})).await.unwrap();
    let error = call(&connection, "die", json!({})).await.unwrap_err();
    let UpstreamError::Died {
        status: Some(status),
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(status.code(), Some(7));
    assert!(matches!(
        bystander.next().await.unwrap().unwrap_err(),
        UpstreamError::Died { .. }
    ));
    connection.closed().await;
    assert!(matches!(
        call(&connection, "echo", json!({})).await.unwrap_err(),
        UpstreamError::Died { .. }
    ));

    let error = upstream.connection().await.unwrap_err();
    let UpstreamError::BackingOff { retry_in } = error else {
        panic!("{error:?}");
    };
    assert!(retry_in <= Duration::from_millis(250));
    assert!(matches!(
        upstream.status(),
        Status::BackingOff { failures: 1, .. }
    ));
    eventually("the back-off ends", || upstream.status() == Status::Idle).await;
    let again = upstream.connection().await.unwrap();
    let seen = call(&again, "methods", json!({})).await.unwrap();
    assert_eq!(
        seen["methods"][0], "initialize",
        "the era is known, so there is no probe"
    );
    assert_eq!(
        std::fs::read_to_string(pids.path())
            .unwrap()
            .lines()
            .count(),
        2
    );
}

#[tokio::test]
async fn waits_grow_with_failures() {
    let upstream = upstream(child(&["legacy", "--exit", "5"]));
    let mut longest = Duration::ZERO;
    for failures in 1..=3 {
        assert!(matches!(
            upstream.connection().await,
            Err(UpstreamError::Died { .. })
        ));
        let Status::BackingOff {
            failures: counted,
            retry_in,
        } = upstream.status()
        else {
            panic!("{:?}", upstream.status());
        };
        assert_eq!(counted, failures);
        assert!(retry_in > longest, "{retry_in:?} after {longest:?}");
        longest = retry_in;
        eventually("the back-off ends", || upstream.status() == Status::Idle).await;
    }
}

#[tokio::test]
async fn a_server_that_never_speaks_runs_into_the_startup_timeout() {
    let mut spec = command("sleep", &["1000"]);
    spec.startup_timeout = Duration::from_millis(400);
    let start = Instant::now();
    let error = upstream(spec).connection().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server did not complete the handshake: it did not answer in time"
    );
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn shutdown_during_an_attempt_leaves_nothing() {
    let upstream = upstream(child(&["silent-probe"]));
    let opening = tokio::spawn({
        let upstream = upstream.clone();
        async move { upstream.connection().await }
    });
    eventually("the attempt", || upstream.status() == Status::Opening).await;
    upstream.shutdown().await;
    assert!(opening.await.unwrap().is_err());
    assert_eq!(upstream.status(), Status::ShutDown);
    assert!(matches!(
        upstream.connection().await,
        Err(UpstreamError::Closed)
    ));
}

#[tokio::test]
async fn a_modern_server_comes_back_as_modern() {
    let (upstream, connection) = connect(child(&["modern"])).await;
    call(&connection, "die", json!({})).await.unwrap_err();
    connection.closed().await;
    eventually("the back-off ends", || upstream.status() == Status::Idle).await;
    assert_eq!(upstream.connection().await.unwrap().era(), Era::Modern);
}
