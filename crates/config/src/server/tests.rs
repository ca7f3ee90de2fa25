use super::check_header;
use crate::{Config, HttpKind, SecretRef, Transport, parse};

/// The messages of the problems of one server.
fn check(body: &str) -> Vec<String> {
    let text = format!("[servers.a]\n{body}");
    let problems = parse(&text).expect_err("the server has problems");
    let shown = Config::render_problems(&problems, "portcullis.toml", &text);
    assert!(!shown.contains("hunter"), "{shown}");
    problems
        .into_iter()
        .map(|problem| problem.message)
        .collect()
}

#[test]
fn a_server_is_a_command_or_a_url() {
    assert_eq!(check(""), ["`servers.a` has neither `command` nor `url`"]);
    assert_eq!(
        check("command = \"x\"\nurl = \"https://a.example\""),
        ["`servers.a` has both `command` and `url`"]
    );
    assert_eq!(
        check("command = \"x\"\nheaders = { A = \"env:A\" }"),
        ["`servers.a.headers` is only for servers with `url`"]
    );
    assert_eq!(
        check("url = \"https://a.example\"\nargs = []\ncwd = \"x\""),
        [
            "`servers.a.args` is only for servers with `command`",
            "`servers.a.cwd` is only for servers with `command`",
        ]
    );
}

#[test]
fn commands_are_checked() {
    assert_eq!(
        check("command = \" \""),
        ["`servers.a.command` names no program"]
    );
    assert_eq!(
        check("command = \"npx -y thing --token hunter2\""),
        ["`servers.a.command` looks like a whole command line"]
    );
    assert_eq!(
        check("command = \"x\"\nargs = [1, \"hunter2\"]"),
        ["`servers.a.args` must be a string, not an integer"]
    );
    let spaced = parse("[servers.a]\ncommand = \"/opt/my tools/x\"").unwrap();
    assert!(matches!(
        &spaced.servers["a"].transport,
        Transport::Stdio { .. }
    ));
}

#[test]
fn variables_and_headers_are_checked() {
    assert_eq!(
        check("command = \"x\"\nenv = { \"A=B\" = \"env:A\" }"),
        ["`A=B` is no name of an environment variable"]
    );
    assert_eq!(
        check("command = \"x\"\nenv = { A = \"env:A\" }\nplain-env = { A = \"b\" }"),
        ["`A` is in both `env` and `plain-env`"]
    );
    assert_eq!(
        check(
            "url = \"https://a.example\"\nheaders = { X-A = \"env:A\" }\nplain-headers = { x-a = \"b\" }"
        ),
        ["`x-a` is in both `headers` and `plain-headers`"]
    );
    assert_eq!(
        check("url = \"https://a.example\"\nplain-headers = { X = \"a\\nhunter2\" }"),
        ["the value of `X` is no header value"]
    );
    assert_eq!(
        check("url = \"https://hunter:hunter2@a.example\""),
        ["`servers.a.url` carries credentials"]
    );
}

#[test]
fn the_gateway_sets_its_own_headers_itself() {
    for name in ["Authorization", "X-Api-Key", "Cookie", "User-Agent"] {
        assert_eq!(check_header(name), Ok(()), "{name}");
    }
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "Connection",
        "TE",
        "Mcp-Session-Id",
        "MCP-Protocol-Version",
        "mcp-anything",
        "Accept",
    ] {
        assert_eq!(
            check_header(name),
            Err("is a header that only the gateway sets"),
            "{name}"
        );
    }
    for name in ["", "a b", "a:b", "ä"] {
        assert_eq!(check_header(name), Err("is no header name"), "{name}");
    }
}

#[test]
fn debug_shows_references_only() {
    let config = parse("[servers.a]\ncommand = \"x\"\nenv = { A = \"env:B\" }").unwrap();
    let shown = format!("{:?}", config.servers["a"].transport);
    assert!(shown.contains("Env(\"B\")"), "{shown}");
}

#[test]
fn the_http_transport_can_be_chosen() {
    let kind = |line: &str| {
        let text = format!("[servers.a]\nurl = \"https://a.example\"\n{line}");
        match &parse(&text).unwrap().servers["a"].transport {
            Transport::Http { kind, .. } => *kind,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(kind(""), HttpKind::Auto);
    assert_eq!(kind("transport = \"auto\""), HttpKind::Auto);
    assert_eq!(
        kind("transport = \"streamable-http\""),
        HttpKind::StreamableHttp
    );
    assert_eq!(kind("transport = \"sse\"\nera = \"legacy\""), HttpKind::Sse);
    assert_eq!(
        check("url = \"https://a.example\"\ntransport = \"ssse\""),
        ["`servers.a.transport` cannot be `ssse`"]
    );
    assert_eq!(
        check("url = \"https://a.example\"\ntransport = \"sse\"\nera = \"modern\""),
        ["`servers.a.era` cannot be `modern` where `transport` is `sse`"]
    );
    assert_eq!(
        check("command = \"x\"\ntransport = \"sse\"\nopenapi = \"a.yaml\""),
        [
            "`servers.a.transport` is only for servers with `url`",
            "`servers.a.openapi` is only for servers with `url`",
        ]
    );
}

#[test]
fn an_api_is_a_document_and_an_address() {
    let config = parse(
        "[servers.a]\nopenapi = \"a.yaml\"\nurl = \"https://a.example/v1\"\nheaders = { X-Key = \"env:K\" }\nplain-headers = { X-B = \"b\" }",
    )
    .unwrap();
    assert_eq!(
        config.servers["a"].transport,
        Transport::OpenApi {
            document: "a.yaml".to_owned(),
            url: "https://a.example/v1".to_owned(),
            headers: [("x-key".to_owned(), SecretRef::Env("K".to_owned()))].into(),
            plain_headers: [("x-b".to_owned(), "b".to_owned())].into(),
        }
    );
    assert_eq!(
        check("openapi = \"a.yaml\""),
        ["`servers.a` has neither `command` nor `url`"]
    );
    let api = "url = \"https://a.example\"\nopenapi = ";
    assert_eq!(
        check(&format!("{api}\" \"")),
        ["`servers.a.openapi` names no file"]
    );
    assert_eq!(
        check(&format!("{api}\"a.yaml\"\ntransport = \"auto\"")),
        ["`servers.a.transport` is not for servers with `openapi`"]
    );
    assert_eq!(
        check(&format!("{api}\"a.yaml\"\nera = \"auto\"")),
        ["`servers.a.era` is not for servers with `openapi`"]
    );
    assert_eq!(
        check("openapi = \"a.yaml\"\nurl = \"https://a.example/?key=hunter2\""),
        ["`servers.a.url` has a query, which the paths of an API cannot continue"]
    );
    assert_eq!(
        check("openapi = \"a.yaml\"\nurl = \"http://a.example\""),
        ["`servers.a.url` is not encrypted: http is only for loopback addresses"]
    );
}
