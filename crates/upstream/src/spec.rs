//! What is configured about one server.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Uri};
use portcullis_egress::PeerTls;
use portcullis_mcp::Method;
use portcullis_mcp::json::{self, Limits, Object};
use portcullis_openapi::Document;
use secrecy::SecretString;

use crate::Credentials;

/// One registered server: how to reach it and how long to wait for it.
#[derive(Clone)]
pub struct Spec {
    /// The configured server name; it labels log lines and nothing else.
    pub name: String,
    /// How the server is reached.
    pub transport: Transport,
    /// Which protocol era to speak.
    pub era: EraChoice,
    /// The longest that spawning, connecting and the handshake may take together.
    pub startup_timeout: Duration,
    /// The longest that one request may take, from sending to its answer. Progress does not
    /// extend it: a server cannot keep a request open by reporting progress.
    pub request_timeout: Duration,
    /// The largest and deepest message accepted from the server.
    pub limits: Limits,
    /// What is declared to the server as the client's capabilities.
    pub client: ClientCapabilities,
    /// What each HTTP request is sent with, besides the headers of the transport, which it replaces
    /// where their names are the same. [`Request::credentials`](crate::Request) goes before it.
    pub credentials: Option<Arc<dyn Credentials>>,
}

/// What the gateway declares to a server on behalf of its callers, as raw JSON objects. A server
/// may ask for nothing that is not in here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCapabilities {
    /// `capabilities` of `initialize` (2025-11-25, basic/lifecycle).
    pub legacy: String,
    /// `_meta["io.modelcontextprotocol/clientCapabilities"]` of every modern request.
    pub modern: String,
}

impl Default for ClientCapabilities {
    /// Nothing in either era.
    fn default() -> Self {
        Self {
            legacy: "{}".to_owned(),
            modern: "{}".to_owned(),
        }
    }
}

impl ClientCapabilities {
    /// Whether both are JSON objects, so that what they are put into stays JSON.
    pub(crate) fn are_objects(&self) -> bool {
        [&self.legacy, &self.modern].into_iter().all(|text| {
            json::check(text.as_bytes(), &Limits::default()).is_ok() && Object::parse(text).is_ok()
        })
    }

    /// Whether a legacy server was told that it may send this request.
    pub(crate) fn offer(&self, method: Method) -> bool {
        let capability = match method {
            Method::SamplingCreateMessage => "sampling",
            Method::ElicitationCreate => "elicitation",
            Method::RootsList => "roots",
            _ => return false,
        };
        Object::parse(&self.legacy).is_ok_and(|declared| declared.get(capability).is_some())
    }
}

/// How a server is reached.
#[derive(Clone)]
pub enum Transport {
    /// A child process that speaks newline-delimited JSON on its standard streams.
    Stdio {
        /// The program, looked up in `PATH` when it holds no slash.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Variables added to the small environment that every child gets.
        env: Vec<(String, SecretString)>,
        /// The working directory; the gateway's own when absent.
        cwd: Option<PathBuf>,
    },
    /// An MCP endpoint over HTTP.
    Http {
        /// The endpoint. User information in it is not sent.
        url: Uri,
        /// Headers added to every request, for instance the server's own credential. They
        /// cannot replace the headers that the protocol or HTTP framing needs.
        headers: Vec<(HeaderName, SecretString)>,
        /// Which of the two HTTP transports.
        kind: HttpKind,
        /// Who the server is: what differs for it from the TLS of all servers.
        tls: Option<Box<PeerTls>>,
    },
    /// An HTTP API that an OpenAPI document describes. Its operations are tools, which one HTTP
    /// request each answers; there is no MCP on the wire.
    OpenApi {
        /// What the API offers.
        document: Arc<Document>,
        /// The address that the document's paths continue.
        base: Uri,
        /// Headers added to every request. They replace what a caller says by header parameters
        /// of the same name.
        headers: Vec<(HeaderName, SecretString)>,
        /// Who the API is: what differs for it from the TLS of all servers.
        tls: Option<Box<PeerTls>>,
    },
}

/// Which transport an MCP endpoint over HTTP speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpKind {
    /// Streamable HTTP, or HTTP+SSE when the endpoint takes no POST and offers the old transport
    /// (2025-11-25, basic/transports, Backwards Compatibility).
    #[default]
    Auto,
    /// Streamable HTTP only.
    Streamable,
    /// HTTP+SSE (2024-11-05) only.
    Sse,
}

/// Which protocol era to speak with a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EraChoice {
    /// Probe with `server/discover`, fall back to `initialize`.
    #[default]
    Auto,
    /// `server/discover` only.
    Modern,
    /// `initialize` only; saves a silent legacy server the probe's timeout.
    Legacy,
}

// === impl Debug ===
// Arguments, variable values, header values and URL queries may hold credentials.

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("name", &self.name)
            .field("transport", &self.transport)
            .field("era", &self.era)
            .field("startup_timeout", &self.startup_timeout)
            .field("request_timeout", &self.request_timeout)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdio { command, .. } => f
                .debug_struct("Stdio")
                .field("command", command)
                .finish_non_exhaustive(),
            Self::Http { url, kind, .. } => f
                .debug_struct("Http")
                .field("host", &url.host())
                .field("port", &url.port_u16())
                .field("kind", kind)
                .finish_non_exhaustive(),
            Self::OpenApi { document, base, .. } => f
                .debug_struct("OpenApi")
                .field("document", document)
                .field("host", &base.host())
                .field("port", &base.port_u16())
                .finish_non_exhaustive(),
        }
    }
}
