//! The front over requests and answers, with the lab's Entra behind it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

mod app;
mod attacks;
mod browser;
mod connect;
mod documents;
mod replicas;
mod sign_in;
mod standard;
mod tokens;
mod world;
