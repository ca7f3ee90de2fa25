//! The fuzz targets of `fuzz/`, built for libFuzzer by the compiler that builds everything else.

use std::collections::VecDeque;
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;

use clap::Args;

use crate::step::Step;
use crate::{Outcome, say};

/// What libFuzzer needs the compiler to add. These are the flags of cargo-fuzz, less its address
/// sanitizer, which needs nightly and finds nothing in code without `unsafe`.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1 -Coverflow-checks=on -Cdebug-assertions=on";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long to run each target
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Run only this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// How many targets to run at a time; by default one for each processor
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
}

impl Options {
    /// Every target for ten seconds.
    pub(crate) const SHORT: Options = Options {
        seconds: 10,
        target: None,
        jobs: None,
    };
}

/// Where things are.
struct Places<'a> {
    root: &'a Path,
    /// What is built, and the corpus, which is kept between runs.
    target: PathBuf,
    /// The programs.
    programs: PathBuf,
}

/// Whether there is a C++ compiler, which libFuzzer is built with.
pub(crate) fn has_compiler() -> bool {
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    Step::program(&compiler)
        .arg("--version")
        .output(Path::new("."))
        .is_ok()
}

/// Builds and runs the targets.
///
/// # Errors
/// When something is missing, does not build, or a target finds something; then the text says where
/// the input is and how to run it again.
pub(crate) fn run(root: &Path, options: &Options) -> Outcome {
    let targets = chosen(root, options.target.as_deref())?;
    if !has_compiler() {
        return Err(
            "libFuzzer is C++, and there is no C++ compiler: install one \
             (Debian and Ubuntu: g++) or name it in CXX"
                .to_owned(),
        );
    }
    let host = host()?;
    let target = root.join("target/fuzz");
    let places = Places {
        root,
        programs: target.join(&host).join("release"),
        target,
    };
    // With `--target` the flags do not reach build scripts and macros, which cannot carry them.
    Step::new("cargo build --release --quiet --manifest-path fuzz/Cargo.toml --target")
        .arg(host)
        .env("RUSTFLAGS", FLAGS)
        .env("CARGO_TARGET_DIR", &places.target)
        .run(root)?;
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let jobs = options.jobs.map_or(processors, usize::from);
    run_all(&places, targets, options.seconds, jobs)
}

/// The names of the targets to run.
fn chosen(root: &Path, only: Option<&str>) -> Result<VecDeque<String>, String> {
    let folder = root.join("fuzz/fuzz_targets");
    let files = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> = files
        .flatten()
        .filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    match only {
        None => Ok(names.into()),
        Some(only) if names.iter().any(|name| name == only) => Ok([only.to_owned()].into()),
        Some(only) => Err(format!(
            "there is no target {only}; there are {}",
            names.join(", ")
        )),
    }
}

/// The platform that the compiler runs on.
fn host() -> Result<String, String> {
    Step::new("rustc -vV")
        .output(Path::new("."))?
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "rustc -vV does not name its host".to_owned())
}

/// Runs the targets, some at a time, each to its end; what they found comes together.
fn run_all(places: &Places<'_>, targets: VecDeque<String>, seconds: u32, jobs: usize) -> Outcome {
    let jobs = jobs.min(targets.len());
    let waiting = Mutex::new(targets);
    let found = Mutex::new(Vec::new());
    let next = || waiting.lock().ok()?.pop_front();
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(name) = next() {
                    let outcome = run_one(places, &name, seconds);
                    if let (Err(problem), Ok(mut found)) = (outcome, found.lock()) {
                        found.push(problem);
                    }
                }
            });
        }
    });
    match found.into_inner() {
        Ok(found) if found.is_empty() => Ok(()),
        Ok(found) => Err(found.join("\n")),
        Err(_) => Err("a target could not be watched to its end".to_owned()),
    }
}

fn run_one(places: &Places<'_>, name: &str, seconds: u32) -> Outcome {
    let log = places.target.join(format!("{name}.log"));
    let status = start(places, name, seconds, &log)
        .map_err(|error| format!("{name} cannot be run: {error}"))?;
    let said = fs::read(&log).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    if status.success() {
        let runs = statistic(&said, "number_of_executed_units").unwrap_or("?");
        let memory = statistic(&said, "peak_rss_mb").unwrap_or("?");
        say(&format!("   {name}: {runs} runs, at most {memory} MiB"));
        return Ok(());
    }
    Err(finding(places, name, &said, status))
}

fn start(places: &Places<'_>, name: &str, seconds: u32, log: &Path) -> std::io::Result<ExitStatus> {
    let corpus = places.target.join("corpus").join(name);
    let artifacts = places.root.join("fuzz/artifacts").join(name);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    let words = if name == "configuration" {
        "toml"
    } else {
        "mcp"
    };
    let log = File::create(log)?;
    Command::new(places.programs.join(name))
        .current_dir(places.root)
        .arg(corpus)
        .arg(format!("fuzz/seeds/{name}"))
        .arg(format!("-dict=fuzz/{words}.dict"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-max_total_time={seconds}"))
        .args(["-timeout=5", "-rss_limit_mb=1024", "-max_len=4096"])
        .arg("-print_final_stats=1")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .status()
}

/// What libFuzzer counted, from its last lines.
fn statistic<'a>(said: &'a str, name: &str) -> Option<&'a str> {
    said.lines().rev().find_map(|line| {
        let (key, value) = line.strip_prefix("stat::")?.split_once(':')?;
        (key == name).then_some(value.trim())
    })
}

/// What a target found, and the command that shows it again.
fn finding(places: &Places<'_>, name: &str, said: &str, status: ExitStatus) -> String {
    let artifact = said.lines().find_map(|line| {
        line.split_once("Test unit written to ")
            .map(|(_, path)| path)
    });
    let told: Vec<&str> = said
        .lines()
        .filter(|line| !line.starts_with(['#', 'I', '\t']) && !line.starts_with("stat::"))
        .take(40)
        .collect();
    let again = match artifact {
        Some(artifact) => format!("{} {artifact}", places.programs.join(name).display()),
        None => format!("cargo xtask fuzz --target {name}"),
    };
    format!(
        "fuzz target {name}: {status}\n{}\nto run it again:\n    {again}",
        told.join("\n")
    )
}

#[cfg(test)]
mod tests;
