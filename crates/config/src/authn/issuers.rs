//! The issuers as other sections name them.

use std::collections::BTreeMap;

use super::Issuer;

/// The names of all issuers of a file, also of those with problems.
pub(crate) struct Issuers<'a> {
    names: Vec<&'a str>,
    read: &'a BTreeMap<String, Issuer>,
}

impl<'a> Issuers<'a> {
    pub(crate) fn new(names: Vec<&'a str>, read: &'a BTreeMap<String, Issuer>) -> Self {
        Self { names, read }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.names.iter().copied()
    }

    /// `None`: there is none of this name. `Some(None)`: there is, with problems of its own.
    pub(crate) fn find(&self, name: &str) -> Option<Option<&'a Issuer>> {
        self.names.contains(&name).then(|| self.read.get(name))
    }
}
