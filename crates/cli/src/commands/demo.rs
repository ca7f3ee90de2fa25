//! x
use clap::Args;
use crate::exit::{Exit, Failure};
/// x
#[derive(Debug, Args)]
pub(crate) struct Demo {}
pub(crate) async fn run(_d: Demo) -> Result<Exit, Failure> { Ok(Exit::Fine) }
