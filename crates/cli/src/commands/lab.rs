//! `portcullis lab SERVER` (hidden): one of the lab's servers on standard input and output.

use clap::Args;
use portcullis_lab::ServerKind;

use crate::exit::{Exit, Failure};

#[derive(Debug, Args)]
pub(crate) struct Lab {
    /// The server to run
    #[arg(value_parser = |name: &str| ServerKind::parse(name).ok_or_else(|| format!("no lab server is named {name}")))]
    server: ServerKind,
}

pub(crate) async fn run(lab: Lab) -> Result<Exit, Failure> {
    portcullis_lab::serve(lab.server)
        .await
        .map_err(|error| Failure::because("the lab server failed", &error))?;
    Ok(Exit::Fine)
}
