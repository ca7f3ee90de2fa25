//! `portcullis doctor`: what is wrong with something outside, and how to mend it.

mod entra;

use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};

/// Finds out what is wrong with something that Portcullis depends on, and says how to mend it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  portcullis doctor entra")]
pub(crate) struct Doctor {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Entra(entra::Entra),
}

pub(crate) async fn run(doctor: Doctor) -> Result<Exit, Failure> {
    match doctor.action {
        Action::Entra(entra) => entra::run(entra).await,
    }
}
