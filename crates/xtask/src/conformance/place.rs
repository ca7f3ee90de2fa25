//! Where the programs, the suite and the results are.

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::peers;

/// Paths of one run.
#[derive(Debug)]
pub(super) struct Place {
    interop: PathBuf,
    /// The folder of the built programs; ours is one of them.
    programs: PathBuf,
    output: PathBuf,
}

impl Place {
    /// # Errors
    /// When this program does not know where it is.
    pub(super) fn new(root: &Path) -> Result<Self, String> {
        let own = env::current_exe().map_err(|error| format!("this program's path: {error}"))?;
        let programs = own.parent().ok_or("this program has no folder")?;
        Ok(Self {
            interop: peers::folder(root),
            programs: programs.to_path_buf(),
            output: programs.join("conformance"),
        })
    }

    /// A built program.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.programs
            .join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// The suite needs Node 22, which the lock file carries for Linux on x86-64.
    pub(super) fn node(&self) -> PathBuf {
        let carried = self.interop.join("node_modules/node22/bin/node");
        if carried.exists() {
            carried
        } else {
            PathBuf::from("node")
        }
    }

    pub(super) fn suite(&self) -> PathBuf {
        self.interop
            .join("node_modules/@modelcontextprotocol/conformance/dist/index.js")
    }

    /// Our reference client.
    pub(super) fn client(&self) -> PathBuf {
        self.interop.join("conformance/client.mjs")
    }

    /// A file of expected failures.
    pub(super) fn expected(&self, name: &str) -> PathBuf {
        self.interop.join("conformance").join(name)
    }

    /// Where results and logs go, beside the built programs.
    pub(super) fn output(&self, name: &str) -> PathBuf {
        self.output.join(name)
    }

    /// The same, empty.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(super) fn fresh(&self, name: &str) -> Result<PathBuf, String> {
        let folder = self.output(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| problem(&folder, &error))?;
        }
        fs::create_dir_all(&folder).map_err(|error| problem(&folder, &error))?;
        Ok(folder)
    }
}

/// What the file system said about a path.
pub(super) fn problem(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
