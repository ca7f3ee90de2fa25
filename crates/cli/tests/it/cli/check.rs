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
    place.write(
        "policies/bad.cedar",
        "permit (principal,\n  action resource);\n",
    );
    let output = place.run(&["check"]);
    assert_eq!(output.code, 64);
    assert_eq!(output.stdout, "");
    let headings: Vec<&str> = output
        .stderr
        .lines()
        .filter(|line| line.contains(".toml:") || line.contains(".cedar:"))
        .collect();
    insta::assert_snapshot!(headings.join("\n"), @r"
error: portcullis.toml:1:10: `store` names no store
error: portcullis.toml:2:1: unknown key `lisen`
error: portcullis.toml:4:12: `authn.loopback` must be a string, not an integer
error: portcullis.toml:6:9: `registry.mode` cannot be `trust`
error: portcullis.toml:8:1: unknown key `audti`
error: portcullis.toml:10:16: `limits.max-message` is no size that is allowed here
error: portcullis.toml:11:10: `Bad_Name` is no name for an entry of `servers`
error: portcullis.toml:13:10: `servers.both` has both `command` and `url`
error: portcullis.toml:16:18: `servers.both.env.TOKEN` holds a literal where a reference to a secret belongs
error: portcullis.toml:18:13: unknown server `nobody`
error: policies/bad.cedar:2:10: unexpected token `resource`
");
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
    insta::assert_snapshot!(output.stderr, @r"
error: portcullis.toml: no such file
help: `portcullis init` writes a configuration; -c names another file
");
}

#[test]
fn a_valid_configuration_is_described() {
    let place = Place::new(
        "[authn]\nloopback = \"local\"\n[controls]\norigin-check = false\n[servers.a]\ncommand = \"x\"\n[profiles.p]\nservers = [\"a\"]\n",
    );
    let output = place.run(&["check", "--json"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    insta::assert_json_snapshot!(output.json(), @r#"
{
  "valid": true,
  "problems": [],
  "warnings": [
    "control `origin-check` is off: Refuses a request from a web page whose Origin is not allowed."
  ],
  "policies": 1,
  "profiles": [
    {
      "name": "p",
      "path": "/mcp/p",
      "servers": [
        "a"
      ]
    }
  ],
  "controls_off": [
    "origin-check"
  ],
  "inventory": {
    "servers": [
      {
        "name": "a",
        "authentication": "none",
        "identity": [],
        "exception_has_ended": false
      }
    ],
    "issuers": [],
    "api_keys": 0,
    "client_certificates": false,
    "loopback": "local"
  },
  "certificates": []
}
"#);
    let text = place.run(&["check"]).fine();
    assert!(
        !text.contains('\u{1b}'),
        "colour without a terminal: {text:?}"
    );
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
    assert!(servers[0]["version"].is_string(), "{servers}");
    assert!(servers[0]["held"].as_u64().unwrap() > 0, "{servers}");
    assert_eq!(servers[1]["name"], "missing");
    assert!(servers[1]["error"].is_string(), "{servers}");
}

#[test]
fn a_policy_that_can_never_apply_is_a_warning_with_its_line() {
    let place = Place::new("[authn]\nloopback = \"local\"\n");
    place.write(
        "policies/never.cedar",
        "@id(\"never\")\npermit (principal, action == Action::\"tools/call\", resource) when { false };\n",
    );
    let output = place.run(&["check", "--json"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let warnings = output.json()["warnings"].to_string();
    assert!(
        warnings.contains("never.cedar:1:1") && warnings.contains("`never`"),
        "{warnings}"
    );
}

/// A server on the network, and how the gateway proves who calls.
fn server(name: &str, auth: &str) -> String {
    format!(
        "[servers.{name}]\nurl = \"https://{name}.example.com/mcp\"\n{auth}\n\
         [profiles.{name}]\npath = \"/mcp/{name}\"\nservers = [\"{name}\"]\n"
    )
}

#[test]
fn it_shows_who_proves_what_to_whom() {
    let place = Place::new(&format!(
        "{}{}{}[authn.issuers.company]\nkind = \"oidc\"\nissuer = \"https://idp.example.com\"\n\
         clients = [\"host\"]\n[authn.issuers.company.client]\nid = \"gateway\"\nsecret = \"env:NOT_SET\"\n",
        server(
            "crm",
            "auth = { kind = \"token-exchange\", through = \"company\", scopes = [\"crm.read\"] }"
        ),
        server(
            "news",
            "headers = { Authorization = \"env:NEWS\" }\nauth = { kind = \"static\", exception-until = \"2020-01-31\" }"
        ),
        server(
            "weather",
            "auth = { kind = \"none\", exception-until = \"2999-12-31\" }"
        ),
    ));
    let output = place.run(&["check"]);
    // The exception of one server is past.
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    let table: Vec<&str> = output
        .stdout
        .lines()
        .filter(|line| line.contains("issuer ") || line.contains("server "))
        .filter(|line| !line.starts_with("warning"))
        .collect();
    insta::assert_snapshot!(table.join("\n"), @r"
   issuer company  oidc  signed tokens of https://idp.example.com, 1 application, registered by client_secret_basic
   server crm  token-exchange, through company, scopes crm.read
no server news  static: its exception ended on 2020-01-31
   server weather  none, accepted until 2999-12-31
");
}

#[test]
fn issuers_are_asked_when_it_connects() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = taken.local_addr().unwrap();
    drop(taken);
    let place = Place::new(&format!(
        "[authn.issuers.company]\nkind = \"oidc\"\nissuer = \"http://{nobody}\"\n"
    ));
    assert_eq!(place.run(&["check"]).code, 0);
    let output = place.run(&["check", "--connect"]);
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    assert!(
        output.stdout.contains("no issuer company"),
        "{}",
        output.stdout
    );
    let json = place.run(&["check", "--connect", "--json"]).json();
    assert_eq!(json["issuers"][0]["issuer"], "company");
    assert_ne!(json["issuers"][0]["problems"].as_array().unwrap().len(), 0);
}
