#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    missing_docs,
    reason = "tests"
)]
#![cfg(unix)]

mod binary;
mod canaries;
mod cli;
mod demo;
mod host;
mod hostile;
mod http;
mod interop;
mod place;
mod probes;
mod prove;
mod sign_in;
