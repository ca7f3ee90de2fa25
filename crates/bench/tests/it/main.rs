//! The MCP server, the proxy and the load of the bench, against each other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

const BENCH: &str = env!("CARGO_BIN_EXE_portcullis-bench");

/// A part of the bench that is killed with the test.
struct Part(Child);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Part {
    fn start(arguments: &[&str]) -> Self {
        let process = Command::new(BENCH)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        Self(process.unwrap())
    }

    fn port(&mut self) -> String {
        let mut line = String::new();
        let mut output = BufReader::new(self.0.stdout.as_mut().unwrap());
        output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

/// What a load of 50 ms gives.
fn load(url: &str, era: &str, workload: &str, connections: usize) -> serde_json::Value {
    let mut part = Part::start(&[
        "load",
        "--url",
        url,
        "--era",
        era,
        "--workload",
        workload,
        "--connections",
        &connections.to_string(),
        "--warm-up=1",
        "--measure=50",
    ]);
    part.0.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    let output = BufReader::new(part.0.stdout.as_mut().unwrap());
    let lines: Vec<String> = output.lines().map(Result::unwrap).collect();
    assert_eq!(lines.len(), 2, "{workload}, {era}: {lines:?}");
    serde_json::from_str(&lines[1]).unwrap()
}

#[test]
fn every_workload_is_answered_in_both_eras_and_through_the_proxy() {
    let mut echo = Part::start(&["echo"]);
    let direct = echo.port();
    let mut proxy = Part::start(&["proxy", "--to", &format!("127.0.0.1:{direct}")]);
    let proxied = proxy.port();
    for port in [direct, proxied] {
        let url = format!("http://127.0.0.1:{port}/100/a");
        for era in ["modern", "legacy"] {
            for workload in ["echo", "large", "large-text", "progress", "list"] {
                let measured = load(&url, era, workload, 3);
                assert_eq!(measured["errors"].as_array().unwrap().len(), 0);
                assert!(measured["calls"].as_u64().unwrap() >= 3, "{measured}");
                assert!(measured["p99_us"].as_f64() >= measured["p50_us"].as_f64());
            }
        }
    }
}

#[test]
fn a_wrong_answer_is_an_error_and_no_measurement() {
    // Nothing listens behind the proxy, so that it answers with 502.
    let mut proxy = Part::start(&["proxy", "--to", "127.0.0.1:1"]);
    let port = proxy.port();
    let output = Command::new(BENCH)
        .args(["load", "--era=modern", "--workload=echo", "--connections=1"])
        .arg(format!("--url=http://127.0.0.1:{port}/10/a"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("status 502"), "{said}");
}
