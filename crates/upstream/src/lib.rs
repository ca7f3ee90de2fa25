//! Connections to MCP servers: child processes over stdio, Streamable HTTP, era discovery.
//!
//! This crate knows nothing of principals, policy or audit. It carries what the gateway judged
//! to one server and brings back what belongs to that exchange, under bounds: bounded queues,
//! bounded messages, bounded time. [`Upstream`] is one supervised server; [`Connection`] is one
//! life of it; [`Exchange`] is one request and everything the server says about it.
//!
//! A server that sends requests of its own (sampling, elicitation, roots) is answered here: the
//! gateway declares no client capabilities, so nothing but `ping` is offered.

mod backoff;
mod connection;
mod error;
mod exchange;
mod handshake;
mod http;
mod inbox;
mod incoming;
mod lifeline;
mod list_changes;
mod outgoing;
mod peer;
mod spec;
mod stdio;
mod subscription;
mod throttle;
mod upstream;

pub use connection::{Connection, Request};
pub use error::{Cause, StartupFailure, UpstreamError};
pub use exchange::Exchange;
pub use http::HttpClient;
pub use list_changes::{ListChanges, ListCounts};
pub use peer::Discards;
pub use spec::{EraChoice, Spec, Transport};
pub use upstream::{Status, Upstream};
