//! What a child gets, what it says, and how it ends.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portcullis_upstream::{Transport, UpstreamError};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{
    begin, call, child, command, connect, eventually, lives, server_path, upstream, with_env,
};

#[tokio::test]
async fn the_environment_is_clean() {
    let directory = tempfile::tempdir().unwrap();
    let mut spec = with_env(
        child(&["legacy"]),
        &[("API_TOKEN", "s3cret"), ("LANG", "xx")],
    );
    if let Transport::Stdio { cwd, .. } = &mut spec.transport {
        *cwd = Some(directory.path().to_owned());
    }
    let (_upstream, connection) = connect(spec).await;
    let seen = call(&connection, "env", json!({})).await.unwrap();
    let env = seen["env"].as_object().unwrap();
    let known = ["PATH", "HOME", "LANG", "TMPDIR", "USER", "API_TOKEN"];
    for key in env.keys() {
        assert!(
            known.contains(&key.as_str()) || key.starts_with("LC_"),
            "leaked {key}"
        );
    }
    // The test runner's own environment has these, so the check above can fail.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert_eq!(env["API_TOKEN"], "s3cret");
    assert_eq!(env["LANG"], "xx");
    assert!(env.contains_key("PATH"));
    assert_eq!(seen["cwd"], json!(directory.path().canonicalize().unwrap()));
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_an_error() {
    let error = upstream(command("/nonexistent/program", &[]))
        .connection()
        .await
        .unwrap_err();
    assert!(matches!(error, UpstreamError::Spawn(_)), "{error}");
    assert_eq!(error.to_string(), "the server process could not be started");
}

#[tokio::test]
async fn a_server_that_ends_during_the_handshake_is_an_error_with_its_status() {
    let error = upstream(child(&["legacy", "--exit", "5"]))
        .connection()
        .await
        .unwrap_err();
    let UpstreamError::Died {
        status: Some(status),
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!(status.code(), Some(5));
    assert_eq!(
        error.to_string(),
        "the server process ended (exit status: 5)"
    );
}

#[tokio::test]
async fn an_answer_written_just_before_the_end_counts() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    call(&connection, "answer-and-die", json!({}))
        .await
        .unwrap();
}

#[tokio::test]
async fn shutdown_leaves_no_process() {
    let pids = tempfile::NamedTempFile::new().unwrap();
    let path = pids.path().to_str().unwrap();
    let (upstream, connection) = connect(child(&["legacy", "--pids", path])).await;
    let grandchild = call(&connection, "fork", json!({})).await.unwrap()["pid"].to_string();
    let leader = std::fs::read_to_string(path).unwrap().trim().to_owned();
    assert!(lives(&leader) && lives(&grandchild));
    let start = Instant::now();
    upstream.shutdown().await;
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "it ends when its input closes"
    );
    assert!(!lives(&leader));
    eventually("the grandchild is gone", || !lives(&grandchild)).await;
    assert!(matches!(
        upstream.connection().await,
        Err(UpstreamError::Closed)
    ));
}

#[tokio::test]
async fn a_stubborn_server_is_killed() {
    let pids = tempfile::NamedTempFile::new().unwrap();
    let script = format!(
        "trap '' TERM; exec {} legacy --ignore-eof --pids {}",
        server_path(),
        pids.path().display()
    );
    let (upstream, connection) = connect(command("sh", &["-c", &script])).await;
    let mut waiting = begin(&connection, "hang", json!({})).await.unwrap();
    let leader = std::fs::read_to_string(pids.path())
        .unwrap()
        .trim()
        .to_owned();
    let start = Instant::now();
    upstream.shutdown().await;
    let took = start.elapsed();
    assert!(
        took >= Duration::from_secs(4) && took < Duration::from_secs(8),
        "{took:?}"
    );
    assert!(!lives(&leader));
    let error = waiting.next().await.unwrap().unwrap_err();
    assert!(matches!(error, UpstreamError::Closed), "{error}");
}

#[tokio::test]
async fn dropping_the_upstream_ends_the_child() {
    let pids = tempfile::NamedTempFile::new().unwrap();
    let (upstream, connection) =
        connect(child(&["legacy", "--pids", pids.path().to_str().unwrap()])).await;
    let leader = std::fs::read_to_string(pids.path())
        .unwrap()
        .trim()
        .to_owned();
    drop((upstream, connection));
    eventually("the child is gone", || !lives(&leader)).await;
}

#[test]
fn nothing_is_left_when_the_runtime_goes_away() {
    let pids = tempfile::NamedTempFile::new().unwrap();
    let script = format!(
        "trap '' TERM; exec {} legacy --ignore-eof --pids {}",
        server_path(),
        pids.path().display()
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (kept, grandchild) = runtime.block_on(async {
        let kept = connect(command("sh", &["-c", &script])).await;
        let grandchild = call(&kept.1, "fork", json!({})).await.unwrap()["pid"].to_string();
        (kept, grandchild)
    });
    let leader = std::fs::read_to_string(pids.path())
        .unwrap()
        .trim()
        .to_owned();
    assert!(lives(&leader) && lives(&grandchild));
    drop(runtime);
    let start = Instant::now();
    while lives(&leader) || lives(&grandchild) {
        assert!(start.elapsed() < Duration::from_secs(5), "left behind");
        std::thread::yield_now();
    }
    drop(kept);
}

#[tokio::test]
async fn a_server_that_closes_its_output_is_ended() {
    let (_upstream, connection) = connect(child(&["legacy"])).await;
    let error = call(&connection, "close-stdout", json!({}))
        .await
        .unwrap_err();
    assert!(matches!(error, UpstreamError::Died { .. }), "{error}");
}

/// Everything logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn standard_error_is_logged_within_limits_and_without_secrets() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let spec = with_env(
        child(&["legacy", "--stderr", "500"]),
        &[("API_TOKEN", "s3cret-value")],
    );
    let (upstream, _connection) = connect(spec).await;
    upstream.shutdown().await;
    eventually("the last line", || {
        log.text().contains("starting with token")
    })
    .await;
    let text = log.text();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("upstream.stderr"))
        .collect();
    let printed = lines
        .iter()
        .filter(|line| line.contains("line"))
        .filter(|line| !line.contains("suppressed"))
        .count();
    assert!((20..=60).contains(&printed), "{printed} lines of 500");
    assert!(
        lines.iter().any(|line| line.contains("suppressed")),
        "{text}"
    );
    assert!(
        lines.iter().all(|line| line.contains("scripted")),
        "the server is named"
    );
    assert!(
        text.contains("u{1b}[31m") && !text.contains('\u{1b}'),
        "{text}"
    );
    assert!(text.contains("[redacted]") && !text.contains("s3cret-value"));
}
