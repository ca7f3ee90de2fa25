//! The client side of OAuth over real sockets: against servers that answer well and badly, and
//! against a real authorization server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

mod client_document;
mod fake;
mod graph;
mod introspection;
mod keys;
mod metadata;
mod own_credentials;
mod provider;
mod sign_in;
mod token_endpoint;
mod world;
