//! MCP without a library: what the hostile server and the canary share.
//!
//! Both eras are answered: `initialize` and sessions up to 2025-11-25, and self-describing requests with
//! `server/discover` from 2026-07-28.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinSet;

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const MODERN: &str = "2026-07-28";
const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// What a server does about one message.
pub(crate) enum Turn {
    /// Sends these messages, in order.
    Say(Vec<Value>),
    /// Sends a message after a while; other messages are answered meanwhile.
    Later(Duration, Value),
    /// Writes this much noise to standard error, then sends the messages.
    Noise(usize, Vec<Value>),
    /// Ends the process without a word.
    Die,
}

/// A server that answers one message at a time.
pub(crate) trait RawServer {
    /// Sees every line as it came, before it is parsed.
    fn line(&mut self, _line: &str) {}
    /// Answers one message.
    fn turn(&mut self, message: &Value) -> Turn;
}

/// Who a server says it is.
pub(crate) struct Identity {
    pub(crate) name: &'static str,
    pub(crate) instructions: Option<&'static str>,
    pub(crate) capabilities: Value,
}

impl Identity {
    /// Answers what every server answers alike: `initialize`, `server/discover`, `ping`, notifications and versions it
    /// does not know. `None` means that the message is for the server itself.
    pub(crate) fn lifecycle(&self, message: &Value) -> Option<Turn> {
        let Some(method) = message.get("method").and_then(Value::as_str) else {
            return Some(Turn::Say(Vec::new()));
        };
        if message.get("id").is_none() {
            return Some(Turn::Say(Vec::new()));
        }
        let information = json!({"name": format!("portcullis-lab-{}", self.name), "version": env!("CARGO_PKG_VERSION")});
        if let Some(version) = modern_version(message) {
            if version != MODERN {
                let data = json!({"supported": [MODERN], "requested": version});
                return Some(say(refusal(
                    message,
                    -32022,
                    "unsupported protocol version",
                    Some(data),
                )));
            }
            return match method {
                "server/discover" => {
                    let mut result = json!({
                        "supportedVersions": [MODERN],
                        "capabilities": self.capabilities,
                        "_meta": {"io.modelcontextprotocol/serverInfo": information},
                    });
                    if let (Some(text), Some(object)) = (self.instructions, result.as_object_mut())
                    {
                        object.insert("instructions".into(), text.into());
                    }
                    Some(say(answer(message, result)))
                }
                "initialize" | "ping" => {
                    Some(say(refusal(message, -32601, "method not found", None)))
                }
                _ => None,
            };
        }
        match method {
            "initialize" => {
                let asked = message
                    .pointer("/params/protocolVersion")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let version = LEGACY
                    .into_iter()
                    .find(|known| *known == asked)
                    .unwrap_or("2025-11-25");
                let mut result = json!({
                    "protocolVersion": version,
                    "capabilities": self.capabilities,
                    "serverInfo": information,
                });
                if let (Some(text), Some(object)) = (self.instructions, result.as_object_mut()) {
                    object.insert("instructions".into(), text.into());
                }
                Some(say(answer(message, result)))
            }
            "ping" => Some(say(answer(message, json!({})))),
            _ => None,
        }
    }
}

/// One message to send.
pub(crate) fn say(message: Value) -> Turn {
    Turn::Say(vec![message])
}

/// The result of a request, in the form of the request's era.
pub(crate) fn answer(request: &Value, mut result: Value) -> Value {
    if modern_version(request).is_some()
        && let Some(object) = result.as_object_mut()
    {
        object.insert("resultType".into(), "complete".into());
        let method = request
            .get("method")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if matches!(method, "server/discover" | "resources/read") || method.ends_with("/list") {
            object.insert("ttlMs".into(), 0.into());
            object.insert("cacheScope".into(), "private".into());
        }
    }
    json!({"jsonrpc": "2.0", "id": request.get("id"), "result": result})
}

/// The result of a tool call with one text.
pub(crate) fn text_answer(request: &Value, text: &str) -> Value {
    answer(
        request,
        json!({"content": [{"type": "text", "text": text}], "isError": false}),
    )
}

/// An error for a request.
pub(crate) fn refusal(request: &Value, code: i64, message: &str, data: Option<Value>) -> Value {
    let mut error = json!({"code": code, "message": message});
    if let (Some(data), Some(object)) = (data, error.as_object_mut()) {
        object.insert("data".into(), data);
    }
    json!({"jsonrpc": "2.0", "id": request.get("id"), "error": error})
}

/// The method, and for `tools/call` the tool's name.
pub(crate) fn asked(message: &Value) -> (&str, &str) {
    let method = message
        .get("method")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let name = message
        .pointer("/params/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    (method, name)
}

/// Runs a server on standard input and output until the input ends.
pub(crate) async fn on_stdio<S: RawServer>(server: S) -> std::io::Result<()> {
    let input = tokio::io::BufReader::new(tokio::io::stdin());
    run(server, input, tokio::io::stdout()).await
}

async fn run<S: RawServer>(
    mut server: S,
    input: impl AsyncBufRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    let mut lines = input.lines();
    let mut late: JoinSet<Value> = JoinSet::new();
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line?,
            Some(Ok(message)) = late.join_next(), if !late.is_empty() => {
                write(&mut output, &[message]).await?;
                continue;
            }
        };
        let Some(line) = line else { return Ok(()) };
        server.line(&line);
        let turn = match serde_json::from_str::<Value>(&line) {
            Ok(message) => server.turn(&message),
            Err(_) => say(refusal(&json!({"id": null}), -32700, "parse error", None)),
        };
        match turn {
            Turn::Say(messages) => write(&mut output, &messages).await?,
            Turn::Later(after, message) => {
                late.spawn(async move {
                    tokio::time::sleep(after).await;
                    message
                });
            }
            Turn::Noise(lines, messages) => {
                let noise = "noise \u{1b}[31mred\u{1b}[0m noise\n".repeat(lines);
                tokio::io::stderr().write_all(noise.as_bytes()).await?;
                write(&mut output, &messages).await?;
            }
            // Returning would wait for the thread that still reads standard input.
            Turn::Die => std::process::exit(1),
        }
    }
}

async fn write(output: &mut (impl AsyncWrite + Unpin), messages: &[Value]) -> std::io::Result<()> {
    for message in messages {
        let mut line = message.to_string();
        line.push('\n');
        output.write_all(line.as_bytes()).await?;
    }
    output.flush().await
}

/// The version that a self-describing request names; `None` for a legacy one.
pub(crate) fn modern_version(message: &Value) -> Option<&str> {
    message
        .get("params")?
        .get("_meta")?
        .get(META_VERSION)?
        .as_str()
}
