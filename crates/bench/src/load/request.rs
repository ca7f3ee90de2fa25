//! Requests as bytes that are made once and changed in one place: the id.

use super::{Era, Workload};

/// The text that goes out and comes back.
pub(super) const ECHO: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const FIRST_ID: u32 = 10_000_000;
/// What ends a head.
const END: &str = "\r\n";

/// One request, ready to be sent again and again. Its id has eight digits.
#[derive(Clone, Debug)]
pub(super) struct Template {
    bytes: Vec<u8>,
    id_at: usize,
    id: u32,
    /// Where the proof of possession is put in.
    proof_at: usize,
    /// The bytes with a proof.
    proven: Vec<u8>,
}

impl Template {
    /// A request of this method.
    pub(super) fn new(target: &Target, method: &str, name: Option<&str>, params: &str) -> Self {
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":{FIRST_ID},"method":"{method}","params":{params}}}"#);
        let id_in_body = r#"{"jsonrpc":"2.0","id":"#.len();
        let head = target.head(Some(method), name, body.len());
        Self {
            proof_at: head.len() - END.len(),
            proven: Vec::new(),
            id_at: head.len() + id_in_body,
            bytes: [head, body].concat().into_bytes(),
            id: FIRST_ID,
        }
    }

    /// The bytes, with an id that no request of this template had before.
    pub(super) fn next(&mut self) -> &[u8] {
        self.id += 1;
        let digits = self.id.to_string();
        if let Some(id) = self.bytes.get_mut(self.id_at..self.id_at + digits.len()) {
            id.copy_from_slice(digits.as_bytes());
        }
        &self.bytes
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same with a proof of possession in a header.
    pub(super) fn next_proven(&mut self, proof: &str) -> &[u8] {
        self.next();
        self.proven.clear();
        if let Some((head, rest)) = self.bytes.split_at_checked(self.proof_at) {
            for part in [head, b"dpop: ", proof.as_bytes(), b"\r\n", rest] {
                self.proven.extend_from_slice(part);
            }
        }
        &self.proven
    }
}

/// Where requests go and in what form.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// `host:port`
    pub(super) authority: String,
    pub(super) path: String,
    pub(super) era: Era,
    pub(super) session: Option<String>,
    /// The value of the `Authorization` header.
    pub(super) authorization: String,
}

impl Target {
    /// Reads `http://host:port/path`.
    pub(super) fn parse(url: &str, era: Era, authorization: String) -> Option<Self> {
        let (authority, path) = url.strip_prefix("http://")?.split_once('/')?;
        Some(Self {
            authority: authority.to_owned(),
            path: format!("/{path}"),
            era,
            session: None,
            authorization,
        })
    }

    /// A notification.
    pub(super) fn notification(&self, method: &str) -> Vec<u8> {
        let body = format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#);
        let head = self.head(Some(method), None, body.len());
        [head, body].concat().into_bytes()
    }

    /// The request head for a body of `length` bytes. All that are measured get the same one, the
    /// key that only Portcullis asks for included.
    fn head(&self, method: Option<&str>, name: Option<&str>, length: usize) -> String {
        let mut head = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\naccept: application/json, text/event-stream\r\ncontent-type: application/json\r\nuser-agent: portcullis-bench\r\ncontent-length: {length}\r\n",
            self.path, self.authority, self.authorization,
        );
        let mut add = |name: &str, value: &str| {
            for part in [name, ": ", value, "\r\n"] {
                head.push_str(part);
            }
        };
        match self.era {
            Era::Modern => {
                add("mcp-protocol-version", "2026-07-28");
                if let Some(method) = method {
                    add("mcp-method", method);
                }
                if let Some(name) = name {
                    add("mcp-name", name);
                }
            }
            Era::Legacy => {
                if let Some(session) = &self.session {
                    add("mcp-protocol-version", "2025-11-25");
                    add("mcp-session-id", session);
                }
            }
        }
        head.push_str(END);
        head
    }

    /// The `_meta` of a request, with more members (raw, each with a comma at its end) before what
    /// the era asks for; `None` when there is nothing to say.
    fn meta(&self, more: &str) -> Option<String> {
        match self.era {
            Era::Modern => Some(format!(
                r#""_meta":{{{more}"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"portcullis-bench","version":"1"}},"io.modelcontextprotocol/clientCapabilities":{{}}}}"#
            )),
            Era::Legacy => more
                .strip_suffix(',')
                .map(|more| format!(r#""_meta":{{{more}}}"#)),
        }
    }

    /// What one operation sends first. `worker` tells progress tokens apart.
    pub(super) fn template(&self, workload: Workload, worker: usize) -> Template {
        let call = |name: &str, arguments: &str, more: &str| {
            let meta = self.meta(more).map(|meta| [",", &meta].concat());
            let meta = meta.unwrap_or_default();
            let params = format!(r#"{{"name":"{name}","arguments":{{{arguments}}}{meta}}}"#);
            Template::new(self, "tools/call", Some(name), &params)
        };
        match workload {
            Workload::Echo => call("echo", &format!(r#""text":"{ECHO}""#), ""),
            Workload::Large => call("large", "", ""),
            Workload::LargeText => call("large-text", "", ""),
            Workload::Progress => call("progress", "", &format!(r#""progressToken":"p{worker}","#)),
            Workload::List => self.list(None),
        }
    }

    /// One page of `tools/list`. `cursor` is a raw JSON string.
    pub(super) fn list(&self, cursor: Option<&str>) -> Template {
        let cursor = cursor.map(|cursor| format!(r#""cursor":{cursor}"#));
        let members: Vec<String> = cursor.into_iter().chain(self.meta("")).collect();
        let params = format!("{{{}}}", members.join(","));
        Template::new(self, "tools/list", None, &params)
    }

    /// The first request of a session.
    pub(super) fn initialize(&self) -> Template {
        Template::new(
            self,
            "initialize",
            None,
            r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"portcullis-bench","version":"1"}}"#,
        )
    }
}
