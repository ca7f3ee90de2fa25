//! An MCP client of either era, over [`crate::Call`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use portcullis_mcp::headers::encode_value;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{Call, Reply, TestGateway};

/// The era that a client or a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// Up to 2025-11-25, with sessions.
    Legacy,
    /// 2026-07-28, stateless.
    Modern,
}

impl Speaks {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Legacy, Self::Modern];
}

/// A client at one profile with one set of headers.
#[derive(Debug)]
pub struct Caller<'g> {
    gateway: &'g TestGateway,
    speaks: Speaks,
    path: String,
    headers: Vec<(String, String)>,
    capabilities: String,
    next: AtomicU64,
}

impl<'g> Caller<'g> {
    pub(crate) fn new(
        gateway: &'g TestGateway,
        speaks: Speaks,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self {
            gateway,
            speaks,
            path: path.to_owned(),
            headers,
            capabilities: "{}".to_owned(),
            next: AtomicU64::new(1),
        }
    }

    /// Declares what it can be asked for: a raw capabilities object.
    pub fn declare(&mut self, capabilities: &str) {
        capabilities.clone_into(&mut self.capabilities);
    }

    /// Greets the gateway, in the legacy era, and keeps the session.
    pub(crate) async fn greet(&mut self) {
        if self.speaks == Speaks::Modern {
            return;
        }
        let params = format!(
            r#"{{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{{"name":"tester","version":"1"}}}}"#,
            self.capabilities
        );
        let reply = self.call("initialize", &params).await;
        let session = reply
            .header("mcp-session-id")
            .unwrap_or_else(|| panic!("no session: {reply:?}"))
            .to_owned();
        self.headers.push(("mcp-session-id".to_owned(), session));
        self.headers
            .push(("mcp-protocol-version".to_owned(), "2025-11-25".to_owned()));
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(self.http().body(initialized).send().await.status, 202);
    }

    /// The session id.
    pub fn session(&self) -> Option<&str> {
        self.headers
            .iter()
            .find(|(name, _)| name == "mcp-session-id")
            .map(|(_, value)| value.as_str())
    }

    /// A POST with the headers that this client always sends.
    pub fn http(&self) -> Call {
        self.headers.iter().fold(
            self.gateway.http("POST", &self.path),
            |call, (name, value)| call.header(name, value),
        )
    }

    /// The POST of a request, ready to be changed and sent.
    pub fn prepare(&self, id: &str, method: &str, params: &str) -> Call {
        let call = match self.speaks {
            Speaks::Legacy => self.http().body(request(id, method, params)),
            Speaks::Modern => {
                let name = name_of(method, params);
                let call = self
                    .http()
                    .header("mcp-protocol-version", "2026-07-28")
                    .header("mcp-method", method)
                    .body(request(id, method, &self.stamped(params)));
                match name {
                    Some(name) => call.header("mcp-name", &encode_value(&name)),
                    None => call,
                }
            }
        };
        call.header("accept", "application/json, text/event-stream")
    }

    fn stamped(&self, params: &str) -> String {
        let none = r#""io.modelcontextprotocol/clientCapabilities":{}"#;
        let own = format!(
            r#""io.modelcontextprotocol/clientCapabilities":{}"#,
            self.capabilities
        );
        modern_params(params).replacen(none, &own, 1)
    }

    /// Sends a request and reads what comes back message by message.
    pub async fn open(&self, id: &str, method: &str, params: &str) -> crate::Opened {
        self.prepare(id, method, params).open().await
    }

    /// Sends a message that gets no answer, and checks that it was taken.
    pub async fn tell(&self, message: &str) {
        let reply = self.gateway.keep(self.http().body(message).send().await);
        assert_eq!(reply.status, 202, "{reply:?}");
    }

    /// Sends a request with raw params under a fresh id.
    pub async fn call(&self, method: &str, params: &str) -> Reply {
        let id = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        self.call_as(&id, method, params).await
    }

    /// Sends a request under this raw id.
    pub async fn call_as(&self, id: &str, method: &str, params: &str) -> Reply {
        self.gateway
            .keep(self.prepare(id, method, params).send().await)
    }

    /// Calls a tool with raw arguments.
    pub async fn tool(&self, name: &str, arguments: &str) -> Reply {
        self.call(
            "tools/call",
            &format!(
                r#"{{"name":{},"arguments":{arguments}}}"#,
                Value::from(name)
            ),
        )
        .await
    }

    /// The names (or URIs) of one list, all pages of it.
    pub async fn list(&self, method: &str) -> Vec<String> {
        let (member, identity) = match method {
            "tools/list" => ("tools", "name"),
            "prompts/list" => ("prompts", "name"),
            "resources/list" => ("resources", "uri"),
            _ => ("resourceTemplates", "uriTemplate"),
        };
        let mut names = Vec::new();
        let mut params = "{}".to_owned();
        loop {
            let result = self.call(method, &params).await.result();
            let items = result[member]
                .as_array()
                .unwrap_or_else(|| panic!("no {member}: {result}"));
            names.extend(
                items
                    .iter()
                    .map(|item| item[identity].as_str().unwrap().to_owned()),
            );
            match result["nextCursor"].as_str() {
                Some(cursor) => params = serde_json::json!({ "cursor": cursor }).to_string(),
                None => return names,
            }
        }
    }
}

fn request(id: &str, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

/// Raw params with the self-description of a modern request, in the `_meta` that they have or in a
/// new one at their end. Every other byte stays.
pub fn modern_params(params: &str) -> String {
    let stamp = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"tester","version":"1"}"#;
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(params).unwrap();
    if let Some(meta) = members.get("_meta") {
        // The raw value borrows from the params, so that its place is where its text starts.
        let start = meta.get().as_ptr() as usize - params.as_ptr() as usize;
        let (before, after) = params.split_at(start + 1);
        let comma = if after.trim_start().starts_with('}') {
            ""
        } else {
            ","
        };
        return format!("{before}{stamp}{comma}{after}");
    }
    let inner = params.trim_end().strip_suffix('}').unwrap();
    let comma = if members.is_empty() { "" } else { "," };
    format!(r#"{inner}{comma}"_meta":{{{stamp}}}}}"#)
}

fn name_of(method: &str, params: &str) -> Option<String> {
    let member = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return None,
    };
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(params).ok()?;
    serde_json::from_str(members.get(member)?.get()).ok()
}
