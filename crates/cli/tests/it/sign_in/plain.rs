//! Requests without a client library: what is said to whoever has no good token, header by header.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use portcullis_lab::entra::sample::{ADA, CONTOSO, GATEWAY, GATEWAY_URI, HOST, PAPERS};
use portcullis_lab::entra::{EntraLab, EntraSettings};
use serde_json::{Value, json};

use super::world::{PROFILE, World};
use crate::binary::PATIENCE;
use crate::http::{self, Answer};

/// A list with this token in `Authorization`.
pub(super) fn ping(world: &World, token: &str) -> Answer {
    post(world, "", &format!("Authorization: Bearer {token}\r\n"))
}

/// A list, with a query and more header lines.
fn post(world: &World, query: &str, headers: &str) -> Answer {
    let address = world.address();
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }}})
    .to_string();
    let request = format!(
        "POST /mcp/{PROFILE}{query} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/list\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    http::send(&address, &request)
}

/// The status, the challenge and the reason of an answer.
fn told(answer: &Answer) -> (u16, String, String) {
    let challenge = answer.headers.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("www-authenticate")
            .then(|| value.to_owned())
    });
    let reason = answer.json()["error"]["data"]["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (answer.status, challenge.unwrap_or_default(), reason)
}

#[test]
fn whoever_has_no_good_token_is_told_what_to_do() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let lab = runtime
        .block_on(EntraLab::start(EntraSettings::default()))
        .unwrap();
    let world = World::new();
    let issuers = format!(
        "[authn.issuers.company]\nkind = \"entra\"\ntenant = \"{CONTOSO}\"\nauthority-url = \"{}\"\n\
         audiences = [\"{GATEWAY}\"]\n",
        lab.base_url()
    );
    world.configure(&issuers, "scopes = [\"tools.read\"]");
    let gateway = world.serve();
    let claims = lab
        .user_claims(ADA, HOST, &format!("{GATEWAY_URI}/tools.read"))
        .unwrap();
    let with = |change: &[(&str, Value)]| {
        let mut claims = claims.clone();
        for (name, value) in change {
            claims[*name] = value.clone();
        }
        lab.mint(&claims).unwrap()
    };
    let good = with(&[]);
    assert_eq!(
        ping(&world, &good).status,
        200,
        "{}",
        gateway.process.stderr()
    );

    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let ago = |seconds: u64| json!(claims["exp"].as_u64().unwrap() - seconds);
    let expired = with(&[
        ("exp", ago(80_000)),
        ("nbf", ago(84_000)),
        ("iat", ago(84_000)),
    ]);
    let mut said = String::new();
    for (what, query, headers) in [
        ("no token", "", String::new()),
        (
            "another scheme",
            "",
            "Authorization: Basic YTpi\r\n".to_owned(),
        ),
        (
            "in the query",
            &*format!("?access_token={good}"),
            String::new(),
        ),
        ("expired", "", bearer(&expired)),
        (
            "for another audience",
            "",
            bearer(&with(&[("aud", PAPERS.into())])),
        ),
        (
            "of another issuer",
            "",
            bearer(&with(&[("iss", "https://evil.example".into())])),
        ),
        ("not a token", "", bearer("abc")),
        (
            "without the scope",
            "",
            bearer(&with(&[("scp", "tools.call".into())])),
        ),
    ] {
        let (status, challenge, reason) = told(&post(&world, query, &headers));
        writeln!(said, "{what}: {status} {reason}\n  {challenge}").unwrap();
    }
    insta::assert_snapshot!(said.replace(&world.base(), "BASE"), @r#"
    no token: 401 credential-missing
      Bearer resource_metadata="BASE/.well-known/oauth-protected-resource/mcp/research", scope="BASE/mcp/research/tools.read"
    another scheme: 401 credential-invalid
      Bearer resource_metadata="BASE/.well-known/oauth-protected-resource/mcp/research", scope="BASE/mcp/research/tools.read", error="invalid_token", error_description="the token is not a signed JSON Web Token"
    in the query: 401 credential-missing
      Bearer resource_metadata="BASE/.well-known/oauth-protected-resource/mcp/research", scope="BASE/mcp/research/tools.read"
    expired: 401 credential-invalid
      Bearer resource_metadata="BASE/.well-known/oauth-protected-resource/mcp/research", scope="BASE/mcp/research/tools.read", error="invalid_token", error_description="the token has expired"
    for another audience: 401 credential-invalid
      Bearer resource_metadata="BASE/.well-known/oauth-protected-resource/mcp/research", scope="BASE/mcp/research/tools.read", error="invalid_token", error_description="the token is for somebody else"
    of another issuer: 401 credential-invalid
      Bearer resource_metadata="BASE/.well-known/oauth-protected-resource/mcp/research", scope="BASE/mcp/research/tools.read", error="invalid_token", error_description="the token's issuer is not known"
    not a token: 401 credential-invalid
      Bearer resource_metadata="BASE/.well-known/oauth-protected-resource/mcp/research", scope="BASE/mcp/research/tools.read", error="invalid_token", error_description="the token is not a signed JSON Web Token"
    without the scope: 403 scope-insufficient
      Bearer resource_metadata="BASE/.well-known/oauth-protected-resource/mcp/research", scope="BASE/mcp/research/tools.read", error="insufficient_scope"
    "#);
    the_answer_waits_for_the_body(&world);
    let log = gateway.process.stderr();
    assert!(!log.contains(&good), "{log}");
}

/// Clients send head and body apart. The connection serves on after a refusal that needed no body.
fn the_answer_waits_for_the_body(world: &World) {
    let mut stream = TcpStream::connect(world.address()).unwrap();
    let address = world.address();
    let head = format!(
        "POST /mcp/{PROFILE} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\n\r\n"
    );
    let get = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    // Nothing comes before the body; had it come, the next request would be lost.
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    assert!(stream.peek(&mut [0]).is_err());
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(format!("{{}}{get}").as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 401 "), "{said}");
    assert!(said.contains("HTTP/1.1 200 "), "{said}");
}
