//! What a message brings along before anything about it is believed.

use std::net::SocketAddr;
use std::sync::Arc;

use http::Method;
use portcullis_identity::{Certificate, Scheme};
use secrecy::SecretString;

use crate::session::Agreed;

/// One message at the door: where it came in, what it claims, and the credential it shows.
///
/// Authentication consumes it and keeps only [`Facts`], so that a caller's credential has no path
/// to anything behind that step.
#[derive(Debug)]
pub struct Arrival {
    /// The credential the caller presents.
    pub credential: Credential,
    /// Everything else.
    pub facts: Facts,
}

/// How a caller shows who it is.
#[derive(Debug)]
pub enum Credential {
    /// Nothing was presented.
    None,
    /// `Authorization: Bearer …` (RFC 6750 section 2.1) or `Authorization: DPoP …` (RFC 9449
    /// section 7.1).
    Token(ShownToken),
    /// An `Authorization` header that is neither, or more than one.
    Unreadable,
    /// The caller started this very process and owns its standard input.
    Process,
}

/// A token as it came.
#[derive(Debug)]
pub struct ShownToken {
    /// By which scheme.
    pub scheme: Scheme,
    /// The token.
    pub token: SecretString,
    /// The `DPoP` header, if there is exactly one.
    pub proof: Option<String>,
    /// The method and the path of the request, with its query: what the proof is about.
    pub request: (Method, String),
}

/// The parts of an arrival that are safe to keep.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The transport the message came by.
    pub transport: Transport,
    /// The peer address, for HTTP.
    pub remote: Option<SocketAddr>,
    /// The certificate by which the caller's end of the connection proved itself, for HTTP over TLS.
    pub certificate: Option<Arc<Certificate>>,
    /// True when a proxy header says that the peer address is not the caller's.
    pub forwarded: bool,
    /// Which profile the message is for.
    pub profile: Selector,
    /// Protocol headers, for HTTP.
    pub headers: Headers,
    /// What `initialize` agreed on earlier on this very connection, for stdio.
    pub connection: Option<Agreed>,
}

/// Downstream transports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Streamable HTTP.
    Http,
    /// Standard input and output.
    Stdio,
}

impl Transport {
    /// The name used in policies and in the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Stdio => "stdio",
        }
    }
}

/// How an arrival names its profile.
#[derive(Debug, Clone)]
pub enum Selector {
    /// By the request path.
    Path(String),
    /// By its name, as `serve --stdio` does.
    Name(String),
}

/// The MCP headers of an HTTP request, as sent.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    /// `MCP-Protocol-Version`.
    pub version: Option<String>,
    /// `Mcp-Method`.
    pub method: Option<String>,
    /// `Mcp-Name`.
    pub name: Option<String>,
    /// `Mcp-Session-Id`.
    pub session: Option<String>,
    /// `Last-Event-ID`: where a stream shall go on.
    pub last_event: Option<String>,
    /// `Mcp-Param-*`: what follows the prefix, in lower case, and the value.
    pub params: Vec<(String, String)>,
    /// A header above that came more than once or is not visible ASCII.
    pub ill_formed: Option<&'static str>,
}
