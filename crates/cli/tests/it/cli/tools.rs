//! `portcullis tools`.

use crate::binary;
use crate::place::Place;

/// The canary, and nothing approved yet.
fn canary() -> Place {
    let place = Place::new(&format!(
        "[authn]\nloopback = \"local\"\n[servers.canary]\ncommand = {:?}\nargs = [\"lab\", \"canary\"]\n\
         plain-env = {{ LAB_STATE = \"state\" }}\n[profiles.p]\nservers = [\"canary\"]\n",
        binary::path()
    ));
    let listed = place.run(&["tools", "list", "--refresh", "--json"]);
    assert_eq!(listed.code, 1, "something waits: {}", listed.stderr);
    place
}

#[test]
fn a_list_has_the_state_of_every_definition() {
    let place = canary();
    let listed = place.run(&["tools", "list", "--json"]);
    let rows = listed.json();
    let rows = rows.as_array().unwrap();
    let row = |kind: &str, name: &str| {
        rows.iter()
            .find(|row| row["kind"] == kind && row["name"] == name)
            .unwrap_or_else(|| panic!("no {kind} {name}: {rows:?}"))
    };
    insta::assert_json_snapshot!(row("tool", "echo"), {
        ".hash" => "[hash]",
        ".first_seen" => "[time]",
        ".last_seen" => "[time]",
    }, @r#"
{
  "server": "canary",
  "kind": "tool",
  "name": "echo",
  "state": "seen",
  "hash": "[hash]",
  "first_seen": "[time]",
  "last_seen": "[time]",
  "decided_by": null,
  "findings": [],
  "note": null
}
"#);
    row("instructions", "instructions");
    row("prompt", "greet");
    row("resource", "canary://note");
    let text = place.run(&["tools", "list"]);
    assert_eq!(text.code, 1);
    assert!(text.stdout.contains("wait for review"), "{}", text.stdout);
    assert!(
        !text.stdout.contains('\u{1b}'),
        "colour without a terminal: {:?}",
        text.stdout
    );
}

#[test]
fn a_review_goes_from_held_to_approved_to_held_again() {
    let place = canary();
    place
        .run(&["tools", "approve", "canary", "--all", "--note", "read it"])
        .fine();
    let listed = place.run(&["tools", "list"]);
    assert_eq!(listed.code, 0, "{}", listed.stdout);
    assert_eq!(
        place.run(&["tools", "diff", "canary", "changing"]).fine(),
        "nothing waits for review\n"
    );

    place.write("state", "1");
    assert_eq!(place.run(&["tools", "list", "--refresh"]).code, 1);
    let diff = place.run(&["tools", "diff", "canary", "changing"]);
    assert_eq!(diff.code, 1, "{}", diff.stderr);
    let changes: Vec<&str> = diff
        .stdout
        .lines()
        .filter(|line| line.starts_with(['+', '-']))
        .collect();
    insta::assert_snapshot!(changes.join("\n"), @r#"
-   "description": "Tells its version. Version 1.",
+   "description": "Tells its version. Version 2, state 1.",
"#);

    let shown = place.run(&["tools", "show", "canary", "changing", "--json"]);
    insta::assert_json_snapshot!(shown.json(), { "[].hash" => "[hash]" }, @r#"
[
  {
    "state": "approved",
    "hash": "[hash]",
    "decided_by": "tester",
    "note": "read it",
    "findings": [],
    "definition": {
      "name": "changing",
      "description": "Tells its version. Version 1.",
      "inputSchema": {
        "type": "object"
      }
    }
  },
  {
    "state": "quarantined",
    "hash": "[hash]",
    "decided_by": null,
    "note": null,
    "findings": [],
    "definition": {
      "name": "changing",
      "description": "Tells its version. Version 2, state 1.",
      "inputSchema": {
        "type": "object"
      }
    }
  }
]
"#);

    place
        .run(&[
            "tools",
            "reject",
            "canary",
            "changing",
            "--note",
            "not asked for",
        ])
        .fine();
    let rejected = place
        .run(&["tools", "list", "--state", "rejected", "--json"])
        .json();
    assert_eq!(rejected[0]["note"], "not asked for");
    assert_eq!(rejected[0]["decided_by"], "tester");
}

#[test]
fn names_that_mean_nothing_are_wrong_use() {
    let place = canary();
    for (arguments, help) in [
        (
            ["tools", "show", "canary", "nonesuch"],
            "tools list --server canary",
        ),
        (
            ["tools", "approve", "nobody", "echo"],
            "servers on record: canary",
        ),
    ] {
        let output = place.run(&arguments);
        assert_eq!(output.code, 2, "{}", output.stderr);
        assert!(output.stderr.contains(help), "{}", output.stderr);
    }
}

#[test]
fn a_store_that_is_not_there_is_said() {
    let place = Place::new("[authn]\nloopback = \"local\"\n");
    let output = place.run(&["tools", "list"]);
    assert_eq!(output.code, 3);
    assert!(output.stderr.contains("--refresh"), "{}", output.stderr);
}

/// A server that is a script, which starts the canary.
#[cfg(unix)]
fn write_server(place: &Place, line: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let text = format!("#!/bin/sh\n{line}\nexec {:?} lab canary\n", binary::path());
    place.write("server", &text);
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(place.join("server"), mode).unwrap();
}

#[cfg(unix)]
#[test]
fn a_server_whose_program_changed_is_let_in_again_by_its_name() {
    let place = Place::new(
        "[authn]\nloopback = \"local\"\n[registry]\nmode = \"trust-on-first-use\"\n\
         [servers.canary]\ncommand = \"./server\"\n[profiles.p]\nservers = [\"canary\"]\n",
    );
    write_server(&place, "# the first");
    place.run(&["tools", "list", "--refresh"]).fine();
    let nothing = place.run(&["tools", "approve", "canary"]);
    assert_eq!(nothing.code, 2, "{}", nothing.stderr);

    write_server(&place, "# another");
    let refreshed = place.run(&["tools", "list", "--refresh"]);
    assert_eq!(refreshed.code, 1, "{}", refreshed.stdout);
    let said = "its program is not the one that was approved";
    assert!(refreshed.stderr.contains(said), "{}", refreshed.stderr);
    let held = place
        .run(&["tools", "list", "--state", "held", "--json"])
        .json();
    assert_eq!(held.as_array().unwrap().len(), 1, "{held}");
    assert_eq!(
        (&held[0]["kind"], &held[0]["name"]),
        (&"identity".into(), &"program".into())
    );
    let diff = place.run(&["tools", "diff", "canary", "program"]);
    assert!(
        diff.stdout.contains("server-identity-changed"),
        "{}",
        diff.stdout
    );

    // Not in passing, with everything else.
    let all = place.run(&["tools", "approve", "canary", "--all"]);
    assert_eq!(all.code, 1, "{}", all.stdout);
    let text = place
        .run(&["tools", "approve", "canary", "--note", "updated"])
        .fine();
    insta::assert_snapshot!(text, @"approved identity program; the version before is withdrawn\n");
    place.run(&["tools", "list", "--refresh"]).fine();
}
