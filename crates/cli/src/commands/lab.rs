//! `portcullis lab NAME` (hidden): one of the lab's servers on standard input and output, or one of
//! its issuers on loopback.

use clap::Args;
use portcullis_lab::{IssuerKind, ServerKind};

use crate::exit::{Exit, Failure};

/// Runs one of the lab's servers, or an issuer (`entra`, `graph`, `identity-provider`).
///
/// A server speaks MCP on standard input and output. An issuer prints its addresses as one line of
/// JSON and runs until standard input ends; LAB_LISTEN, LAB_TLS and LAB_SETTINGS set it up.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis lab papers\n  LAB_LISTEN=127.0.0.1:9443 portcullis lab entra < /dev/tty"
)]
pub(crate) struct Lab {
    /// What to run
    #[arg(value_parser = parse)]
    part: Part,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Server(ServerKind),
    Issuer(IssuerKind),
}

fn parse(name: &str) -> Result<Part, String> {
    ServerKind::parse(name)
        .map(Part::Server)
        .or_else(|| IssuerKind::parse(name).map(Part::Issuer))
        .ok_or_else(|| format!("no lab server and no issuer is named {name}"))
}

pub(crate) async fn run(lab: Lab) -> Result<Exit, Failure> {
    match lab.part {
        Part::Server(kind) => portcullis_lab::serve(kind)
            .await
            .map_err(|error| Failure::because("the lab server failed", &error))?,
        Part::Issuer(kind) => portcullis_lab::serve_issuer(kind)
            .await
            .map_err(|error| Failure::because("the lab's issuer failed", &error))?,
    }
    Ok(Exit::Fine)
}
