//! `cargo xtask bench`: builds what is measured and what measures, and runs it.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::Outcome;
use crate::step::Step;

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Take less than a minute; the numbers are rougher
    #[arg(long)]
    quick: bool,
    /// Measure this agentgateway too
    #[arg(long, value_name = "PATH")]
    agentgateway: Option<PathBuf>,
    /// Measure these sections only: calls, controls, identity, streaming, large, lists, memory
    #[arg(long, value_name = "SECTION")]
    only: Option<String>,
    /// The folder for bench.json and bench.svg
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    out: PathBuf,
    /// The build profile to measure: `bench` is the release profile with line tables, `dist` is
    /// what is handed out
    #[arg(long, default_value = "bench")]
    profile: String,
}

/// Builds with optimisation and measures. No number passes or fails anything.
///
/// # Errors
/// When the build fails, something cannot be started, or an answer is not what it should be.
pub(crate) fn run(root: &Path, bench: &Bench) -> Outcome {
    Step::new("cargo build --package portcullis --package portcullis-bench --bins --profile")
        .arg(&*bench.profile)
        .run(root)?;
    let program = folder(root, &bench.profile).join("portcullis-bench");
    let mut step = Step::program(&program.to_string_lossy()).arg("run");
    if bench.quick {
        step = step.arg("--quick");
    }
    if let Some(path) = &bench.agentgateway {
        // The bench runs in the root of the repository, the user is perhaps elsewhere.
        let path = path
            .canonicalize()
            .map_err(|error| format!("{}: {error}", path.display()))?;
        step = step.arg("--agentgateway").arg(path.to_string_lossy());
    }
    if let Some(only) = &bench.only {
        step = step.arg("--only").arg(&**only);
    }
    step.arg("--out").arg(bench.out.to_string_lossy()).run(root)
}

/// Where cargo puts the programs of a profile.
pub(crate) fn folder(root: &Path, profile: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |folder| root.join(folder));
    match profile {
        "bench" | "release" => target.join("release"),
        "dev" | "test" => target.join("debug"),
        other => target.join(other),
    }
}
