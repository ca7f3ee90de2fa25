//! A program that is replaced on disk.

use portcullis_store::State;
use portcullis_testkit::{Builder, TestGateway};
use sha2::{Digest, Sha256};

use super::{approve, held, search, serves_again, write_program};

/// A server that ends after a call that says so.
pub(crate) const SERVER: &str = r#"#!/bin/sh
: > "$0.started"
while read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9][0-9]*\).*/\1/p')
  case "$line" in
    *'"initialize"'*) result='{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"papers","version":"1"}}';;
    *'"tools/list"'*) result='{"tools":[{"name":"search","inputSchema":{"type":"object"}}]}';;
    *'"tools/call"'*) result='{"content":[{"type":"text","text":"done"}]}';;
    *) continue;;
  esac
  printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result"
  case "$line" in *'"end"'*) exit 0;; esac
done
"#;

pub(crate) struct Program(tempfile::TempDir);

impl Program {
    pub(crate) fn new() -> Self {
        let program = Self(tempfile::tempdir().unwrap());
        program.write(SERVER);
        program
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("papers")
    }

    pub(crate) fn write(&self, text: &str) {
        write_program(&self.path(), text);
    }

    /// The same server, another program.
    pub(crate) fn replace(&self) {
        self.write(&format!("{SERVER}# and one line more\n"));
    }

    /// Whether it was started since it was asked last.
    fn was_started(&self) -> bool {
        std::fs::remove_file(self.0.path().join("papers.started")).is_ok()
    }

    pub(crate) fn builder(&self, identity: &str) -> Builder {
        TestGateway::builder()
            .section(
                "servers.papers",
                &format!("command = {:?}\nera = \"legacy\"", self.path()),
            )
            .section("servers.papers.identity", identity)
            .section("profiles.main", "servers = [\"papers\"]")
    }
}

fn hex(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes the server end, and the next call start it again.
async fn end(gateway: &TestGateway) {
    let ended = gateway
        .modern()
        .await
        .tool("search", r#"{"end":true}"#)
        .await;
    assert_eq!(ended.reason(), "");
}

async fn states(gateway: &TestGateway) -> Vec<(String, State)> {
    gateway
        .definitions()
        .await
        .into_iter()
        .filter(|record| record.key.kind == "identity")
        .map(|record| (record.key.name, record.state))
        .collect()
}

fn program(state: State) -> (String, State) {
    ("program".to_owned(), state)
}

#[tokio::test]
async fn a_program_replaced_between_start_and_restart_is_not_started() {
    let server = Program::new();
    let gateway = server.builder("").start().await;
    assert_eq!(search(&gateway).await, "");
    assert!(server.was_started());
    end(&gateway).await;
    serves_again(&gateway).await;
    assert!(server.was_started());
    assert_eq!(states(&gateway).await, [program(State::Approved)]);
    server.replace();
    end(&gateway).await;
    held(&gateway, "program").await;
    assert!(!server.was_started());
    // The new one is approved: it is pinned from now on, and the old one is not good any more.
    approve(&gateway, "program").await;
    serves_again(&gateway).await;
    assert_eq!(
        states(&gateway).await,
        [program(State::Withdrawn), program(State::Approved)]
    );
    assert!(server.was_started());
    server.write(SERVER);
    end(&gateway).await;
    held(&gateway, "program").await;
    assert!(!server.was_started());
    gateway.finish().await;
}

#[tokio::test]
async fn a_rejected_program_is_not_started_and_the_old_one_is() {
    let server = Program::new();
    let gateway = server.builder("").start().await;
    serves_again(&gateway).await;
    server.replace();
    end(&gateway).await;
    held(&gateway, "program").await;
    gateway
        .decide("papers", "identity", "program", State::Rejected)
        .await;
    server.write(SERVER);
    serves_again(&gateway).await;
    assert!(server.was_started());
    server.replace();
    end(&gateway).await;
    portcullis_testkit::eventually("the replaced one is refused", async || {
        (search(&gateway).await == "upstream-unavailable").then_some(())
    })
    .await;
    let closed = gateway.entry("tools/call").await.closed.unwrap();
    assert_eq!(closed.reason.as_deref(), Some("server-identity-changed"));
    server.write(SERVER);
    serves_again(&gateway).await;
    gateway.finish().await;
}

#[tokio::test]
async fn the_configured_digest_is_what_counts() {
    let server = Program::new();
    let right = format!("sha256 = \"{}\"", hex(SERVER));
    let gateway = server.builder(&right).start().await;
    serves_again(&gateway).await;
    assert_eq!(states(&gateway).await, []);
    assert!(server.was_started());
    server.replace();
    end(&gateway).await;
    held(&gateway, "program").await;
    assert!(!server.was_started());
    // Approving does not overrule the configuration.
    approve(&gateway, "program").await;
    portcullis_testkit::eventually("it is held again", async || {
        assert_eq!(search(&gateway).await, "upstream-unavailable");
        (states(&gateway).await == [program(State::Quarantined)]).then_some(())
    })
    .await;
    assert!(!server.was_started());
    gateway.finish().await;
}

#[tokio::test]
async fn in_review_the_first_program_waits_and_a_second_one_holds_the_server() {
    let server = Program::new();
    let gateway = server
        .builder("")
        .section("registry", "mode = \"review\"")
        .start()
        .await;
    // Nothing of it can be used, and it can be read for the review.
    assert_eq!(search(&gateway).await, "target-unknown");
    assert_eq!(states(&gateway).await, [program(State::Seen)]);
    gateway
        .decide("papers", "tool", "search", State::Approved)
        .await;
    serves_again(&gateway).await;
    server.replace();
    end(&gateway).await;
    held(&gateway, "program").await;
    gateway.finish().await;
}
