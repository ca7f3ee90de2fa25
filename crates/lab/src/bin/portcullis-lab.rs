//! Runs one lab server: `portcullis-lab lab SERVER`. MCP servers speak on standard input and output; `entra` and
//! `identity-provider` listen on loopback and say where.
//!
//! The same command line as the hidden `portcullis lab SERVER`, for tests and for trying a server by hand.

use std::process::ExitCode;

use portcullis_lab::{IssuerKind, ServerKind};

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = match (arguments.next().as_deref(), arguments.next()) {
        (Some("lab"), Some(name)) => name,
        _ => return ExitCode::from(2),
    };
    let served = match (ServerKind::parse(&name), IssuerKind::parse(&name)) {
        (Some(kind), _) => portcullis_lab::serve(kind).await.is_ok(),
        (None, Some(kind)) => portcullis_lab::serve_issuer(kind).await.is_ok(),
        (None, None) => return ExitCode::from(2),
    };
    if served {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(3)
    }
}
