//! Folders for state: only their owner can look into them.

use std::fs;
use std::io;
use std::path::Path;

/// Makes `folder` and those above it where they are missing, each with mode 0700.
pub(crate) fn create(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}
