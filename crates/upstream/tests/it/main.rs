//! The connections against scripted servers: a child process and a loopback HTTP endpoint.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

mod endpoint;
mod http_credentials;
mod http_exchange;
mod http_handshake;
mod http_requests;
mod http_subscriptions;
mod http_tls;
mod openapi;
mod process;
mod sse;
mod stdio_exchange;
mod stdio_handshake;
mod stdio_requests;
mod stdio_subscriptions;
mod supervision;
mod support;
