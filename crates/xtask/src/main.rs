//! Chores of the repository: `cargo xtask test`, `peers`, `generate`, `tidy`, `bench` and
//! `instructions`.

mod bench;
mod conformance;
mod fuzz;
mod generate;
mod instructions;
mod peers;
mod postgres;
mod soak;
mod step;
mod test;
mod tidy;
mod tools;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a chore ends with when it could not do its work; the text is for a person.
type Outcome = Result<(), String>;

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    about = "Chores of the repository",
    bin_name = "cargo xtask"
)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Run the official conformance suite directly and through Portcullis, and compare
    Conformance(conformance::Options),
    /// What the suite calls as the client under test
    #[command(hide = true)]
    ConformanceClient {
        /// Leave Portcullis out
        #[arg(long)]
        direct: bool,
        /// The suite's server
        url: String,
    },
    /// Measure the gateway beside a bare proxy, and beside agentgateway where it is given
    Bench(bench::Bench),
    /// Run the fuzz targets, each for some seconds
    Fuzz(fuzz::Options),
    /// Write the reference pages in docs/reference from the code
    Generate {
        /// Write nothing; fail if a page is not what would be written
        #[arg(long)]
        check: bool,
    },
    /// Count the instructions of fixed work, and fail where they grew by more than 5 %
    Instructions {
        /// Write the counts as the new baseline
        #[arg(long)]
        accept: bool,
    },
    /// Install the MCP servers and clients of interop/ at their locked versions
    Peers,
    /// Load the gateway for a while, with servers that are killed and started again
    Soak(soak::Options),
    /// Run every check in order; stop at the first that fails
    Test {
        /// Leave out what needs Node or Python: the interoperability tests
        #[arg(long)]
        fast: bool,
    },
    /// Check the rules of the house that no compiler checks
    Tidy,
}

fn main() -> ExitCode {
    let root = root();
    let outcome = match Arguments::parse().chore {
        Chore::Bench(bench) => bench::run(&root, &bench),
        Chore::Conformance(options) => tools::require(true)
            .and_then(|()| peers::install(&root))
            .and_then(|()| conformance::run(&root, &options)),
        Chore::ConformanceClient { direct, url } => conformance::run_client(&root, &url, direct),
        Chore::Fuzz(options) => fuzz::run(&root, &options),
        Chore::Generate { check } => generate::run(&root, check),
        Chore::Instructions { accept } => instructions::run(&root, accept),
        Chore::Peers => tools::require(true).and_then(|()| peers::install(&root)),
        Chore::Soak(options) => soak::run(&root, &options),
        Chore::Test { fast } => test::run(&root, fast),
        Chore::Tidy => tidy::run(&root),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "{problem}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository, two folders above this crate.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Prints one line. A closed pipe is no reason to fail.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
