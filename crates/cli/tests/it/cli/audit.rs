//! `portcullis audit`.

use portcullis_store::{AuditRecord, AuditStore, Opened, Sqlite};

use crate::binary::{self, Running, portcullis};
use crate::http;
use crate::place::Place;

fn served() -> (Place, Running, String) {
    let place = Place::new(&format!(
        "[listen]\naddress = \"127.0.0.1:0\"\n[authn]\nloopback = \"local\"\n[registry]\nmode = \"trust-on-first-use\"\n\
         [servers.canary]\ncommand = {:?}\nargs = [\"lab\", \"canary\"]\n[profiles.p]\nservers = [\"canary\"]\n",
        binary::path()
    ));
    let (gateway, address) = place.serve();
    (place, gateway, address)
}

#[test]
fn an_entry_tells_all_of_a_call() {
    let (place, _gateway, address) = served();
    http::call(&address, "p", "hidden");
    http::call(&address, "p", "nonesuch");
    let entries = crate::binary::eventually("both entries are closed", || {
        let entries = place.trail(&["--method", "tools/call"]);
        (entries.len() == 2 && entries.iter().all(|entry| !entry["closed"].is_null()))
            .then_some(entries)
    });
    let steps = entries[0]["closed"]["timings_us"].as_object().unwrap();
    assert!(
        steps.contains_key("authz") && steps.contains_key("upstream"),
        "{steps:?}"
    );
    insta::assert_json_snapshot!(entries[0], {
        ".**.entry" => "[entry]",
        ".**.at_us" => "[time]",
        ".**.definition" => "[hash]",
        ".**.arguments_digest" => "[hash]",
        ".**.result_digest" => "[hash]",
        ".**.policy_version" => "[hash]",
        ".closed.bytes_in" => "[bytes]",
        ".closed.bytes_out" => "[bytes]",
        ".closed.timings_us" => "[microseconds by step]",
        ".closed.findings" => insta::dynamic_redaction(|value, _| {
            assert!(value.as_slice().is_some_and(|findings| !findings.is_empty()));
            "[findings]"
        }),
    }, @r#"
{
  "seq": 1,
  "opened": {
    "entry": "[entry]",
    "at_us": "[time]",
    "principal": "local",
    "principal_kind": "user",
    "authentication": "loopback",
    "issuer": null,
    "application": null,
    "actors": [],
    "token": null,
    "client": "test/1",
    "profile": "p",
    "transport": "http",
    "era": "modern",
    "protocol_version": "2026-07-28",
    "direction": "client",
    "method": "tools/call",
    "rpc_id": "1",
    "server": "canary",
    "target": "hidden",
    "definition": "[hash]",
    "arguments_digest": "[hash]",
    "trace": null,
    "remote": "127.0.0.1"
  },
  "closed": {
    "entry": "[entry]",
    "at_us": "[time]",
    "decision": "permit",
    "policies": [
      "everything"
    ],
    "policy_version": "[hash]",
    "reason": null,
    "outcome": "ok",
    "verdict": "redact",
    "findings": "[findings]",
    "result_digest": "[hash]",
    "bytes_in": "[bytes]",
    "bytes_out": "[bytes]",
    "timings_us": "[microseconds by step]",
    "principal": null,
    "principal_kind": null,
    "authentication": null,
    "issuer": null,
    "application": null,
    "actors": [],
    "token": null,
    "profile": null,
    "server": null,
    "target": null,
    "definition": "[hash]"
  }
}
"#);
    assert_eq!(entries[1]["closed"]["reason"], "target-unknown");
    assert_eq!(place.trail(&["--target", "hid*"]).len(), 1);
    assert_eq!(place.trail(&["--reason", "target-unknown"]).len(), 1);
    assert_eq!(
        place
            .trail(&["--since", "1h", "--outcome", "refused"])
            .len(),
        1
    );
    assert_eq!(place.trail(&["--principal", "nobody"]).len(), 0);
    assert_eq!(place.run(&["audit", "query", "--since", "soon"]).code, 2);
}

/// Records of callers with tokens, as a gateway writes them, are found by whom they tell apart.
#[tokio::test]
async fn user_agent_and_application_are_asked_for_apart() {
    let place = Place::new("[authn]\nloopback = \"local\"\n");
    let store = Sqlite::open(&place.join("portcullis.db")).await.unwrap();
    let some = |text: &str| Some(text.to_owned());
    let opened = |entry: &str, application: &str, actors: &[&str]| {
        AuditRecord::Opened(Opened {
            entry: entry.to_owned(),
            principal: some("company:ada"),
            issuer: some("company"),
            application: some(application),
            actors: actors.iter().map(|actor| (*actor).to_owned()).collect(),
            token: Some(format!("token-{entry}")),
            client: some("someone else/1"),
            ..Opened::default()
        })
    };
    store
        .append(&[
            opened("1", "editor", &[]),
            opened("2", "terminal", &["assistant", "planner"]),
            AuditRecord::Opened(Opened {
                entry: "3".to_owned(),
                principal: some("key-of-ada"),
                ..Opened::default()
            }),
        ])
        .await
        .unwrap();
    store.close().await;

    let found = |filter: &[&str]| -> Vec<String> {
        let entries = place.trail(filter);
        entries
            .iter()
            .map(|entry| entry["opened"]["entry"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(found(&["--issuer", "company"]), ["1", "2"]);
    assert_eq!(found(&["--application", "editor"]), ["1"]);
    assert_eq!(found(&["--application", "someone*"]), [""; 0]);
    assert_eq!(found(&["--actor", "planner"]), ["2"]);
    assert_eq!(found(&["--token", "token-1"]), ["1"]);
    assert_eq!(
        found(&["--actor", "assistant", "--token", "token-1"]),
        [""; 0]
    );

    let entry = place.trail(&["--token", "token-2"]).remove(0);
    assert_eq!(
        entry["opened"]["actors"],
        serde_json::json!(["assistant", "planner"])
    );
    let shown = place.run(&["audit", "tail"]).fine();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(
        lines[1].contains(
            "issuer company, application terminal, token token-2, actor assistant, actor planner"
        ),
        "{shown}"
    );
    assert!(!lines[2].contains("issuer"), "{shown}");
}

#[test]
fn the_tail_is_readable_and_follows() {
    let (place, _gateway, address) = served();
    http::call(&address, "p", "changing");
    let shown = crate::binary::eventually("the call is in the tail", || {
        let shown = place.run(&["audit", "tail", "-n", "5"]).fine();
        shown.contains("canary/changing").then_some(shown)
    });
    assert!(
        shown.contains("local@p tools/call canary/changing"),
        "{shown}"
    );
    assert!(
        !shown.contains('\u{1b}'),
        "colour without a terminal: {shown:?}"
    );

    let mut command = portcullis(
        place.path(),
        &["audit", "tail", "--follow", "--json", "-n", "0"],
    );
    command.stdout(std::process::Stdio::piped());
    let mut tail = Running::start(command);
    let output = std::io::BufReader::new(tail.child.stdout.take().unwrap());
    let (sender, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::BufRead::lines(output).map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let entry = crate::binary::eventually("the tail shows a new call", || {
        // Asked again, because nothing says when the tail has begun to look.
        http::call(&address, "p", "changing");
        lines.try_recv().ok()
    });
    let entry: serde_json::Value = serde_json::from_str(&entry).unwrap();
    assert_eq!(entry["opened"]["target"], "changing");
    assert_eq!(entry["closed"]["outcome"], "ok");
}

#[test]
fn no_trail_yet_is_said() {
    let place = Place::new("[authn]\nloopback = \"local\"\n");
    let output = place.run(&["audit", "tail"]);
    assert_eq!(output.code, 3);
    assert!(
        output.stderr.contains("there is no trail at"),
        "{}",
        output.stderr
    );
}
