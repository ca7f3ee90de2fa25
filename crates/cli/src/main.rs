//! `portcullis`: a security gateway for the Model Context Protocol.
//!
//! One file per command under [`commands`]; this file parses, dispatches and turns a failure into
//! a message and an exit code.

mod commands;
mod duration;
mod exit;
mod logging;
mod setup;
mod terminal;

use clap::Parser;

use exit::Exit;

#[derive(Debug, Parser)]
#[command(
    name = "portcullis",
    version,
    about = "A security gateway between AI hosts and MCP servers",
    long_about = "Portcullis stands between AI hosts (Claude, VS Code, Cursor and others) and the MCP servers they use.\n\
                  It knows who calls, decides what they may do, proves that a tool is still the tool that was\n\
                  approved, takes hidden instructions out of what tools return, and records every message.",
    after_help = "Start here:\n  portcullis demo            see it stop real attacks on this machine\n  \
                  portcullis init            write a configuration from the MCP hosts on this machine\n  \
                  portcullis wrap -- CMD     guard one stdio server, as a drop-in for a host's command line\n\n\
                  Exit codes: 0 fine, 1 findings or refused, 2 wrong use, 3 could not run, 64 bad configuration.",
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(flatten)]
    logging: logging::Logging,
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> std::process::ExitCode {
    // clap ends the process itself: 2 for wrong use, 0 for --help and --version.
    let cli = Cli::parse();
    logging::start(&cli.logging, cli.command.is_server());
    let exit = match commands::run(cli.command) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.show();
            failure.exit()
        }
    };
    exit.into()
}

/// The command line as clap knows it, for the reference page.
fn command_line() -> clap::Command {
    use clap::CommandFactory as _;
    Cli::command()
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
