//! A small MCP client over HTTP, in both eras, with every header free.
//!
//! It shares no code with the gateway, so that a mistake there cannot hide itself.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

/// How long one answer may take. The canary answers at once.
const PATIENCE: Duration = Duration::from_secs(20);
const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("the gateway cannot be reached")]
    Connect(#[source] std::io::Error),
    #[error("the request cannot be written")]
    Request(#[from] http::Error),
    #[error("the connection broke")]
    Broken(#[from] hyper::Error),
    #[error("the gateway did not answer in time")]
    Late,
}

/// A client with one connection to one endpoint.
pub(super) struct Client {
    address: SocketAddr,
    path: String,
    key: String,
    connection: Mutex<Option<SendRequest<Full<Bytes>>>>,
    sent: AtomicUsize,
}

/// A message that is ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Post {
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// The legacy session that was just made.
    pub(super) session: Option<String>,
    /// The JSON-RPC message; null where there is none.
    pub(super) message: Value,
}

impl Post {
    /// A request of 2026-07-28, which describes itself.
    pub(super) fn modern(id: &str, method: &str, mut params: Value) -> Self {
        let mut headers = vec![
            ("mcp-protocol-version", MODERN.to_owned()),
            ("mcp-method", method.to_owned()),
        ];
        if let Some(name) = params.get("name").and_then(Value::as_str) {
            headers.push(("mcp-name", name.to_owned()));
        }
        if let Some(params) = params.as_object_mut() {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": {"name": "portcullis-prove", "version": env!("CARGO_PKG_VERSION")},
            });
            params.insert("_meta".to_owned(), meta);
        }
        Self {
            headers,
            body: request(id, method, &params),
        }
    }

    /// A request of 2025-11-25 in a session.
    pub(super) fn legacy(id: &str, session: &str, method: &str, params: &Value) -> Self {
        let headers = vec![
            ("mcp-protocol-version", LEGACY.to_owned()),
            ("mcp-session-id", session.to_owned()),
        ];
        Self {
            headers,
            body: request(id, method, params),
        }
    }

    /// The request that opens a session.
    pub(super) fn initialize(id: &str) -> Self {
        let params = json!({
            "protocolVersion": LEGACY,
            "capabilities": {},
            "clientInfo": {"name": "portcullis-prove", "version": env!("CARGO_PKG_VERSION")},
        });
        Self {
            headers: Vec::new(),
            body: request(id, "initialize", &params),
        }
    }

    /// Sets a header, in place of one with this name.
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    /// Sends no credential.
    pub(super) fn without_key(self) -> Self {
        self.header("authorization", "")
    }

    /// Replaces text of the body.
    pub(super) fn edit(mut self, from: &str, to: &str) -> Self {
        self.body = self.body.replacen(from, to, 1);
        self
    }
}

fn request(id: &str, method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

impl Client {
    pub(super) fn new(address: SocketAddr, path: &str, key: &str) -> Self {
        Self {
            address,
            path: path.to_owned(),
            key: key.to_owned(),
            connection: Mutex::new(None),
            sent: AtomicUsize::new(0),
        }
    }

    /// How many messages it has sent.
    pub(super) fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends a message and reads the answer to its end.
    pub(super) async fn send(&self, post: Post) -> Result<Reply, ClientError> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        tokio::time::timeout(PATIENCE, self.exchange(post))
            .await
            .map_err(|_| ClientError::Late)?
    }

    async fn exchange(&self, post: Post) -> Result<Reply, ClientError> {
        let request = self.prepare(post)?;
        let mut slot = self.connection.lock().await;
        let mut connection = match slot.take() {
            Some(mut open) => match open.ready().await {
                Ok(()) => open,
                Err(_) => self.connect().await?,
            },
            None => self.connect().await?,
        };
        let (head, body) = connection.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        *slot = Some(connection);
        let session = head
            .headers
            .get("mcp-session-id")
            .and_then(|id| id.to_str().ok())
            .map(str::to_owned);
        Ok(Reply {
            status: head.status.as_u16(),
            session,
            message: last_message(&body),
        })
    }

    fn prepare(&self, post: Post) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut headers = vec![
            ("host", self.address.to_string()),
            ("content-type", "application/json".to_owned()),
            ("accept", "application/json, text/event-stream".to_owned()),
            ("authorization", format!("Bearer {}", self.key)),
        ];
        headers.retain(|(name, _)| !post.headers.iter().any(|(own, _)| own == name));
        headers.extend(
            post.headers
                .into_iter()
                .filter(|(_, value)| !value.is_empty()),
        );
        let request = Request::post(self.path.as_str());
        headers
            .into_iter()
            .fold(request, |request, (name, value)| {
                request.header(name, value)
            })
            .body(Full::new(Bytes::from(post.body)))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, ClientError> {
        let stream = TcpStream::connect(self.address)
            .await
            .map_err(ClientError::Connect)?;
        stream.set_nodelay(true).map_err(ClientError::Connect)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            // The gateway may close as it likes; what matters is the answer.
            let _ended = connection.await;
        });
        Ok(sender)
    }
}

/// The answer: the one document, or the last event of a stream.
fn last_message(body: &[u8]) -> Value {
    if let Ok(message) = serde_json::from_slice(body) {
        return message;
    }
    let text = String::from_utf8_lossy(body);
    let data = text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .next_back()
        .unwrap_or_default();
    serde_json::from_str(data.trim()).unwrap_or_default()
}

impl Reply {
    /// The text of a tool's result.
    pub(super) fn text(&self) -> Option<&str> {
        self.message
            .pointer("/result/content/0/text")
            .and_then(Value::as_str)
    }

    /// Whether it is a result, not an error.
    pub(super) fn is_result(&self) -> bool {
        self.message.get("result").is_some()
    }

    /// The gateway's receipt.
    pub(super) fn receipt(&self) -> Option<&Value> {
        self.message
            .get("result")?
            .get("_meta")?
            .get("io.portcullis/receipt")
    }

    /// The names in a list of tools.
    pub(super) fn tools(&self) -> Vec<&str> {
        let tools = self
            .message
            .pointer("/result/tools")
            .and_then(Value::as_array);
        tools
            .into_iter()
            .flatten()
            .filter_map(|tool| tool.get("name")?.as_str())
            .collect()
    }

    /// The answer in a few words: `answered`, or status and reason of the refusal.
    pub(super) fn summary(&self) -> String {
        let Some(error) = self.message.get("error") else {
            return "answered".to_owned();
        };
        let reason = error.pointer("/data/reason").and_then(Value::as_str);
        match (self.status, reason) {
            // 200 tells nothing: the refusal is the JSON-RPC error.
            (200, Some(reason)) => reason.to_owned(),
            (status, Some(reason)) => format!("{status} {reason}"),
            (status, None) => format!(
                "{status} error {}",
                error.get("code").unwrap_or(&Value::Null)
            ),
        }
    }

    /// What a caller can learn from a refusal, less the name it asked for and the entry's id.
    pub(super) fn face(&self, name: &str) -> String {
        let mut error = self.message.get("error").cloned().unwrap_or_default();
        if let Some(data) = error.get_mut("data").and_then(Value::as_object_mut) {
            data.remove("entry");
        }
        format!("{} {error}", self.status).replace(name, "NAME")
    }
}

#[cfg(test)]
mod tests;
