//! `portcullis audit`.

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
