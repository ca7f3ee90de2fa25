//! The store through its public interface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

mod contract;
mod crash;
mod file;
mod killed;
mod migrations;
mod postgres;
mod processes;
mod server;
mod sqlite;
mod volume;
