//! `portcullis check`.

use crate::place::Place;

const TEN_MISTAKES: &str = "\
store = \"mysql:somewhere\"
lisen = {}
[authn]
loopback = 3
[registry]
mode = \"trust\"
[controls]
audti = false
[limits]
max-message = \"4 miles\"
[servers.Bad_Name]
command = \"x\"
[servers.both]
command = \"x\"
url = \"https://example.com\"
env = { TOKEN = \"hunter2\" }
[profiles.p]
servers = [\"nobody\"]
";

#[test]
fn ten_mistakes_are_shown_at_once_with_their_lines() {
    let place = Place::new(TEN_MISTAKES);
    place.write("policies/bad.cedar", "permit (principal,\n  action resource);\n");
    let output = place.run(&["check"]);
    assert_eq!(output.code, 64);
    assert_eq!(output.stdout, "");
    let headings: Vec<&str> = output
        .stderr
        .lines()
        .filter(|line| line.contains(".toml:") || line.contains(".cedar:"))
        .collect();
    insta::assert_snapshot!(headings.join("\n"), @"");
    assert!(
        !output.stderr.contains("hunter2"),
        "a value that may be a secret is shown: {}",
        output.stderr
    );
    let json = place.run(&["check", "--json"]);
    assert_eq!(json.code, 64);
    assert_eq!(json.json()["valid"], false);
    assert_eq!(
        json.json()["problems"].as_array().unwrap().len(),
        headings.len()
    );
}

#[test]
fn a_file_that_is_not_there_is_a_bad_configuration() {
    let output = Place::empty().run(&["check"]);
    assert_eq!(output.code, 64);
    insta::assert_snapshot!(output.stderr, @"");
}

#[test]
fn a_valid_configuration_is_described() {
    let place = Place::new(
        "[authn]\nloopback = \"local\"\n[controls]\norigin-check = false\n[servers.a]\ncommand = \"x\"\n[profiles.p]\nservers = [\"a\"]\n",
    );
    let output = place.run(&["check", "--json"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    insta::assert_json_snapshot!(output.json(), @"");
    let text = place.run(&["check"]).fine();
    assert!(!text.contains('\u{1b}'), "colour without a terminal: {text:?}");
}

#[test]
fn a_server_that_cannot_be_started_is_a_finding() {
    let place = Place::new(&format!(
        "[authn]\nloopback = \"local\"\n[servers.good]\ncommand = {:?}\nargs = [\"lab\", \"canary\"]\n\
         [servers.missing]\ncommand = \"./not-there\"\n[profiles.p]\nservers = [\"good\", \"missing\"]\n",
        crate::binary::path()
    ));
    let output = place.run(&["check", "--connect", "--json"]);
    assert_eq!(output.code, 1, "{}", output.stderr);
    let servers = &output.json()["servers"];
    assert_eq!(servers[0]["name"], "good");
    assert_eq!(servers[0]["version"], "2025-11-25");
    assert!(servers[0]["held"].as_u64().unwrap() > 0, "{servers}");
    assert_eq!(servers[1]["name"], "missing");
    assert!(servers[1]["error"].is_string(), "{servers}");
}
