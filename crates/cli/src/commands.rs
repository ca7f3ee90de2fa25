//! The commands, one file each.

mod audit;
mod check;
mod demo;
mod doctor;
mod init;
mod key;
mod lab;
mod prove;
mod reference;
mod serve;
mod tools;
pub(crate) mod vault;
mod wrap;

use clap::Subcommand;

use crate::exit::{Exit, Failure};
use crate::setup;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Demo),
    Init(init::Init),
    Serve(serve::Serve),
    Wrap(wrap::Wrap),
    Check(check::Check),
    Tools(tools::Tools),
    Vault(vault::Vault),
    Audit(audit::Audit),
    Doctor(doctor::Doctor),
    Key(key::Key),
    Prove(prove::Prove),
    #[command(hide = true)]
    Lab(lab::Lab),
    #[command(hide = true)]
    Reference(reference::Reference),
}

impl Command {
    /// Whether the command goes on until it is stopped.
    pub(crate) fn is_server(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Wrap(_))
    }
}

/// Runs one command to its end.
pub(crate) fn run(command: Command) -> Result<Exit, Failure> {
    let runtime = setup::runtime()?;
    let exit = runtime.block_on(async {
        match command {
            Command::Audit(audit) => audit::run(audit).await,
            Command::Check(check) => check::run(check).await,
            Command::Demo(demo) => demo::run(demo).await,
            Command::Doctor(doctor) => doctor::run(doctor).await,
            Command::Init(init) => init::run(&init),
            Command::Key(key) => key::run(&key),
            Command::Lab(lab) => lab::run(lab).await,
            Command::Prove(prove) => prove::run(prove).await,
            Command::Reference(reference) => Ok(reference::run(&reference)),
            Command::Serve(serve) => serve::run(serve).await,
            Command::Tools(tools) => tools::run(tools).await,
            Command::Vault(vault) => vault::run(vault).await,
            Command::Wrap(wrap) => wrap::run(wrap).await,
        }
    });
    // A task that waits for standard input cannot be ended; the process does not wait for it.
    runtime.shutdown_background();
    exit
}
