//! Everything that can go wrong between the gateway and a server.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use portcullis_mcp::WireError;
use portcullis_mcp::json::JsonError;

/// Why an exchange or a connection failed. `Clone`, because one cause ends every pending
/// exchange. `Display` never holds message content, header values or a URL.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The child process could not be started.
    #[error("the server process could not be started")]
    Spawn(#[source] Arc<io::Error>),
    /// The server runs or answers, but no protocol era could be agreed on.
    #[error("the server did not complete the handshake: {0}")]
    Startup(StartupFailure),
    /// No answer within the request timeout.
    #[error("the server did not answer in time")]
    TimedOut,
    /// The child process ended.
    #[error("the server process ended{}", shown(.status.as_ref()))]
    Died {
        /// How it ended, when the system told.
        status: Option<ExitStatus>,
    },
    /// Recent attempts failed; no new one is made yet.
    #[error("the server failed recently, the next attempt is in {} ms", .retry_in.as_millis())]
    BackingOff {
        /// When the next attempt is allowed.
        retry_in: Duration,
    },
    /// An HTTP status that is not success, without an answer to this request in the body.
    #[error("the server answered with http status {}", .status.as_u16())]
    Http {
        /// The status.
        status: StatusCode,
        /// The code of a JSON-RPC error in the body that names no request.
        code: Option<i64>,
    },
    /// HTTP 401: the configured credential is missing or was refused.
    #[error("the server refused the configured credential")]
    Unauthorized,
    /// There is no credential for the request, which was not sent; or the server refused the one
    /// that there was, and no other will do. Its cause is what the source of credentials said.
    #[error("there is no credential for the server")]
    Credential(#[source] Cause),
    /// An HTTP redirect; they are not followed, the credential would go to another place.
    #[error("the server redirects to another address (http status {}), which is not followed", .status.as_u16())]
    Redirect {
        /// The status.
        status: StatusCode,
        /// Whether it leads to another origin.
        foreign: bool,
    },
    /// HTTP 404 or 400 within a session: the server forgot it. A new connection opens a new one.
    #[error("the server ended the session")]
    SessionEnded,
    /// The server's message is not strict JSON-RPC.
    #[error("the server sent a message that is not valid")]
    Protocol(#[source] WireError),
    /// A message of the server is over the size limit.
    #[error("the server sent a message over the size limit")]
    TooLarge,
    /// The body is neither JSON nor an event stream.
    #[error("the server answered with neither json nor an event stream")]
    ContentType,
    /// The server ended its reply without an answer to the request.
    #[error("the server ended its reply without an answer")]
    Unanswered,
    /// TLS could not be set up or the certificate was not accepted.
    #[error("no secure connection to the server")]
    Tls(#[source] Cause),
    /// The server's certificate is valid, but its key is none of those that are pinned for it: this
    /// is another server, or one whose key was changed without a word.
    #[error("the server's key is not one of those pinned for it")]
    Identity,
    /// The address leads to no place where the gateway sends anything.
    #[error("the server's address is refused by the rule {rule}")]
    Address {
        /// The rule that refuses it.
        rule: portcullis_egress::Rule,
    },
    /// No connection to the server's address.
    #[error("no connection to the server")]
    Connect(#[source] Cause),
    /// A header that mirrors an argument is not valid in HTTP.
    #[error("a header for the request is not valid")]
    Header,
    /// The era that the server speaks has no such message.
    #[error("the server's protocol era has no such message")]
    NotInEra,
    /// The connection broke or was closed by the gateway.
    #[error("the connection to the server is closed")]
    Closed,
}

/// A cause from a transport library, shared between clones.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why no protocol era could be agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartupFailure {
    /// Nothing came back within the start-up timeout.
    TimedOut,
    /// The handshake request was answered with this JSON-RPC error code.
    Refused {
        /// The JSON-RPC error code.
        code: i64,
    },
    /// The server speaks no protocol version known here, or none of the chosen era.
    Version,
    /// The handshake result does not fit the protocol.
    Malformed,
    /// A configured header value is not valid in HTTP.
    Header,
    /// The configured address is not `http` or `https` with a host.
    Address,
    /// The server wants messages to go to an address of another origin, where they are not sent.
    Origin,
    /// The client capabilities to declare are not JSON objects.
    Capabilities,
}

impl fmt::Display for StartupFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("it did not answer in time"),
            Self::Refused { code } => write!(f, "it answered with error {code}"),
            Self::Version => f.write_str("no protocol version in common"),
            Self::Malformed => f.write_str("its answer does not fit the protocol"),
            Self::Header => f.write_str("a configured header value is not valid"),
            Self::Capabilities => {
                f.write_str("the client capabilities to declare are not json objects")
            }
            Self::Address => f.write_str("the configured address is not an http address"),
            Self::Origin => f.write_str("it names another place to send messages to"),
        }
    }
}

impl From<WireError> for UpstreamError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Json(JsonError::TooLarge { .. }) => Self::TooLarge,
            error => Self::Protocol(error),
        }
    }
}

impl From<StartupFailure> for UpstreamError {
    fn from(failure: StartupFailure) -> Self {
        Self::Startup(failure)
    }
}

fn shown(status: Option<&ExitStatus>) -> String {
    status.map_or_else(String::new, |status| format!(" ({status})"))
}
