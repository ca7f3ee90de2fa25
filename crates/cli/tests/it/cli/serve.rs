//! `portcullis serve` and `portcullis wrap`: starting, reloading, ending.

use serde_json::json;

use crate::binary::{self, Running, eventually, is_alive, portcullis};
use crate::host::Host;
use crate::http;
use crate::place::Place;

/// The canary as the profile `p`; its process id goes into the file `pid`.
fn canary(head: &str) -> String {
    let script = format!("echo $$ > pid; exec {} lab canary", binary::path());
    format!(
        "{head}[authn]\nloopback = \"local\"\n[registry]\nmode = \"trust-on-first-use\"\n\
         [servers.canary]\ncommand = \"sh\"\nargs = [\"-c\", {script:?}]\n[profiles.p]\nservers = [\"canary\"]\n"
    )
}

const LOOPBACK: &str = "[listen]\naddress = \"127.0.0.1:0\"\n";

fn pid(place: &Place) -> i32 {
    eventually("the server writes its id", || {
        std::fs::read_to_string(place.join("pid"))
            .ok()?
            .trim()
            .parse()
            .ok()
    })
}

#[test]
fn an_address_that_others_reach_needs_keys() {
    let place = Place::new("[listen]\naddress = \"0.0.0.0:0\"\nbehind-tls-proxy = true\n");
    let output = place.run(&["serve"]);
    assert_eq!(output.code, 64);
    insta::assert_snapshot!(output.stderr, @r#"
error: portcullis.toml:2:12: refusing to listen on 0.0.0.0:0 without authentication
   |
 2 | address = "0.0.0.0:0"
   |            ^^^^^^^^^
   = hint: add an `[[authn.key]]` or an `[authn.issuers.NAME]`, or listen on 127.0.0.1
"#);
}

#[test]
fn an_address_in_use_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let place = Place::new(&format!("[listen]\naddress = \"{address}\"\n"));
    let output = place.run(&["serve"]);
    assert_eq!(output.code, 3, "{}", output.stderr);
    assert!(
        output
            .stderr
            .contains(&format!("{address} cannot be bound")),
        "{}",
        output.stderr
    );
}

#[test]
fn an_unknown_profile_is_wrong_use() {
    let place = Place::new(&canary(LOOPBACK));
    let output = place.run(&["serve", "--stdio", "q"]);
    assert_eq!(output.code, 2);
    assert!(
        output.stderr.contains("the profiles are: p"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_changed_policy_takes_effect_and_a_broken_one_does_not() {
    let place = Place::new(&canary(LOOPBACK));
    let (gateway, address) = place.serve();
    let call = || http::call(&address, "p", "changing");
    assert!(call()["result"].is_object(), "{}", call());

    place.write(
        "policies/less.cedar",
        "@id(\"less\")\nforbid (principal, action, resource == Tool::\"canary/changing\");\n",
    );
    eventually("the policy forbids", || {
        (call()["error"]["message"] == "Unknown tool: changing").then_some(())
    });

    place.write("policies/less.cedar", "permit (principal, action;\n");
    gateway.hears("message about the broken policy", |line| {
        line.contains("policies/less.cedar:1").then_some(())
    });
    gateway.hears("word that the old one stays", |line| {
        line.contains("the one before stays in force").then_some(())
    });
    assert_eq!(call()["error"]["message"], "Unknown tool: changing");

    std::fs::remove_file(place.join("policies/less.cedar")).unwrap();
    eventually("the policy permits again", || {
        call()["result"].is_object().then_some(())
    });
}

#[test]
fn a_changed_configuration_takes_effect_on_sighup() {
    let place = Place::new(&canary(LOOPBACK));
    let (gateway, address) = place.serve();
    assert!(http::tools(&address, "p").len() > 1);
    let narrowed = format!(
        "{}[profiles.p.tools]\ncanary = [\"echo\"]\n",
        canary(LOOPBACK)
    );
    place.write("portcullis.toml", &narrowed);
    let id = rustix::process::Pid::from_child(&gateway.child);
    rustix::process::kill_process(id, rustix::process::Signal::HUP).unwrap();
    eventually("the profile has one tool", || {
        (http::tools(&address, "p") == ["echo"]).then_some(())
    });
}

#[test]
fn sigterm_leaves_no_process_behind() {
    let place = Place::new(&canary(LOOPBACK));
    let (mut gateway, address) = place.serve();
    assert!(!http::tools(&address, "p").is_empty());
    let server = pid(&place);
    assert!(is_alive(server));
    assert_eq!(gateway.terminate(), Some(0));
    eventually("the server is gone", || (!is_alive(server)).then_some(()));
}

#[test]
fn a_host_that_leaves_takes_the_server_along() {
    let place = Place::new(&canary(LOOPBACK));
    let mut host = Host::start(portcullis(place.path(), &["serve", "--stdio", "p"]));
    assert!(!host.tools().is_empty());
    let server = pid(&place);
    assert_eq!(host.leave(), Some(0));
    eventually("the server is gone", || (!is_alive(server)).then_some(()));
}

/// The guide's promise: nothing but the command line in front changes.
#[test]
fn a_wrapped_server_is_pinned_and_recorded() {
    let place = Place::empty();
    let line = [
        "wrap",
        "--name",
        "canary",
        "--",
        binary::path(),
        "lab",
        "canary",
    ];
    let mut host = Host::start(portcullis(place.path(), &line));
    assert!(host.tools().iter().any(|tool| tool == "hidden"));
    // What a person cannot see does not reach the model, and the answer says so.
    let answer = host.call("hidden");
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("Nothing to see here."), "{text}");
    assert!(
        text.chars()
            .all(|character| !character.is_control() && u32::from(character) < 0xE0000),
        "{text:?}"
    );
    let receipt = &answer["result"]["_meta"]["io.portcullis/receipt"];
    assert_eq!(receipt["verdict"], "redact", "{receipt}");
    assert_eq!(host.leave(), Some(0));

    let list = place.run(&["tools", "list", "--wrapped", "--json"]);
    assert_eq!(list.code, 0, "{}", list.stderr);
    assert!(
        list.json()
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["state"] == "approved" && row["server"] == "canary"),
        "{}",
        list.stdout
    );
    let trail = place
        .run(&["audit", "query", "--wrapped", "--method", "tools/call"])
        .fine();
    assert!(trail.contains("canary/hidden"), "{trail}");
}

#[test]
fn a_wrapped_server_gets_only_the_variables_that_are_named() {
    let place = Place::empty();
    let script = format!("env > seen; exec {} lab canary", binary::path());
    let line = ["wrap", "--env", "WANTED", "--", "sh", "-c", &script];
    let mut command = portcullis(place.path(), &line);
    command.env("WANTED", "yes").env("UNWANTED", "no");
    let mut host = Host::start(command);
    host.tools();
    let seen = std::fs::read_to_string(place.join("seen")).unwrap();
    assert!(seen.contains("WANTED=yes"), "{seen}");
    assert!(!seen.contains("UNWANTED"), "{seen}");
}

#[test]
fn a_request_from_a_web_page_is_refused() {
    let place = Place::new(&canary(LOOPBACK));
    let (_gateway, address): (Running, String) = place.serve();
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    for (header, reason) in [
        ("Origin: https://evil.example", "origin-not-allowed"),
        ("Host: evil.example", "host-not-allowed"),
    ] {
        let host = if header.starts_with("Host") {
            header.to_owned()
        } else {
            format!("Host: {address}\r\n{header}")
        };
        let answer = http::send(
            &address,
            &format!(
                "POST /mcp/p HTTP/1.1\r\n{host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
                 Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ),
        );
        assert_eq!(answer.status, 403, "{answer:?}");
        assert_eq!(answer.json()["error"]["data"]["reason"], reason);
    }
}
