//! The ways that a token can take into the gateway.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Mutex;

use portcullis_lab::entra::EntraLab;
use serde_json::{Value, json};

use crate::http;
use crate::sign_in::world::{PROFILE, World};

/// Sends a token of its own each time, and remembers it.
pub(super) struct Rounds<'a> {
    world: &'a World,
    lab: &'a EntraLab,
    claims: &'a Value,
    tokens: Mutex<Vec<String>>,
}

impl<'a> Rounds<'a> {
    pub(super) fn new(world: &'a World, lab: &'a EntraLab, claims: &'a Value) -> Self {
        Self {
            world,
            lab,
            claims,
            tokens: Mutex::default(),
        }
    }

    pub(super) fn tokens(&self) -> Vec<String> {
        self.tokens.lock().unwrap().clone()
    }

    /// Round `number`: everything that was answered.
    pub(super) fn carry_out(&self, number: usize) -> String {
        match number % 10 {
            0 => self.list(&bearer(&self.jwt(number, &[]))),
            1 => self.call("quotes__today", &bearer(&self.jwt(number, &[]))),
            2 => {
                let tool = ["mail__good", "mail__good", "mail__fails", "mail__dies"];
                self.call(tool[number / 10 % 4], &bearer(&self.jwt(number, &[])))
            }
            3 => self.list(&bearer(&self.spoilt(number))),
            4 => {
                // Signed for something else.
                let good = self.jwt(number, &[]);
                let other = self.jwt(number + 1_000_000, &[]);
                let (head, _) = good.rsplit_once('.').unwrap();
                let (_, signature) = other.rsplit_once('.').unwrap();
                self.list(&bearer(&format!("{head}.{signature}")))
            }
            5 => self.list(&bearer(&self.opaque(number))),
            6 => {
                let path = format!("/mcp/{PROFILE}?access_token={}", self.opaque(number));
                let listing = body("tools/list", &json!({}));
                self.post(&path, &modern("tools/list", ""), &listing)
            }
            7 => self.list(&self.elsewhere(number)),
            8 => self.at_the_front_door(number),
            _ => self.broken(number),
        }
    }

    /// A call by the user of the API key.
    pub(super) fn call_as_key(&self, tool: &str) -> String {
        self.call(tool, &bearer(super::KEY))
    }

    /// A call whose answer nobody reads.
    pub(super) fn open_call(&self, tool: &str) -> TcpStream {
        let token = bearer(&self.jwt(2_000_000, &[]));
        let params = json!({"name": tool, "arguments": {}});
        let headers = format!("{}{token}", modern("tools/call", tool));
        let path = format!("/mcp/{PROFILE}");
        let request = self.request("POST", &path, &headers, &body("tools/call", &params));
        let mut stream = TcpStream::connect(self.world.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn keep(&self, token: String) -> String {
        self.tokens.lock().unwrap().push(token.clone());
        token
    }

    /// A token of the issuer with an id of its own.
    fn jwt(&self, number: usize, change: &[(&str, Value)]) -> String {
        let mut claims = self.claims.clone();
        claims["uti"] = format!("canary-{number:08}").into();
        for (name, value) in change {
            claims[*name] = value.clone();
        }
        self.keep(self.lab.mint(&claims).unwrap())
    }

    /// One that is good for nothing, each for another reason.
    fn spoilt(&self, number: usize) -> String {
        let expires = self.claims["exp"].as_u64().unwrap();
        match number / 10 % 4 {
            0 => self.jwt(number, &[("exp", json!(expires - 80_000))]),
            1 => self.jwt(number, &[("aud", json!("https://elsewhere.example"))]),
            2 => self.jwt(number, &[("iss", json!("https://elsewhere.example"))]),
            _ => self.jwt(number, &[("exp", json!("never"))]),
        }
    }

    fn opaque(&self, number: usize) -> String {
        let digest = portcullis_testkit::sha256(format!("canary {number}"));
        let (_, digest) = digest.split_once(':').unwrap_or(("", &digest));
        self.keep(format!("canary~{digest}"))
    }

    /// Header lines in which no token belongs.
    fn elsewhere(&self, number: usize) -> String {
        let token = self.opaque(number);
        match number / 10 % 7 {
            0 => format!("Authorization: Basic {token}\r\n"),
            1 => format!("Authorization: {token}\r\n"),
            2 => format!("Cookie: session={token}\r\n"),
            3 => format!("X-Api-Key: {token}\r\n"),
            4 => format!("Authorization: DPoP {token}\r\nDPoP: {token}\r\n"),
            5 => format!("Proxy-Authorization: Bearer {token}\r\n"),
            _ => format!("Mcp-Session-Id: {token}\r\nLast-Event-ID: {token}\r\n"),
        }
    }

    fn at_the_front_door(&self, number: usize) -> String {
        let token = self.opaque(number);
        let door = "/oauth/company";
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let end = "client_id=workbench&redirect_uri=http%3A%2F%2F127.0.0.1%3A7777%2Fcallback";
        let redeem = |body: String| self.post(&format!("{door}/token"), form, &body);
        match number / 10 % 5 {
            0 => redeem(format!(
                "grant_type=authorization_code&code={token}&code_verifier={token}&{end}"
            )),
            1 => redeem(format!(
                "grant_type=refresh_token&refresh_token={token}&{end}"
            )),
            2 => redeem(format!(
                "grant_type=password&password={token}&client_secret={token}"
            )),
            3 => self.get(&format!("{door}/callback?code={token}&state={token}")),
            _ => self.get(&format!("/connect/{token}")),
        }
    }

    /// Messages that are none.
    fn broken(&self, number: usize) -> String {
        let token = self.opaque(number);
        let key = format!("Authorization: Bearer {}\r\n", super::KEY);
        let headers = format!("{}{key}", modern("tools/list", ""));
        let text = match number / 10 % 4 {
            0 => format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"token\":\"{token}\""
            ),
            1 => format!("{{\"{token}\":1,\"{token}\":2}}"),
            2 => format!("access_token={token}"),
            _ => format!("[\"{token}\"]"),
        };
        self.post(&format!("/mcp/{PROFILE}"), &headers, &text)
    }

    fn list(&self, headers: &str) -> String {
        let headers = format!("{}{headers}", modern("tools/list", ""));
        let path = format!("/mcp/{PROFILE}");
        self.post(&path, &headers, &body("tools/list", &json!({})))
    }

    fn call(&self, tool: &str, headers: &str) -> String {
        let params = json!({"name": tool, "arguments": {}});
        let headers = format!("{}{headers}", modern("tools/call", tool));
        let path = format!("/mcp/{PROFILE}");
        self.post(&path, &headers, &body("tools/call", &params))
    }

    fn post(&self, path: &str, headers: &str, body: &str) -> String {
        self.send(&self.request("POST", path, headers, body))
    }

    fn get(&self, path: &str) -> String {
        self.send(&self.request("GET", path, "", ""))
    }

    fn request(&self, verb: &str, path: &str, headers: &str, body: &str) -> String {
        format!(
            "{verb} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            self.world.address(),
            body.len()
        )
    }

    fn send(&self, request: &str) -> String {
        let answer = http::send(&self.world.address(), request);
        format!(
            "{} {}\n{}",
            answer.status,
            answer.headers.join("\n"),
            answer.body
        )
    }
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// The header lines of a modern request.
fn modern(method: &str, name: &str) -> String {
    let name = match name {
        "" => String::new(),
        name => format!("Mcp-Name: {name}\r\n"),
    };
    format!(
        "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{name}"
    )
}

fn body(method: &str, params: &Value) -> String {
    let mut params = params.clone();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}
