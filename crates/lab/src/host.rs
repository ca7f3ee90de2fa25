//! A gullible host: a fake model with no judgement, on a minimal MCP client.
//!
//! The model makes the calls of its [`Task`] and, on the way, obeys every instruction that it reads in text which is
//! not marked as untrusted: tool definitions, results, errors, resources, prompts and servers' instructions. What
//! counts as an instruction is the small grammar of [`grammar`]; what counts as marked is decided in [`marker`]. It is
//! deterministic, so that an attack which works once works always.

mod client;
pub mod grammar;
mod http;
pub mod marker;
mod model;
mod stdio;
mod transcript;

pub use client::{Client, ClientError};
pub use transcript::{Answer, Event, Transcript, Why};

use std::path::PathBuf;

use serde_json::Value;

/// How to reach one MCP server.
#[derive(Clone, PartialEq, Eq)]
pub enum Connection {
    /// A child process that gets nothing of this process's environment but `PATH`.
    Stdio {
        /// Program.
        command: PathBuf,
        /// Arguments.
        args: Vec<String>,
        /// Environment.
        env: Vec<(String, String)>,
    },
    /// Streamable HTTP on this machine.
    Http {
        /// Endpoint, `http://` on a loopback address.
        url: String,
        /// Token for `Authorization: Bearer`.
        bearer: Option<String>,
    },
}

impl std::fmt::Debug for Connection {
    /// Leaves out environment and token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stdio { command, args, .. } => {
                write!(f, "Stdio({} {})", command.display(), args.join(" "))
            }
            Self::Http { url, .. } => write!(f, "Http({url})"),
        }
    }
}

/// What the host is asked to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// What a person would call it.
    pub title: String,
    /// The calls that a sensible model would make for it.
    pub steps: Vec<Step>,
}

/// One step of a task.
///
/// Strings inside arguments may hold `{{name}}`, which stands for the answer saved under that name.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Fetches all tool lists again, as many hosts do before every turn.
    List,
    /// Calls a tool that is listed.
    Call {
        /// `server__tool`, or the tool's name alone.
        tool: String,
        /// Arguments.
        arguments: Value,
        /// Name under which the answer's text is kept.
        save_as: Option<String>,
    },
    /// Calls a tool by name, listed or not.
    CallUnlisted {
        /// The server's name.
        server: String,
        /// The tool's own name.
        tool: String,
        /// Arguments.
        arguments: Value,
    },
    /// Reads a resource.
    ReadResource {
        /// The server's name.
        server: String,
        /// The resource.
        uri: String,
    },
    /// Gets a prompt.
    GetPrompt {
        /// The server's name.
        server: String,
        /// The prompt's own name.
        name: String,
        /// Arguments.
        arguments: Value,
    },
}

/// Why a host could not reach one of its servers.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to {server}")]
pub struct HostError {
    /// The name that the host uses for the server.
    pub server: String,
    /// What went wrong.
    pub source: ClientError,
}

/// A host with open connections.
pub struct Host {
    clients: Vec<Client>,
}

impl Host {
    /// Connects to one server or to many, each under a name. Without Portcullis a host connects to every server;
    /// with Portcullis to one URL.
    ///
    /// # Errors
    /// The first connection that fails; those opened before are closed.
    pub async fn connect(servers: Vec<(String, Connection)>) -> Result<Host, HostError> {
        let mut clients = Vec::with_capacity(servers.len());
        for (name, connection) in servers {
            match Client::connect(&name, &connection).await {
                Ok(client) => clients.push(client),
                Err(source) => {
                    return Err(HostError {
                        server: name,
                        source,
                    });
                }
            }
        }
        Ok(Host { clients })
    }

    /// Does a task and tells everything that happened on the way. Failures of single calls are part of the story.
    pub async fn run(&mut self, task: &Task) -> Transcript {
        model::run(&mut self.clients, task).await
    }

    /// Closes every connection in order; child processes get a moment to end by themselves.
    pub async fn close(self) {
        for client in self.clients {
            client.close().await;
        }
    }
}
