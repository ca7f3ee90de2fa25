//! Connections to MCP servers: child processes over stdio, Streamable HTTP, the old HTTP+SSE, era
//! discovery. An API described by an OpenAPI document is a server too: its tools are answered here.
//!
//! This crate knows nothing of principals, policy or audit. It carries what the gateway judged
//! to one server and brings back what belongs to that exchange, under bounds: bounded queues,
//! bounded messages, bounded time. [`Upstream`] is one supervised server; [`Connection`] is one
//! life of it; [`Exchange`] is one request and everything the server says about it.
//!
//! A legacy server may send requests of its own (sampling, elicitation, roots) as far as
//! [`ClientCapabilities`] say so. They come with the [`Exchange`] they belong to, or through
//! [`Loose`] when they belong to none. What was not offered, and what nobody is there to answer, is
//! answered here with an error.

mod backoff;
mod connection;
mod credentials;
mod error;
mod exchange;
#[cfg(test)]
mod fixture;
mod handshake;
mod http;
mod inbox;
mod incoming;
mod lifeline;
mod link;
mod list_changes;
mod loose;
mod openapi;
mod outgoing;
mod parcel;
mod peer;
mod requests;
mod spec;
mod sse;
mod stdio;
mod subscription;
mod throttle;
mod upstream;

pub use connection::{Connection, Request};
pub use credentials::{Credential, Credentials};
pub use error::{Cause, StartupFailure, UpstreamError};
pub use exchange::Exchange;
pub use http::HttpClient;
pub use list_changes::{ListChanges, ListCounts};
pub use loose::Loose;
pub use peer::Discards;
pub use spec::{ClientCapabilities, EraChoice, HttpKind, Spec, Transport};
pub use upstream::{Status, Upstream};
