//! x
use clap::Args;
use crate::exit::{Exit, Failure};
/// x
#[derive(Debug, Args)]
pub(crate) struct Prove {}
pub(crate) async fn run(_d: Prove) -> Result<Exit, Failure> { Ok(Exit::Fine) }
