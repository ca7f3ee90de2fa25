//! The database file: where it is, and that only its owner can read it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::{StoreError, folder};

/// Makes sure that there is a file at `path` which only its owner can read and write, and
/// returns its absolute path. SQLite gives the log files beside it the same mode.
pub(super) fn prepare(path: &Path) -> Result<PathBuf, StoreError> {
    let file = absolute(path)?;
    create(&file).map_err(|source| opening(path, source))?;
    Ok(file)
}

/// `path` made absolute, so that SQLite never takes it for a URI or a special name.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, StoreError> {
    std::path::absolute(path).map_err(|source| opening(path, source))
}

fn opening(path: &Path, source: io::Error) -> StoreError {
    StoreError::Open {
        path: path.to_owned(),
        source: Box::new(source),
    }
}

#[cfg(unix)]
fn create(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

    if let Some(parent) = file.parent() {
        folder::create(parent)?;
    }
    let opened = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(file)?;
    let mode = opened.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(file = %file.display(), "others could read the database; mode set to 0600");
        opened.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn create(file: &Path) -> io::Result<()> {
    if let Some(parent) = file.parent() {
        folder::create(parent)?;
    }
    fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(file)?;
    Ok(())
}

#[cfg(test)]
mod tests;
