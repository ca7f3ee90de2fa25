//! A folder with a configuration, its policies and its store.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{self, Output, Running};

/// Every principal of these tests may do everything that is approved.
pub(crate) const EVERYTHING: &str = "@id(\"everything\")\npermit (principal, action, resource);\n";

/// A folder that is also the home of whoever works in it.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn empty() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("portcullis-test-")
            .tempdir()
            .unwrap();
        Self { folder }
    }

    /// With this configuration and a policy that permits everything.
    pub(crate) fn new(configuration: &str) -> Self {
        let place = Self::empty();
        place.write("portcullis.toml", configuration);
        place.write("policies/everything.cedar", EVERYTHING);
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        binary::run(self.path(), arguments)
    }

    /// `portcullis serve` over HTTP, and the address it is bound to.
    pub(crate) fn serve(&self) -> (Running, String) {
        let running = Running::start(binary::portcullis(self.path(), &["serve"]));
        let address = running.address();
        (running, address)
    }

    /// The trail: what `audit query --json` finds.
    pub(crate) fn trail(&self, filter: &[&str]) -> Vec<Value> {
        let arguments = [&["audit", "query", "--json", "--limit", "1000"], filter].concat();
        trail(&self.run(&arguments).fine())
    }
}

/// One JSON document a line.
pub(crate) fn trail(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
