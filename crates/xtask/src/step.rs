//! One command of a longer run, with its heading, its time and how to repeat it.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::{Outcome, say};

/// A command line, kept as it would be typed.
#[derive(Debug)]
pub(crate) struct Step {
    argv: Vec<String>,
    env: Vec<(&'static str, OsString)>,
}

impl Step {
    /// A step from words separated by blanks.
    pub(crate) fn new(line: &str) -> Self {
        Self {
            argv: line.split_whitespace().map(str::to_owned).collect(),
            env: Vec::new(),
        }
    }

    /// A step whose program may have blanks in its path.
    pub(crate) fn program(path: &str) -> Self {
        Self {
            argv: vec![path.to_owned()],
            env: Vec::new(),
        }
    }

    /// Adds one argument, which may hold blanks.
    pub(crate) fn arg(mut self, argument: impl Into<String>) -> Self {
        self.argv.push(argument.into());
        self
    }

    /// Sets a variable for this step.
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// Runs it in `folder` with the terminal as its output.
    ///
    /// # Errors
    /// When it cannot be started or does not end with exit code 0; the text says how to run it again.
    pub(crate) fn run(&self, folder: &Path) -> Outcome {
        let status = self
            .command(folder)?
            .stdin(Stdio::null())
            .status()
            .map_err(|error| format!("{self} cannot be started: {error}"))?;
        if status.success() {
            return Ok(());
        }
        Err(format!(
            "{status}\nto run it again, in {}:\n    {self}",
            folder.display()
        ))
    }

    /// Runs it in `folder` and returns what it prints, without the errors it prints.
    ///
    /// # Errors
    /// As [`Step::run`], with the last of its standard error.
    pub(crate) fn output(&self, folder: &Path) -> Result<String, String> {
        let output = self
            .command(folder)?
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{self} cannot be started: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{self}: {}\n{}", output.status, said.trim_end()));
        }
        String::from_utf8(output.stdout)
            .map_err(|_| format!("{self} printed something that is not UTF-8"))
    }

    fn command(&self, folder: &Path) -> Result<Command, String> {
        let (program, arguments) = self.argv.split_first().ok_or("an empty command")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(folder)
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        // `cargo run` describes this crate to us; build scripts that watch these variables would
        // run again in every cargo that we start, and once more in the user's own.
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(describes_a_package) {
                command.env_remove(name);
            }
        }
        Ok(command)
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, value) in &self.env {
            write!(formatter, "{name}={} ", value.to_string_lossy())?;
        }
        for (position, argument) in self.argv.iter().enumerate() {
            let blank = if position == 0 { "" } else { " " };
            if argument.contains(' ') {
                write!(formatter, "{blank}'{argument}'")?;
            } else {
                write!(formatter, "{blank}{argument}")?;
            }
        }
        Ok(())
    }
}

fn describes_a_package(name: &str) -> bool {
    [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_CRATE_",
        "CARGO_BIN_",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
}

/// Counts the steps of a run and prints what a person watches.
#[derive(Debug)]
pub(crate) struct Progress {
    started: Instant,
    total: usize,
    done: usize,
}

impl Progress {
    pub(crate) fn new(total: usize) -> Self {
        Self {
            started: Instant::now(),
            total,
            done: 0,
        }
    }

    /// Announces a step, does it, and says how long it took.
    pub(crate) fn step(&mut self, title: &str, action: impl FnOnce() -> Outcome) -> Outcome {
        self.done += 1;
        say(&format!("\n── {} of {}: {title}", self.done, self.total));
        let started = Instant::now();
        action().map_err(|problem| {
            format!("\n── {title} failed after {}: {problem}", seconds(started))
        })?;
        say(&format!("   done in {}", seconds(started)));
        Ok(())
    }

    /// Announces a step that is not done, and why.
    pub(crate) fn skip(&mut self, title: &str, why: &str) {
        self.done += 1;
        say(&format!(
            "\n── {} of {}: {title}\n   SKIPPED: {why}",
            self.done, self.total
        ));
    }

    /// The time since the first step.
    pub(crate) fn elapsed(&self) -> String {
        seconds(self.started)
    }
}

fn seconds(since: Instant) -> String {
    let seconds = since.elapsed().as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!(
            "{:.0} min {:.0} s",
            (seconds / 60.0).floor(),
            seconds % 60.0
        )
    }
}

#[cfg(test)]
mod tests;
