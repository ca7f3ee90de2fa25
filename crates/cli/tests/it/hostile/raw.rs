//! HTTP/1.1 byte by byte, well or badly made.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::binary::PATIENCE;

/// A modern-era request, to be changed before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
    /// Whether `Content-Length` is added.
    pub(crate) measured: bool,
}

impl Post {
    /// A call of a tool; with a progress token, so that the answer is a stream where there is progress.
    pub(crate) fn call(address: &str, profile: &str, tool: &str, arguments: Value) -> Self {
        let params = json!({"name": tool, "arguments": arguments, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
            "progressToken": "p",
        }});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let mut post = Self::body(address, profile, body.to_string());
        post.headers.extend([
            "MCP-Protocol-Version: 2026-07-28".to_owned(),
            "Mcp-Method: tools/call".to_owned(),
            format!("Mcp-Name: {tool}"),
        ]);
        post
    }

    /// Any body.
    pub(crate) fn body(address: &str, profile: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            line: format!("POST /mcp/{profile} HTTP/1.1"),
            headers: vec![
                format!("Host: {address}"),
                "Content-Type: application/json".to_owned(),
                "Accept: application/json, text/event-stream".to_owned(),
            ],
            body: body.into(),
            measured: true,
        }
    }

    /// With one more header line.
    pub(crate) fn header(mut self, line: impl Into<String>) -> Self {
        self.headers.push(line.into());
        self
    }

    /// Without the headers of this name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        let name = format!("{}:", name.to_ascii_lowercase());
        self.headers
            .retain(|line| !line.to_ascii_lowercase().starts_with(&name));
        self
    }

    pub(crate) fn unmeasured(mut self) -> Self {
        self.measured = false;
        self
    }

    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.line);
        for line in &self.headers {
            head.push_str(line);
            head.push_str("\r\n");
        }
        if self.measured {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }

    /// Sends it and reads until the gateway closes or `Connection: close` ends the exchange.
    pub(crate) fn send(self, address: &str) -> Reply {
        let bytes = self.header("Connection: close").bytes();
        exchange(address, &bytes)
    }
}

/// One answer, or what came of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    /// Takes the first response apart; the second value is what follows it.
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let end = find(bytes, b"\r\n\r\n")?;
        let (head, rest) = bytes.split_at(end + 4);
        let head = String::from_utf8_lossy(head).into_owned();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let (body, rest) = body(&head, rest)?;
        let reply = Self {
            status,
            head,
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        Some((reply, rest))
    }

    /// Every message in the body: one document, or the events of a stream.
    pub(crate) fn messages(&self) -> Vec<Value> {
        if !self.head.to_ascii_lowercase().contains("text/event-stream") {
            return serde_json::from_str(&self.body).into_iter().collect();
        }
        self.body
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
            .collect()
    }

    /// How the exchange ended: the text of the result, the reason of a refusal, or the HTTP status.
    pub(crate) fn end(&self) -> String {
        let messages = self.messages();
        let answers: Vec<&Value> = messages
            .iter()
            .filter(|message| message.get("method").is_none())
            .collect();
        let [answer] = answers.as_slice() else {
            return format!("{} with {} answers", self.status, answers.len());
        };
        if let Some(reason) = answer["error"]["data"]["reason"].as_str() {
            return reason.to_owned();
        }
        if let Some(text) = answer["result"]["content"][0]["text"].as_str() {
            return text.to_owned();
        }
        answer.to_string()
    }
}

/// The body by its framing, and what follows it.
fn body<'a>(head: &str, rest: &'a [u8]) -> Option<(Vec<u8>, &'a [u8])> {
    let head = head.to_ascii_lowercase();
    if head.contains("transfer-encoding: chunked") {
        return chunks(rest);
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |value| value.trim().parse().unwrap());
    let (body, rest) = rest.split_at_checked(length)?;
    Some((body.to_vec(), rest))
}

fn chunks(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let end = find(rest, b"\r\n")?;
        let (size, after) = rest.split_at(end + 2);
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?.trim(), 16).ok()?;
        let (chunk, after) = after.split_at_checked(size + 2)?;
        body.extend_from_slice(&chunk[..size]);
        rest = after;
        if size == 0 {
            return Some((body, rest));
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}

pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes and takes the first response; the gateway must answer.
#[track_caller]
pub(crate) fn exchange(address: &str, bytes: &[u8]) -> Reply {
    let received = everything(address, bytes);
    let Some((reply, _)) = Reply::parse(&received) else {
        panic!("no response: {:?}", String::from_utf8_lossy(&received));
    };
    reply
}

/// Sends bytes and reads to the end of the connection. The gateway must close it.
#[track_caller]
pub(crate) fn everything(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    // The gateway may answer and close before it has read everything.
    let _broken = stream.write_all(bytes);
    rest(&mut stream)
}

/// Reads until the gateway closes the connection. It must, in time.
#[track_caller]
pub(crate) fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return received,
            Ok(count) => received.extend_from_slice(&buffer[..count]),
            Err(error) if is_timeout(&error) => {
                panic!(
                    "the gateway holds the connection open after {:?}",
                    String::from_utf8_lossy(&received)
                );
            }
            // A reset: the gateway closed while bytes of ours were unread.
            Err(_) => return received,
        }
    }
}

/// What comes within a while.
pub(crate) fn for_a_while(stream: &mut TcpStream, time: Duration) -> Vec<u8> {
    stream.set_read_timeout(Some(time)).unwrap();
    let mut received = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        received.extend_from_slice(&buffer[..count]);
    }
    received
}

pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
