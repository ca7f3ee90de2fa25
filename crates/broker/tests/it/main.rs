//! The broker over real sockets: against authorization servers that behave and that do not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

mod browser;
mod clients;
mod exchange;
mod grants;
mod issuers;
mod mcp;
mod own;
mod possession;
mod provider;
mod real;
mod resource;
mod revocations;
mod scopes;
mod world;
