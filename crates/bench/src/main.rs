//! Measures Portcullis beside a bare proxy and beside its peers, in one run.

mod child;
mod echo;
mod load;
mod measure;
mod plan;
mod proxy;
mod report;
mod subject;
mod tokens;
mod usage;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a part of the bench ends with when it could not do its work; the text is for a person.
type Outcome<T = ()> = Result<T, String>;

#[derive(Debug, Parser)]
#[command(
    name = "portcullis-bench",
    about = "Measures Portcullis beside a bare proxy and beside its peers"
)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Measure everything, interleaved, and report
    Run(Run),
    /// The MCP server that everything is measured with (started by `run`)
    Echo,
    /// The bare reverse proxy that is the floor (started by `run`)
    Proxy {
        /// Where to send everything, as `host:port`
        #[arg(long)]
        to: String,
    },
    /// One closed loop of requests (started by `run`)
    Load(load::Load),
}

/// What to measure and where to put it.
#[derive(Debug, clap::Args)]
struct Run {
    /// Take less than a minute; the numbers are rougher
    #[arg(long)]
    quick: bool,
    /// Measure this agentgateway too
    #[arg(long, value_name = "PATH")]
    agentgateway: Option<PathBuf>,
    /// Measure these sections only
    #[arg(long, value_name = "SECTION", value_enum, value_delimiter = ',')]
    only: Vec<plan::Section>,
    /// The folder for bench.json, bench.svg and everything the processes write
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    out: PathBuf,
    /// The gateway to measure; without it, the one beside this program
    #[arg(long, value_name = "PATH")]
    portcullis: Option<PathBuf>,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().part {
        Part::Run(run) => measure::run(&run),
        Part::Echo => echo::serve(),
        Part::Proxy { to } => proxy::serve(&to),
        Part::Load(load) => load::run(&load),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Prints one line. A closed pipe is no reason to fail.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}
