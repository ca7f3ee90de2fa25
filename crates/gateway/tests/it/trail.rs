//! The audit trail: one entry for every message, before it has an effect.

use std::path::Path;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use portcullis_store::{AuditEntry, AuditFilter, AuditStore, Sqlite};
use portcullis_testkit::{Script, Speaks, Step, TestGateway, eventually, sha256};

use crate::failing_store::FailingStore;

fn script() -> Script {
    Script::legacy()
        .tool("t")
        .tool("fails")
        .prompt("p")
        .resource("note://r")
        .on(
            "tools/call",
            "fails",
            [Step::Result(r#"{"content":[],"isError":true}"#.to_owned())],
        )
}

#[tokio::test]
async fn every_message_has_one_entry_with_its_decision() {
    let gateway = TestGateway::builder()
        .server("papers", script())
        .policy("@id(\"all\") permit (principal, action, resource);")
        .start()
        .await;
    let caller = gateway.legacy().await;
    caller.list("tools/list").await;
    caller.tool("t", r#"{"b":1.0}"#).await.result();
    caller.tool("fails", "{}").await.result();
    caller.call("prompts/get", r#"{"name":"p"}"#).await.result();
    caller
        .call("resources/read", r#"{"uri":"note://r"}"#)
        .await
        .result();
    caller.call("no/such", "{}").await;
    caller
        .http()
        .body(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)
        .send()
        .await;
    let entries = gateway.entries().await;
    let seen: Vec<(&str, &str)> = entries
        .iter()
        .map(|entry| {
            (
                entry.opened.method.as_str(),
                entry.closed.as_ref().unwrap().outcome.as_str(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("initialize", "ok"),
            ("notifications/initialized", "ok"),
            ("tools/list", "ok"),
            ("tools/call", "ok"),
            ("tools/call", "tool-error"),
            ("prompts/get", "ok"),
            ("resources/read", "ok"),
            ("no/such", "refused"),
            ("response", "ok"),
        ]
    );
    for entry in &entries {
        let closed = entry.closed.as_ref().unwrap();
        assert_eq!(
            (closed.decision.as_str(), closed.policies.as_slice()),
            ("permit", &["all".to_owned()][..]),
            "{}",
            entry.opened.method
        );
        assert!(closed.policy_version.is_some());
        assert!(closed.timings_us.as_object().unwrap().contains_key("authn"));
        assert!(closed.bytes_in > 0 && closed.at_us >= entry.opened.at_us);
        assert_eq!(
            (
                entry.opened.profile.as_deref(),
                entry.opened.remote.as_deref()
            ),
            (Some("main"), Some("127.0.0.1"))
        );
        assert_eq!(entry.opened.era.as_deref(), Some("legacy"));
    }
    let call = &entries[3];
    assert_eq!(
        call.opened.arguments_digest.as_deref(),
        Some(sha256(r#"{"b":1.0}"#).as_str())
    );
    assert_eq!(
        (
            call.opened.server.as_deref(),
            call.opened.target.as_deref(),
            call.opened.rpc_id.as_deref()
        ),
        (Some("papers"), Some("t"), Some("3"))
    );
    let steps: Vec<&String> = call
        .closed
        .as_ref()
        .unwrap()
        .timings_us
        .as_object()
        .unwrap()
        .keys()
        .collect();
    for step in [
        "authn", "protocol", "registry", "authz", "shield", "audit", "upstream", "reply",
    ] {
        assert!(
            steps.iter().any(|known| *known == step),
            "{step} in {steps:?}"
        );
    }
    gateway.finish().await;
}

#[tokio::test]
async fn the_digest_of_the_result_is_that_of_what_the_caller_got() {
    let gateway = TestGateway::builder()
        .server("papers", script())
        .start()
        .await;
    let reply = gateway.legacy().await.tool("t", "{}").await;
    let closed = gateway.entry("tools/call").await.closed.unwrap();
    assert_eq!(closed.result_digest, Some(sha256(reply.raw_result())));
    gateway.finish().await;
}

/// The newest entry that a process would find if the gateway in `folder` were stopped now: a copy
/// of its files has no living owner.
async fn newest_call_after_a_stop(folder: &Path) -> Option<AuditEntry> {
    let copy = tempfile::tempdir().unwrap();
    // The journal first: what it loses meanwhile is in the database by then.
    for of_the_journal in [true, false] {
        for file in std::fs::read_dir(folder).unwrap() {
            let name = file.unwrap().file_name();
            let text = name.to_str().unwrap();
            if text.starts_with("portcullis.db") && text.contains(".trail-") == of_the_journal {
                std::fs::copy(folder.join(&name), copy.path().join(&name)).unwrap();
            }
        }
    }
    let store = Sqlite::open(&copy.path().join("portcullis.db"))
        .await
        .unwrap();
    let filter = AuditFilter {
        method: Some("tools/call".to_owned()),
        newest_first: true,
        ..AuditFilter::default()
    };
    store.entries(&filter).await.unwrap().into_iter().next()
}

#[tokio::test]
async fn a_call_is_on_disk_before_the_server_sees_it() {
    let gateway = TestGateway::builder()
        .server("papers", script())
        .start()
        .await;
    let found = Arc::new(Mutex::new(Vec::new()));
    let (seen, folder) = (Arc::clone(&found), gateway.folder().to_owned());
    gateway.server("papers").on_arrival(move |request| {
        let (seen, folder) = (Arc::clone(&seen), folder.clone());
        async move {
            if request.method == "tools/call" {
                let entry = newest_call_after_a_stop(&folder).await;
                seen.lock().unwrap().push(entry.map(|entry| {
                    (
                        entry.opened.target,
                        entry.opened.arguments_digest,
                        entry.closed.is_some(),
                    )
                }));
            }
        }
        .boxed()
    });
    for (speaks, arguments) in [
        (Speaks::Legacy, r#"{"n":1}"#),
        (Speaks::Modern, r#"{"n":2}"#),
    ] {
        gateway
            .caller(speaks, "/mcp/main", &[])
            .await
            .tool("t", arguments)
            .await
            .result();
        let expected = Some((Some("t".to_owned()), Some(sha256(arguments)), false));
        assert_eq!(found.lock().unwrap().last(), Some(&expected));
    }
    gateway.finish().await;
}

#[tokio::test]
async fn nothing_reaches_a_server_that_cannot_be_recorded_and_the_trail_recovers() {
    let (wrap, place) = FailingStore::wrapper();
    let gateway = TestGateway::builder()
        .server("papers", script())
        .audit(wrap)
        .start()
        .await;
    let caller = gateway.legacy().await;
    caller.tool("t", "{}").await.result();
    let store = place.get().unwrap();
    store.fail(true);
    for _ in 0..3 {
        let reply = caller.tool("t", "{}").await;
        assert_eq!(
            (reply.status, reply.reason().as_str()),
            (503, "audit-unavailable")
        );
    }
    for (method, params) in [
        ("resources/read", r#"{"uri":"note://r"}"#),
        ("prompts/get", r#"{"name":"p"}"#),
    ] {
        assert_eq!(
            caller.call(method, params).await.reason(),
            "audit-unavailable",
            "{method}"
        );
    }
    assert_eq!(gateway.server("papers").calls("tools/call").len(), 1);
    assert_eq!(gateway.server("papers").calls("resources/read").len(), 0);
    store.fail(false);
    eventually("calls pass again", async || {
        caller
            .tool("t", "{}")
            .await
            .reason()
            .is_empty()
            .then_some(())
    })
    .await;
    // What was refused meanwhile is on record too.
    let entries = gateway.entries().await;
    let refused = |method: &str| {
        let of = entries.iter().filter(|entry| entry.opened.method == method);
        of.filter(|entry| {
            entry.closed.as_ref().unwrap().reason.as_deref() == Some("audit-unavailable")
        })
        .count()
    };
    assert!(refused("tools/call") >= 3, "{}", refused("tools/call"));
    assert_eq!((refused("resources/read"), refused("prompts/get")), (1, 1));
    gateway.finish().await;
}

#[tokio::test]
async fn the_name_of_an_unknown_method_is_cut() {
    let gateway = TestGateway::builder()
        .server("papers", script())
        .start()
        .await;
    let method = "m".repeat(500);
    gateway.legacy().await.call(&method, "{}").await;
    assert_eq!(
        gateway
            .entry(&method[..64])
            .await
            .closed
            .unwrap()
            .reason
            .as_deref(),
        Some("method-unknown")
    );
    gateway.finish().await;
}

#[tokio::test]
async fn many_calls_at_once_have_an_entry_each() {
    let gateway = TestGateway::builder()
        .server("papers", script())
        .start()
        .await;
    let caller = gateway.modern().await;
    caller.tool("t", "{}").await.result();
    let arguments: Vec<String> = (0..60)
        .map(|number| format!(r#"{{"n":{number}}}"#))
        .collect();
    futures_util::future::join_all(
        arguments
            .iter()
            .map(|arguments| caller.tool("t", arguments)),
    )
    .await;
    let entries = gateway.entries().await;
    for arguments in &arguments {
        let digest = Some(sha256(arguments));
        assert_eq!(
            entries
                .iter()
                .filter(|entry| entry.opened.arguments_digest == digest)
                .count(),
            1
        );
    }
    gateway.finish().await;
}

#[tokio::test]
#[should_panic(expected = "a server was reached without an audit entry")]
async fn a_server_that_is_reached_past_the_trail_fails_the_test() {
    let gateway = TestGateway::builder()
        .server("papers", script())
        .start()
        .await;
    let mut url = gateway.server("papers").url();
    let address = url
        .split_off("http://".len())
        .trim_end_matches("/mcp")
        .parse()
        .unwrap();
    let call = gateway
        .http("POST", "/mcp")
        .at(address)
        .body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#);
    call.send().await;
    gateway.finish().await;
}
