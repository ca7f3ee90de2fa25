//! The vault through its public interface, over SQLite and loopback key services.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

mod canaries;
mod fakes;
mod key_services;
mod outage;
mod renewal;
mod rotation;
mod vault;
mod world;
