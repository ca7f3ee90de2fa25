//! A minimal MCP client of the legacy era (2025-11-25), strictly sequential.

use std::time::Duration;

use serde_json::{Value, json};

use super::Connection;
use super::http::Http;
use super::stdio::Stdio;

const PROTOCOL_VERSION: &str = "2025-11-25";
const PATIENCE: Duration = Duration::from_secs(30);
const PAGES: usize = 50;

/// Why a request got no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The child process could not be started.
    #[error("cannot start the server")]
    Spawn(#[source] std::io::Error),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The server ended or closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The URL is none, or leads away from this machine.
    #[error("the URL is not http on a loopback address")]
    NotLoopback,
    /// The answer is no JSON-RPC message.
    #[error("the answer is no JSON-RPC message")]
    Malformed,
    /// An HTTP status other than success.
    #[error("HTTP status {status}")]
    Status {
        /// The status.
        status: u16,
        /// The start of the body, as text.
        body: String,
    },
    /// A JSON-RPC error.
    #[error("JSON-RPC error {code}: {message}")]
    Rpc {
        /// Its code.
        code: i64,
        /// Its message.
        message: String,
        /// Its data.
        data: Option<Value>,
    },
}

/// An open connection to one server.
pub struct Client {
    name: String,
    wire: Wire,
    last_id: u64,
    instructions: Option<String>,
    tools_changed: bool,
}

enum Wire {
    Stdio(Box<Stdio>),
    Http(Box<Http>),
}

impl Client {
    /// Connects and initializes.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn connect(name: &str, connection: &Connection) -> Result<Client, ClientError> {
        let wire = match connection {
            Connection::Stdio { command, args, env } => {
                Wire::Stdio(Box::new(Stdio::spawn(command, args, env)?))
            }
            Connection::Http { url, bearer } => {
                Wire::Http(Box::new(Http::new(url, bearer.as_deref())?))
            }
        };
        let mut client = Client {
            name: name.to_owned(),
            wire,
            last_id: 0,
            instructions: None,
            tools_changed: false,
        };
        let hello = json!({
            "protocolVersion": PROTOCOL_VERSION,
            "capabilities": {},
            "clientInfo": {"name": "portcullis-lab-host", "version": env!("CARGO_PKG_VERSION")},
        });
        let welcome = client.request("initialize", hello).await?;
        client.instructions = welcome
            .get("instructions")
            .and_then(Value::as_str)
            .map(str::to_owned);
        if let (Wire::Http(http), Some(version)) = (
            &mut client.wire,
            welcome.get("protocolVersion").and_then(Value::as_str),
        ) {
            http.agreed(version);
        }
        client
            .notify("notifications/initialized", json!({}))
            .await?;
        Ok(client)
    }

    /// A client over HTTP that skips `initialize` and shows a session id that it found somewhere.
    ///
    /// # Errors
    /// When the URL leads away from this machine.
    pub fn with_stolen_session(
        name: &str,
        url: &str,
        session: &str,
    ) -> Result<Client, ClientError> {
        let mut http = Http::new(url, None)?;
        http.adopt(session);
        http.agreed(PROTOCOL_VERSION);
        let wire = Wire::Http(Box::new(http));
        Ok(Client {
            name: name.to_owned(),
            wire,
            last_id: 0,
            instructions: None,
            tools_changed: false,
        })
    }

    /// The host's name for the server.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the server said about itself.
    #[must_use]
    pub fn instructions(&self) -> Option<&str> {
        self.instructions.as_deref()
    }

    /// The session id, where the server gave one over HTTP.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        match &self.wire {
            Wire::Http(http) => http.session(),
            Wire::Stdio(_) => None,
        }
    }

    /// Whether the server has announced other tools since the last time this was asked.
    pub fn take_tools_changed(&mut self) -> bool {
        std::mem::take(&mut self.tools_changed)
    }

    /// Sends a request and waits for its result.
    ///
    /// # Errors
    /// When the server answers with an error, or not at all.
    pub async fn request(&mut self, method: &str, params: Value) -> Result<Value, ClientError> {
        self.last_id += 1;
        let id = self.last_id;
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let mut others = Vec::new();
        let exchange = async {
            match &mut self.wire {
                Wire::Stdio(stdio) => stdio.exchange(&message, id, &mut others).await,
                Wire::Http(http) => http.exchange(&message, id, &mut others).await,
            }
        };
        let reply = tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|_| ClientError::Timeout)?;
        self.tools_changed |= others.iter().any(|other: &Value| {
            other.get("method").and_then(Value::as_str) == Some("notifications/tools/list_changed")
        });
        let mut reply = reply?;
        if let Some(error) = reply.get("error") {
            return Err(ClientError::Rpc {
                code: error
                    .get("code")
                    .and_then(Value::as_i64)
                    .unwrap_or_default(),
                message: error
                    .get("message")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                data: error.get("data").cloned(),
            });
        }
        reply
            .get_mut("result")
            .map(Value::take)
            .ok_or(ClientError::Malformed)
    }

    /// Sends a notification.
    ///
    /// # Errors
    /// When it cannot be delivered.
    pub async fn notify(&mut self, method: &str, params: Value) -> Result<(), ClientError> {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        let sending = async {
            match &mut self.wire {
                Wire::Stdio(stdio) => stdio.send(&message).await,
                Wire::Http(http) => http.send(&message).await,
            }
        };
        tokio::time::timeout(PATIENCE, sending)
            .await
            .map_err(|_| ClientError::Timeout)?
    }

    /// All items of a list, page by page: `member` is for example `tools` for `tools/list`.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn list(&mut self, method: &str, member: &str) -> Result<Vec<Value>, ClientError> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES {
            let params = cursor.map_or_else(|| json!({}), |cursor| json!({"cursor": cursor}));
            let page = self.request(method, params).await?;
            items.extend(
                page.get(member)
                    .and_then(Value::as_array)
                    .cloned()
                    .unwrap_or_default(),
            );
            cursor = page
                .get("nextCursor")
                .and_then(Value::as_str)
                .map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(items)
    }

    /// Closes the connection; a child process gets a moment to end by itself and is then killed.
    pub async fn close(self) {
        if let Wire::Stdio(stdio) = self.wire {
            stdio.close().await;
        }
    }
}
