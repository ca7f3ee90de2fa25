//! The calendar over HTTP as it is often deployed: behind no door, or with a door that opens to whoever knows a session.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::calendar::{sample_events, week_as_text};
use super::loopback::{self, Arrival, Reply, Running};
use super::raw::{Identity, Turn, answer, asked, refusal, say, text_answer};

const SESSION: &str = "desk-session-1";

/// Whom the desk serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// Everybody.
    Open,
    /// Who shows this bearer token at `initialize`; from then on, everybody with the session id.
    TokenOnce(String),
    /// Who shows this bearer token with every request, as it should be.
    TokenAlways(String),
}

/// A running desk; it ends when dropped.
pub struct Desk {
    address: SocketAddr,
    _running: Running,
}

impl Desk {
    /// Where it listens, as an MCP endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }
}

/// Runs a desk on a listener (legacy era).
///
/// # Errors
/// When the listener has no local address.
pub async fn desk(listener: TcpListener, door: Door) -> std::io::Result<Desk> {
    let address = listener.local_addr()?;
    let running = loopback::answer_all(listener, move |arrival| reply(&door, &arrival));
    Ok(Desk {
        address,
        _running: running,
    })
}

fn reply(door: &Door, arrival: &Arrival) -> Reply {
    let mut headers = HeaderMap::new();
    let Ok(message) = serde_json::from_str::<Value>(&arrival.body) else {
        return Reply {
            status: StatusCode::BAD_REQUEST,
            headers,
            body: None,
        };
    };
    let opening = asked(&message).0 == "initialize";
    if !admitted(door, arrival, opening) {
        return Reply {
            status: StatusCode::UNAUTHORIZED,
            headers,
            body: None,
        };
    }
    if opening {
        headers.insert("mcp-session-id", HeaderValue::from_static(SESSION));
    }
    match respond(&message) {
        Some(body) => Reply {
            status: StatusCode::OK,
            headers,
            body: Some(body),
        },
        None => Reply {
            status: StatusCode::ACCEPTED,
            headers,
            body: None,
        },
    }
}

fn admitted(door: &Door, arrival: &Arrival, opening: bool) -> bool {
    let header = |name: &str| {
        arrival
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let shows = |token: &String| header("authorization") == Some(&format!("Bearer {token}"));
    match door {
        Door::Open => true,
        Door::TokenOnce(token) if opening => shows(token),
        Door::TokenOnce(_) => header("mcp-session-id") == Some(SESSION),
        Door::TokenAlways(token) => shows(token),
    }
}

fn respond(message: &Value) -> Option<Value> {
    let identity = Identity {
        name: "desk",
        instructions: None,
        capabilities: json!({"tools": {}}),
    };
    let turn = identity
        .lifecycle(message)
        .unwrap_or_else(|| match asked(message) {
            ("tools/list", _) => say(answer(
                message,
                json!({"tools": [{
                    "name": "list_events",
                    "description": "Lists the events of the week.",
                    "inputSchema": {"type": "object"},
                }]}),
            )),
            ("tools/call", "list_events") => {
                say(text_answer(message, &week_as_text(&sample_events())))
            }
            ("tools/call", _) => say(refusal(message, -32602, "unknown tool", None)),
            _ => say(refusal(message, -32601, "method not found", None)),
        });
    match turn {
        Turn::Say(messages) => messages.into_iter().next(),
        _ => None,
    }
}
