//! Installs the MCP peers of `interop/`: JavaScript by npm, Python into one virtual environment
//! for each file of `interop/python`.
//!
//! What was installed is noted in a stamp: a copy of the lock file that it came from. A peer is
//! installed again when its lock file says something else.

use std::fs;
use std::path::{Path, PathBuf};

use crate::step::Step;
use crate::{Outcome, say};

const STAMP: &str = ".installed";

/// The folder of the peers.
pub(crate) fn folder(root: &Path) -> PathBuf {
    root.join("interop")
}

/// Installs whatever is not installed as its lock file says.
///
/// # Errors
/// When npm, Python or the file system refuses.
pub(crate) fn install(root: &Path) -> Outcome {
    let interop = folder(root);
    unless_fresh(
        &interop.join("package-lock.json"),
        &interop.join("node_modules"),
        || Step::new("npm ci --no-progress --loglevel=error").run(&interop),
    )?;
    for lock in requirements(&interop)? {
        let name = lock.file_stem().unwrap_or_default();
        let environment = interop.join(".venv").join(name);
        unless_fresh(&lock, &environment, || {
            virtual_environment(&interop, &environment, &lock)
        })?;
    }
    Ok(())
}

/// Does `install` if the stamp in `target` is not a copy of `lock`, and leaves one if it is done.
fn unless_fresh(lock: &Path, target: &Path, install: impl FnOnce() -> Outcome) -> Outcome {
    let wanted = read(lock)?;
    let stamp = target.join(STAMP);
    let name = target.display();
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        say(&format!("   {name} is up to date"));
        return Ok(());
    }
    say(&format!("   installing {name}"));
    install()?;
    fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// The requirements files, in the order of their names.
fn requirements(interop: &Path) -> Result<Vec<PathBuf>, String> {
    let folder = interop.join("python");
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    Ok(files)
}

fn virtual_environment(interop: &Path, environment: &Path, lock: &Path) -> Outcome {
    // `--clear` removes what an earlier, perhaps interrupted, installation left.
    Step::new("python3 -m venv --clear")
        .arg(text(environment)?)
        .run(interop)?;
    Step::program(text(&environment.join("bin/python"))?)
        .arg("-m")
        .arg("pip")
        .arg("install")
        .arg("--quiet")
        .arg("--disable-pip-version-check")
        .arg("-r")
        .arg(text(lock)?)
        .run(interop)
}

fn text(path: &Path) -> Result<&str, String> {
    path.to_str()
        .ok_or_else(|| format!("{} is not UTF-8", path.display()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
