//! Everything that has to pass, in the order in which a failure is cheapest to find.

use std::path::Path;

use crate::step::{Progress, Step};
use crate::{
    Outcome, conformance, fuzz, generate, instructions, peers, postgres, say, tidy, tools,
};

const STEPS: usize = 13;

/// Runs every check; `fast` leaves out what needs Node or Python.
///
/// # Errors
/// The first check that fails, with the command that repeats it.
pub(crate) fn run(root: &Path, fast: bool) -> Outcome {
    let mut progress = Progress::new(STEPS);
    progress.step("programs on this machine", || tools::require(!fast))?;
    progress.step("PostgreSQL", || postgres::provide(root))?;
    if fast {
        progress.skip("interoperability peers", "--fast");
    } else {
        progress.step("interoperability peers", || peers::install(root))?;
    }
    progress.step("tidiness", || tidy::run(root))?;
    progress.step("formatting", || {
        Step::new("cargo fmt --all --check").run(root)
    })?;
    progress.step("lints", || {
        Step::new("cargo clippy --workspace --all-targets -- -D warnings").run(root)
    })?;
    if tools::has_subcommand("deny") {
        progress.step("dependencies", || {
            Step::new("cargo deny --all-features check").run(root)
        })?;
    } else {
        progress.skip(
            "dependencies",
            "cargo-deny is not installed (cargo install --locked cargo-deny)",
        );
    }
    // Tests and the reference pages run binaries of other crates, which no test build makes. Built
    // together with the tests, they share one set of features, and nothing is built a second time.
    progress.step("build", || {
        Step::new("cargo build --workspace --lib --bins --tests --examples").run(root)
    })?;
    progress.step("tests", || tests(root, fast).run(root))?;
    if fast {
        progress.skip("conformance suite", "--fast");
    } else {
        progress.step("conformance suite", || {
            conformance::run(root, &conformance::Options::everything_built())
        })?;
    }
    progress.step("reference pages", || generate::run(root, true))?;
    progress.step("instruction counts", || instructions::run(root, false))?;
    if fuzz::has_compiler() {
        progress.step("fuzz targets, ten seconds each", || {
            fuzz::run(root, &fuzz::Options::SHORT)
        })?;
    } else {
        progress.skip(
            "fuzz targets",
            "there is no C++ compiler (Debian and Ubuntu: g++)",
        );
    }

    let left_out = if fast {
        ", without the interoperability tests and the conformance suite"
    } else {
        ""
    };
    say(&format!(
        "\nEverything passed in {}{left_out}.",
        progress.elapsed()
    ));
    Ok(())
}

/// nextest where it is installed, for its timeouts and its report; cargo's own runner elsewhere.
fn tests(root: &Path, fast: bool) -> Step {
    let step = if tools::has_subcommand("nextest") {
        Step::new("cargo nextest run --workspace --profile ci")
    } else {
        Step::new("cargo test --workspace --lib --bins --tests --examples --no-fail-fast")
    };
    let step = step.env(postgres::REQUIRED, "1");
    if fast {
        return step;
    }
    step.env("RUN_SLOW_TESTS", "1")
        .env("PORTCULLIS_INTEROP", peers::folder(root))
}
