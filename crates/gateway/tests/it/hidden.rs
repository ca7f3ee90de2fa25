//! A thing that is hidden looks like a thing that is missing.

use portcullis_testkit::{Caller, Reply, Script, Speaks, TestGateway};

const POLICY: &str = r#"
permit (principal, action, resource);
forbid (principal, action, resource == Tool::"papers/denied");
forbid (principal, action, resource == Prompt::"papers/denied");
forbid (principal, action, resource == Resource::"papers/note://denied");
"#;

async fn gateway(mode: &str) -> TestGateway {
    let script = ["denied", "filtered", "held"].iter().fold(
        Script::legacy()
            .tool("open")
            .resource("note://open")
            .prompt("open"),
        |script, name| {
            script
                .tool(name)
                .prompt(name)
                .resource(&format!("note://{name}"))
        },
    );
    TestGateway::builder()
        .server("papers", script)
        .policy(POLICY)
        .section("registry", &format!("mode = \"{mode}\""))
        .section("profiles.main", "servers = [\"papers\"]\ntools.papers = [\"open\", \"denied\", \"held\"]\nprompts.papers = [\"open\", \"denied\", \"held\"]\nresources.papers = [\"note://open\", \"note://denied\", \"note://held\"]")
        .start()
        .await
}

/// The reply without the entry's id and without the name that was asked for.
fn anonymous(reply: &Reply, name: &str) -> (u16, Vec<String>, String) {
    let headers = reply
        .headers
        .iter()
        .filter(|(header, _)| *header != "date" && *header != "content-length");
    let headers = headers
        .map(|(header, value)| format!("{header}: {}", value.to_str().unwrap()))
        .collect();
    let entry = reply.json()["error"]["data"]["entry"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(entry.len(), 32);
    (
        reply.status,
        headers,
        reply.body.replace(&entry, "ENTRY").replace(name, "NAME"),
    )
}

async fn ask(caller: &Caller<'_>, method: &str, name: &str) -> Reply {
    let params = match method {
        "resources/read" => format!(r#"{{"uri":"note://{name}"}}"#),
        _ => format!(r#"{{"name":"{name}"}}"#),
    };
    caller.call_as("7", method, &params).await
}

async fn check(mode: &str, names: &[(&str, &str)]) {
    let gateway = gateway(mode).await;
    for speaks in Speaks::BOTH {
        let caller = gateway.caller(speaks, "/mcp/main", &[]).await;
        for method in ["tools/call", "prompts/get", "resources/read"] {
            let unknown = anonymous(&ask(&caller, method, "absent").await, "absent");
            for (name, reason) in names {
                let hidden = anonymous(&ask(&caller, method, name).await, name);
                assert_eq!(hidden, unknown, "{speaks:?} {method} {name}");
                let closed = gateway.entry(method).await.closed.unwrap();
                assert_eq!(closed.reason.as_deref(), Some(*reason), "{method} {name}");
                // A policy and a pin decide; a name that nobody offers decides nothing.
                let decision = if *reason == "target-unknown" {
                    "none"
                } else {
                    "deny"
                };
                assert_eq!(closed.decision, decision, "{method} {name}");
            }
            assert_eq!(gateway.server("papers").calls(method).len(), 0);
        }
    }
    gateway.finish().await;
}

#[tokio::test]
async fn what_is_denied_or_filtered_looks_like_what_is_missing() {
    check(
        "trust-on-first-use",
        &[("denied", "policy-denied"), ("filtered", "target-unknown")],
    )
    .await;
}

#[tokio::test]
async fn what_is_held_looks_like_what_is_missing() {
    check(
        "review",
        &[("held", "definition-held"), ("open", "definition-held")],
    )
    .await;
}

#[tokio::test]
async fn hidden_things_are_in_no_list() {
    let gateway = gateway("trust-on-first-use").await;
    let caller = gateway.modern().await;
    assert_eq!(caller.list("tools/list").await, ["open", "held"]);
    assert_eq!(caller.list("prompts/list").await, ["open", "held"]);
    assert_eq!(
        caller.list("resources/list").await,
        ["note://open", "note://held"]
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_profile_that_is_denied_looks_like_none() {
    let gateway = TestGateway::builder()
        .server("papers", Script::legacy().tool("t"))
        .policy("")
        .start()
        .await;
    let denied = gateway
        .stranger(Speaks::Modern, "/mcp/main", &[])
        .tool("t", "{}")
        .await;
    let missing = gateway
        .stranger(Speaks::Modern, "/mcp/none", &[])
        .tool("t", "{}")
        .await;
    let public = |reply: &Reply| {
        (
            reply.status,
            reply.json()["error"]["code"].clone(),
            reply.json()["error"]["message"].clone(),
            reply.reason(),
        )
    };
    assert_eq!(public(&denied), public(&missing));
    gateway.finish().await;
}

#[tokio::test]
async fn a_server_that_is_down_does_not_tell_what_it_has() {
    let gateway = gateway("trust-on-first-use").await;
    let caller = gateway.modern().await;
    gateway.server("papers").set_down(true);
    assert_eq!(
        ask(&caller, "tools/call", "denied").await.reason(),
        "target-unknown"
    );
    assert_eq!(
        ask(&caller, "tools/call", "open").await.reason(),
        "upstream-unavailable"
    );
    gateway.server("papers").set_down(false);
    gateway.finish().await;
}
