//! Who calls, with issuers on loopback that rotate keys, go down, and are played against.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

mod entra;
mod opaque;
mod possession;
mod probe;
mod registration;
mod reload;
mod standard;
mod world;
