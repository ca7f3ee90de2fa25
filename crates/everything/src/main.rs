//! A server with everything that the MCP conformance suite asks for, on rmcp's server half.
//!
//! It is what the suite is run against, directly and through Portcullis. It shares no code with
//! the gateway, so that a mistake in ours cannot hide here.

#![expect(
    deprecated,
    reason = "the suite asks for what 2026-07-28 deprecates: logging, sampling, roots, subscribing"
)]

mod completion;
mod era;
mod input;
mod listeners;
mod prompts;
mod resources;
mod samples;
mod serve;
mod server;
mod tools;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;

use era::Eras;

#[derive(Debug, Parser)]
#[command(about = "A server with everything the MCP conformance suite asks for")]
struct Arguments {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The protocol era that is spoken; the other is refused as a server of one era would
    #[arg(long, value_enum, default_value_t = Eras::Both)]
    era: Eras,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Listens, prints the URL on stdout, and serves until it is killed.
async fn run(arguments: &Arguments) -> io::Result<()> {
    let listener = serve::bind(arguments.port).await?;
    writeln!(
        io::stdout(),
        "http://{}{}",
        listener.local_addr()?,
        serve::PATH
    )?;
    serve::serve(listener, arguments.era).await
}
