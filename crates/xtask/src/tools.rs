//! The programs that the tests need on the machine, and what to do when one is not there.

use std::path::Path;

use crate::step::Step;
use crate::{Outcome, say};

/// The oldest Node that every JavaScript peer but the Inspector runs on.
const NODE: Version = Version(20, 0);
/// The oldest Node that the Inspector runs on; the lock file carries one for Linux on x86-64.
const INSPECTOR_NODE: Version = Version(22, 19);
/// The oldest Python that both lines of the SDK run on.
const PYTHON: Version = Version(3, 10);

/// A version as far as it matters here: major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

/// Checks for the programs; `peers` asks for those of the interoperability tests too.
///
/// # Errors
/// Names everything that is missing at once, with what to install.
pub(crate) fn require(peers: bool) -> Outcome {
    let mut missing = Vec::new();
    note(&mut missing, ask("git --version", Version(2, 0), "git 2"));
    if peers {
        note(&mut missing, node());
        note(
            &mut missing,
            ask(
                "npm --version",
                Version(9, 0),
                "npm 9 or later (it comes with Node)",
            ),
        );
        note(
            &mut missing,
            ask(
                "python3 --version",
                PYTHON,
                "Python 3.10 or later, as python3",
            ),
        );
        note(&mut missing, python_modules());
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "install what is missing, or leave the interoperability tests out with `cargo xtask test --fast`:\n    {}",
        missing.join("\n    ")
    ))
}

/// Whether a cargo subcommand is installed.
pub(crate) fn has_subcommand(name: &str) -> bool {
    Step::new("cargo")
        .arg(name)
        .arg("--version")
        .output(Path::new("."))
        .is_ok()
}

fn note(missing: &mut Vec<String>, answer: Result<String, String>) {
    match answer {
        Ok(found) => say(&format!("   {found}")),
        Err(wanted) => missing.push(wanted),
    }
}

/// Asks a program for its version.
fn ask(line: &str, oldest: Version, wanted: &str) -> Result<String, String> {
    let answer = Step::new(line).output(Path::new("."));
    let program = line.split(' ').next().unwrap_or(line);
    match answer.as_deref().map(parse) {
        Ok(Some(found)) if found >= oldest => Ok(format!("{program} {}.{}", found.0, found.1)),
        Ok(Some(found)) => Err(format!(
            "{wanted}: {program} here is {}.{}",
            found.0, found.1
        )),
        _ => Err(format!("{wanted}: `{line}` does not answer")),
    }
}

fn node() -> Result<String, String> {
    let carried = cfg!(all(target_os = "linux", target_arch = "x86_64"));
    let (oldest, wanted) = if carried {
        (NODE, "Node 20 or later")
    } else {
        (INSPECTOR_NODE, "Node 22.19 or later")
    };
    ask("node --version", oldest, wanted)
}

/// Some distributions split the modules that make a virtual environment off from Python.
fn python_modules() -> Result<String, String> {
    Step::new("python3 -c")
        .arg("import venv, ensurepip")
        .output(Path::new("."))
        .map(|_| "python3 with venv".to_owned())
        .map_err(|_| "Python's venv module (Debian and Ubuntu: python3-venv)".to_owned())
}

/// Finds the first `MAJOR.MINOR` in what a program says about itself.
fn parse(text: &str) -> Option<Version> {
    let word = text
        .split_whitespace()
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    let mut numbers = word.split('.').map(str::parse);
    let major = numbers.next()?.ok()?;
    let minor = numbers.next().and_then(Result::ok).unwrap_or(0);
    Some(Version(major, minor))
}

#[cfg(test)]
mod tests;
