//! The client against hosts on this machine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

mod authority;
mod forgery;
mod host;
mod limits;
mod names;
mod redirects;
mod tls;
