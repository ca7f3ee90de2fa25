//! `portcullis init`.

use portcullis_hosts::{Environment, Host, Os, Scope, locations};

use crate::place::Place;

/// A home in which this host has the servers of the hosts crate's fixture.
fn home_of(host: Host) -> Place {
    let place = Place::empty();
    let home = place.path().to_str().unwrap();
    let os = if cfg!(target_os = "macos") {
        Os::MacOs
    } else {
        Os::Linux
    };
    let location = locations(os, home, None, &Environment::default())
        .into_iter()
        .find(|location| location.host == host && location.scope == Scope::User)
        .unwrap();
    let extension = if location.path.ends_with(".toml") {
        "toml"
    } else {
        "json"
    };
    let fixture = format!(
        "{}/../hosts/tests/fixtures/{}.{extension}",
        env!("CARGO_MANIFEST_DIR"),
        host.id()
    );
    let text =
        std::fs::read_to_string(&fixture).unwrap_or_else(|error| panic!("{fixture}: {error}"));
    let inside = location.path.strip_prefix(&format!("{home}/")).unwrap();
    place.write(inside, &text);
    place
}

/// Every host's servers become a configuration that is valid as it is.
#[test]
fn every_host_gives_a_valid_configuration() {
    for host in Host::ALL {
        let place = home_of(*host);
        let report = place.run(&["init", "--json"]);
        assert_eq!(report.code, 0, "{}: {}", host.id(), report.stderr);
        let read = &report.json()["read"];
        assert_eq!(read.as_array().unwrap().len(), 1, "{}: {read}", host.id());
        assert_eq!(read[0]["host"], host.title());
        let servers = read[0]["servers"].as_u64().unwrap();
        assert!(servers > 0, "{}", host.id());

        let check = place.run(&["check", "--json"]);
        assert_eq!(check.code, 0, "{}: {}", host.id(), check.stdout);
        let profiles = check.json()["profiles"].clone();
        let all = profiles
            .as_array()
            .unwrap()
            .iter()
            .find(|profile| profile["name"] == "all")
            .unwrap_or_else(|| panic!("{}: {profiles}", host.id()));
        assert_eq!(all["path"], "/mcp/all");
    }
}

#[test]
fn secrets_are_named_and_not_copied() {
    let place = Place::empty();
    place.write(
        ".cursor/mcp.json",
        r#"{"mcpServers": {"tickets": {"command": "tickets-mcp", "env": {"TICKETS_TOKEN": "xoxb-1234-secret"}}}}"#,
    );
    let report = place.run(&["init", "--from", "cursor", "--json"]);
    assert_eq!(report.code, 0, "{}", report.stderr);
    let text = std::fs::read_to_string(place.join("portcullis.toml")).unwrap();
    assert!(!text.contains("xoxb"), "{text}");
    assert!(!report.stdout.contains("xoxb"), "{}", report.stdout);
    let mut report = report.json();
    let home = place.path().to_str().unwrap();
    for origin in ["/read/0/path", "/secrets/0/found_in"] {
        let shown = report
            .pointer(origin)
            .unwrap()
            .as_str()
            .unwrap()
            .replace(home, "HOME");
        *report.pointer_mut(origin).unwrap() = shown.into();
    }
    insta::assert_json_snapshot!(report, @r#"
{
  "read": [
    {
      "host": "Cursor",
      "path": "HOME/.cursor/mcp.json",
      "servers": 1
    }
  ],
  "written": [
    "./portcullis.toml",
    "./policies/local.cedar"
  ],
  "notes": [],
  "secrets": [
    {
      "server": "tickets",
      "key": "TICKETS_TOKEN",
      "variable": "TICKETS_TOKEN",
      "found_in": "Cursor (HOME/.cursor/mcp.json:1)"
    }
  ]
}
"#);
}

#[test]
fn nothing_that_is_there_is_replaced() {
    let place = home_of(Host::Cursor);
    place.write("portcullis.toml", "# mine\n");
    let output = place.run(&["init"]);
    assert_eq!(output.code, 3);
    insta::assert_snapshot!(output.stderr, @r"
error: ./portcullis.toml already there; nothing was written
help: --force replaces, --out names another folder
");
    assert_eq!(
        std::fs::read_to_string(place.join("portcullis.toml")).unwrap(),
        "# mine\n"
    );
    assert!(!place.join("policies").exists(), "half of it was written");

    place.run(&["init", "--force"]).fine();
    place.run(&["check"]).fine();
}

#[test]
fn a_dry_run_writes_nothing() {
    let place = home_of(Host::ClaudeDesktop);
    let shown = place.run(&["init", "--dry-run"]).fine();
    assert!(shown.contains("[profiles.all]"), "{shown}");
    assert!(!place.join("portcullis.toml").exists());
}

#[test]
fn an_unknown_host_is_wrong_use() {
    let output = Place::empty().run(&["init", "--from", "emacs"]);
    assert_eq!(output.code, 2);
    assert!(
        output.stderr.contains("claude-desktop"),
        "{}",
        output.stderr
    );
}

/// A machine without any host gets a configuration to start from.
#[test]
fn a_home_without_hosts_gives_a_valid_configuration_too() {
    let place = Place::empty();
    place.run(&["init"]).fine();
    place.run(&["check"]).fine();
}
