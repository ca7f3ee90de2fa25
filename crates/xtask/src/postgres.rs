//! The PostgreSQL that the tests of the store need.
//!
//! The tests start a private server from its programs, or use the one that a variable names.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::step::Step;
use crate::{Outcome, say};

/// Names a server whose user may create databases; the tests read it too.
const NAMED: &str = "PORTCULLIS_TEST_POSTGRES";
/// Makes a test without a server a failed one.
pub(crate) const REQUIRED: &str = "PORTCULLIS_TEST_POSTGRES_REQUIRED";
/// What the tests run.
const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// Makes sure that the tests will find a PostgreSQL; installs Debian's where root may.
///
/// # Errors
/// When there is none, with what to do.
pub(crate) fn provide(root: &Path) -> Outcome {
    if env::var_os(NAMED).is_some() {
        say(&format!("   the server that {NAMED} names"));
        return Ok(());
    }
    if let Some(folder) = programs() {
        say(&format!("   {}", folder.display()));
        return Ok(());
    }
    if may_install(root) {
        say("   installing postgresql");
        // A list of packages that is out of date may still have it.
        let _updated = Step::new("apt-get update --quiet").run(root);
        Step::new("apt-get install --yes --quiet --no-install-recommends postgresql")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .run(root)?;
    }
    let wanted = || {
        format!(
            "install PostgreSQL 14 or later (Debian and Ubuntu: postgresql), or name a server in {NAMED}:\n    \
            {NAMED}=postgres://USER:PASSWORD@HOST/postgres, whose user may create databases"
        )
    };
    programs().map(drop).ok_or_else(wanted)
}

/// The folder of PostgreSQL's programs: one of `PATH`, or one of Debian's.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = debian.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    env::split_paths(&path)
        .chain(debian)
        .find(|folder| has_all(folder))
}

fn has_all(folder: &Path) -> bool {
    PROGRAMS
        .iter()
        .all(|program| folder.join(program).is_file())
}

fn may_install(root: &Path) -> bool {
    let is_root = Step::new("id -u").output(root);
    is_root.is_ok_and(|user| user.trim() == "0")
        && Step::new("apt-get --version").output(root).is_ok()
}

#[cfg(test)]
mod tests;
