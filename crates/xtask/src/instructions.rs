//! Instruction counts of fixed pieces of work, as the gate that no change makes them much slower.
//!
//! Times differ from run to run and from machine to machine; the number of instructions that one
//! program runs hardly does. It says nothing about caches or waiting: for those, see the bench.

mod baseline;

use std::path::Path;

use crate::step::Step;
use crate::{Outcome, bench, say};
use baseline::{Baseline, Verdict};

const BASELINE: &str = "crates/bench/instructions.toml";
/// What the baseline was counted on; others compile to other instructions.
const ARCHITECTURE: &str = "x86_64";

/// Counts every piece of work, and compares with the baseline or, with `accept`, writes it.
///
/// # Errors
/// When one takes over 5 % more than the baseline allows, or is not in it.
pub(crate) fn run(root: &Path, accept: bool) -> Outcome {
    if let Some(why) = obstacle() {
        say(&format!(
            "   SKIPPED: the instruction counts were NOT checked: {why}"
        ));
        return Ok(());
    }
    Step::new("cargo build --quiet --profile bench --package portcullis-bench --bin counted")
        .run(root)?;
    let program = bench::folder(root, "bench").join("counted");
    let program = program.to_string_lossy();
    let works = Step::program(&program).arg("list").output(root)?;
    let mut counts = Vec::new();
    for (name, times) in works.lines().filter_map(work) {
        // What starting and preparing takes is in both, and falls out.
        let once = count(root, &program, name, 1)?;
        let often = count(root, &program, name, times + 1)?;
        counts.push((name.to_owned(), often.saturating_sub(once) / times.max(1)));
    }
    let path = root.join(BASELINE);
    if accept {
        let text = Baseline::new(counts).to_string();
        std::fs::write(&path, text).map_err(|error| format!("{BASELINE}: {error}"))?;
        say(&format!("   wrote {BASELINE}"));
        return Ok(());
    }
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{BASELINE}: {error}"))?;
    judge(&Baseline::parse(&text)?, &counts)
}

fn judge(baseline: &Baseline, counts: &[(String, u64)]) -> Outcome {
    let mut wrong = Vec::new();
    for (name, count) in counts {
        let verdict = baseline.verdict(name, *count);
        say(&format!("   {name}: {count} instructions, {verdict}"));
        if matches!(verdict, Verdict::Grown(_) | Verdict::Unknown) {
            wrong.push(format!("{name}: {count} instructions, {verdict}"));
        }
    }
    let counted = |name: &str| counts.iter().any(|(known, _)| known == name);
    for name in baseline.names().filter(|name| !counted(name)) {
        wrong.push(format!("{name} is in the baseline and is not counted"));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}\nif that is what the change is worth, accept with:\n    cargo xtask instructions --accept",
        wrong.join("\n")
    ))
}

/// What stands in the way of counting here.
fn obstacle() -> Option<String> {
    if std::env::consts::ARCH != ARCHITECTURE {
        return Some(format!("the baseline is one of {ARCHITECTURE}"));
    }
    let here = Path::new(".");
    let answers = || Step::new("valgrind --version").output(here).is_ok();
    if answers() {
        return None;
    }
    // On a machine of its own, as in a pipeline, it can be had.
    let root = Step::new("id -u").output(here);
    if root.is_ok_and(|id| id.trim() == "0") {
        say("   valgrind is not installed; trying apt-get");
        let _ = Step::new("apt-get install --yes --quiet valgrind").output(here);
    }
    (!answers()).then(|| "valgrind is not installed".to_owned())
}

/// A line of `counted list`: a name and how many times it is counted.
fn work(line: &str) -> Option<(&str, u64)> {
    let (name, times) = line.split_once(' ')?;
    Some((name, times.parse().ok()?))
}

fn count(root: &Path, program: &str, name: &str, times: u64) -> Result<u64, String> {
    let said = Step::new(
        "valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null --log-fd=1",
    )
    .arg(program)
    .arg(name)
    .arg(times.to_string())
    .output(root)?;
    counted(&said).ok_or_else(|| format!("valgrind counted nothing:\n{said}"))
}

/// The number in `==123== I refs: 1,234,567`.
fn counted(said: &str) -> Option<u64> {
    let line = said
        .lines()
        .find(|line| line.contains("I ") && line.contains("refs:"))?;
    let (_, number) = line.rsplit_once(':')?;
    number.trim().replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests;
