//! Scripted MCP servers, a running gateway and a plain client, for tests.
//!
//! [`ScriptedServer`] is an MCP server over Streamable HTTP that answers from a [`Script`] and keeps
//! every byte it was sent. [`TestGateway`] is the real gateway on real sockets over a real SQLite
//! file. Its [`TestGateway::finish`] checks what must hold after every test: each audit entry is
//! closed, each call that a server got has its entry, and no secret of the test is anywhere it
//! should not be.
//!
//! What a server and a client are to the gateway is written here a second time, on purpose: a test
//! that reads messages with the code under test proves little.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a tool of tests fails by panicking"
)]

mod caller;
mod client;
mod digest;
mod gateway;
mod script;
mod server;
mod wait;

pub use caller::{Caller, Speaks, modern_params};
pub use client::{Call, Opened, Reply};
pub use digest::sha256;
pub use gateway::{Builder, TestGateway};
pub use script::{Script, Step};
pub use server::{Received, ScriptedServer};
pub use wait::{PATIENCE, eventually};
