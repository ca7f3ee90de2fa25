//! The text files of the repository, read once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::step::Step;

/// Text by path; paths are relative to the root and use `/`.
#[derive(Debug, Default)]
pub(super) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads every file that git tracks or would track. Files that are not UTF-8 are left out.
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let list =
            Step::new("git ls-files -z --cached --others --exclude-standard").output(root)?;
        let files = list
            .split_terminator('\0')
            .filter_map(|path| Some((path.to_owned(), fs::read_to_string(root.join(path)).ok()?)))
            .collect();
        Ok(Self { files })
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Whether the path is a file, or a folder with a file in it.
    pub(super) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&folder))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Files below `folder` whose name ends with `ending`.
    pub(super) fn below(&self, folder: &str, ending: &str) -> impl Iterator<Item = (&str, &str)> {
        self.iter()
            .filter(move |(path, _)| path.starts_with(folder) && path.ends_with(ending))
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Tree {
    fn from(files: [(&str, &str); N]) -> Self {
        let files = files
            .into_iter()
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .collect();
        Self { files }
    }
}
