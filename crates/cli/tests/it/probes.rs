//! Four weaknesses that gateways have had, tried on the built binary.

use serde_json::{Value, json};

use crate::binary::{self, eventually, portcullis};
use crate::host::Host;
use crate::http;
use crate::place::Place;

/// A configuration with one lab server as the profile `p`, for whoever comes from this machine.
fn lab(mode: &str, server: &str, environment: &str) -> String {
    format!(
        "[listen]\naddress = \"127.0.0.1:0\"\n[authn]\nloopback = \"local\"\n[registry]\nmode = \"{mode}\"\n\
         [servers.{server}]\ncommand = {:?}\nargs = [\"lab\", \"{server}\"]\nplain-env = {{ {environment} }}\n\
         [profiles.p]\nservers = [\"{server}\"]\n",
        binary::path()
    )
}

fn reason(answer: &Value) -> &str {
    answer["error"]["data"]["reason"].as_str().unwrap_or("")
}

/// The reasons of all entries of `method`, oldest first.
/// Waits for so many closed entries: the database follows the journal within a moment.
fn reasons(place: &Place, method: &str, count: usize) -> Vec<Value> {
    let entries = eventually("the entries", || {
        let entries = place.trail(&["--method", method]);
        let closed = entries.iter().all(|entry| !entry["closed"].is_null());
        (closed && entries.len() >= count).then_some(entries)
    });
    entries
        .iter()
        .map(|entry| entry["closed"]["reason"].clone())
        .collect()
}

#[test]
fn a_poisoned_definition_is_not_shown_before_review() {
    let place = Place::new(&lab(
        "review",
        "quotes",
        "LAB_MODE = \"poisoned-description\"",
    ));
    let (gateway, address) = place.serve();
    let list = http::ask(&address, "p", "tools/list", json!({}));
    assert_eq!(list.json()["result"]["tools"], json!([]));
    assert!(!list.body.contains("IMPORTANT"), "{}", list.body);
    let answer = http::call(&address, "p", "today");
    assert_eq!(answer["error"]["message"], "Unknown tool: today");
    assert_eq!(reasons(&place, "tools/call", 1), ["definition-held"]);

    let shown = place.run(&["tools", "diff", "quotes", "today"]);
    assert_eq!(shown.code, 1, "{}", shown.stderr);
    assert!(shown.stdout.contains("<IMPORTANT>"), "{}", shown.stdout);
    place.run(&["tools", "approve", "quotes", "today"]).fine();
    // The gateway that is running takes the decision over.
    eventually("the approved tool is shown", || {
        (http::tools(&address, "p") == ["today"]).then_some(())
    });
    let answer = http::call(&address, "p", "today");
    assert!(answer["result"]["content"].is_array(), "{answer}");
    drop(gateway);
}

#[test]
fn a_rejected_definition_disappears_while_serving() {
    let place = Place::new(&lab("trust-on-first-use", "quotes", ""));
    let (_gateway, address) = place.serve();
    assert_eq!(http::tools(&address, "p"), ["today"]);
    place
        .run(&["tools", "reject", "quotes", "today", "--note", "no more"])
        .fine();
    eventually("the rejected tool is gone", || {
        http::tools(&address, "p").is_empty().then_some(())
    });
    assert_eq!(
        reason(&http::call(&address, "p", "today")),
        "target-unknown"
    );
}

#[test]
fn a_definition_changed_after_approval_is_held() {
    let place = Place::new(&lab(
        "trust-on-first-use",
        "quotes",
        "LAB_MODE = \"rug-pull\"",
    ));
    let mut host = Host::start(portcullis(place.path(), &["serve", "--stdio", "p"]));
    assert_eq!(host.tools(), ["today"]);
    // The first call is answered, and pulls the rug.
    let answer = host.call("today");
    assert!(answer["result"]["content"].is_array(), "{answer}");
    eventually("the changed tool is gone", || {
        host.tools().is_empty().then_some(())
    });
    let answer = host.call("today");
    assert_eq!(answer["error"]["message"], "Unknown tool: today");
    assert_eq!(
        reasons(&place, "tools/call", 2),
        [Value::Null, json!("definition-held")]
    );

    let diff = place.run(&["tools", "diff", "quotes", "today"]);
    assert_eq!(diff.code, 1, "{}", diff.stderr);
    let changed: Vec<&str> = diff
        .stdout
        .lines()
        .filter(|line| line.starts_with(['+', '-']))
        .collect();
    assert!(
        changed.iter().any(|line| line.starts_with('-')),
        "{changed:?}"
    );
    assert!(
        changed
            .iter()
            .any(|line| line.starts_with('+') && line.contains("<IMPORTANT>")),
        "{changed:?}"
    );
    // A person who has read it may still want it.
    place.run(&["tools", "approve", "quotes", "today"]).fine();
    eventually("the approved tool is back", || {
        (host.tools() == ["today"]).then_some(())
    });
    assert_eq!(host.leave(), Some(0));
}

/// Everything that a caller must not use, for whatever reason, answers as what does not exist.
#[test]
fn a_hidden_tool_answers_as_an_unknown_one() {
    let mut configuration = lab("trust-on-first-use", "canary", "LAB_STATE = \"state\"");
    configuration.push_str("[profiles.p.tools]\ncanary = [\"echo\", \"hidden\", \"changing\"]\n");
    let place = Place::new(&configuration);
    place.write(
        "policies/no-hidden.cedar",
        "@id(\"no-hidden\")\nforbid (principal, action, resource == Tool::\"canary/hidden\");\n",
    );
    let (_gateway, address) = place.serve();
    assert_eq!(http::tools(&address, "p"), ["echo", "changing"]);
    // `changing` changes, and is held from then on.
    place.write("state", "2");
    eventually("the changed tool is gone", || {
        (http::tools(&address, "p") == ["echo"]).then_some(())
    });

    let answer = |tool: &str| {
        let params = json!({"name": tool, "arguments": {}});
        let answer = http::ask(&address, "p", "tools/call", params);
        let entry = answer.json()["error"]["data"]["entry"]
            .as_str()
            .unwrap()
            .to_owned();
        // The entry's id is the only thing that may differ, besides what the caller itself said.
        let body = answer.body.replace(&entry, "ENTRY").replace(tool, "TOOL");
        let length = answer.body.len() - tool.len();
        let headers: Vec<String> = answer
            .headers
            .iter()
            .map(|line| line.replace(&answer.body.len().to_string(), "LENGTH"))
            .collect();
        (answer.status, headers, body, length)
    };
    let unknown = answer("nonesuch");
    assert!(unknown.2.contains("Unknown tool: TOOL"), "{unknown:?}");
    for (why, tool) in [
        ("not selected by the profile", "slow"),
        ("forbidden by a policy", "hidden"),
        ("changed and held", "changing"),
    ] {
        assert_eq!(answer(tool), unknown, "{why}");
    }
    // The trail tells them apart.
    assert_eq!(
        reasons(&place, "tools/call", 4),
        [
            "target-unknown",
            "target-unknown",
            "policy-denied",
            "definition-held"
        ]
    );
}

#[test]
fn a_server_that_dies_in_a_call_gives_a_clear_error_and_comes_back() {
    let place = Place::new(&lab("trust-on-first-use", "quotes", ""));
    // Dies in the first call of its first life.
    let script = format!(
        "if [ -e died ]; then exec {0} lab quotes; else touch died; LAB_MODE=dies exec {0} lab quotes; fi",
        binary::path()
    );
    let configuration = lab("trust-on-first-use", "quotes", "")
        .replace(&format!("{:?}", binary::path()), "\"sh\"")
        .replace("[\"lab\", \"quotes\"]", &format!("[\"-c\", {script:?}]"));
    place.write("portcullis.toml", &configuration);
    let mut host = Host::start(portcullis(place.path(), &["serve", "--stdio", "p"]));
    let died = host.call("today");
    assert_eq!(reason(&died), "upstream-died", "{died}");
    assert_eq!(
        died["error"]["message"],
        "the MCP server ended during the call; it will be started again"
    );
    let entry = died["error"]["data"]["entry"].as_str().unwrap();
    let closed = eventually("the entry is closed", || {
        let entry = place.trail(&["--entry", entry]).pop()?;
        (!entry["closed"].is_null()).then_some(entry)
    });
    assert_eq!(closed["closed"]["outcome"], "upstream-failed");
    assert_eq!(closed["closed"]["decision"], "permit");
    assert_eq!(closed["opened"]["target"], "today");

    let answer = host.call("today");
    assert!(answer["result"]["content"].is_array(), "{answer}");
    assert_eq!(host.leave(), Some(0));
}
