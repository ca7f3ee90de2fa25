//! The data plane on real sockets: what passes, what does not, and what is on record of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

mod apps;
mod asking;
mod batches;
mod controls;
mod credentials;
mod cross_origin;
mod dying;
mod empty_policy;
mod failing_store;
mod fixed_secrets;
mod hidden;
mod judged;
mod leaks;
mod listening;
mod malformed;
mod merging;
mod openapi;
mod reloading;
mod resuming;
mod review;
mod server_identity;
mod sessions;
mod stdio;
mod streams;
mod tls;
mod tokens;
mod trail;
