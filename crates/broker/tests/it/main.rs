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
mod exchange;
mod grants;
mod issuers;
mod mcp;
mod own;
mod provider;
mod real;
mod revocations;
mod world;
