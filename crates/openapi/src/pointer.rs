//! Places in a document, and references from one to another.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::encode::percent_decode;
use crate::problem::Problem;

/// References that may lead to further references.
const MAX_CHAIN: usize = 32;

/// The whole document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree<'a> {
    pub(crate) root: &'a Value,
    /// OpenAPI 3.0, whose schemas are a dialect of their own.
    pub(crate) is_3_0: bool,
}

/// A value of the document, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    /// RFC 6901.
    pub(crate) pointer: String,
    pub(crate) value: &'a Value,
}

impl<'a> Tree<'a> {
    /// The value itself, or what its `$ref` leads to (OpenAPI Reference Object; local only).
    pub(crate) fn follow(&self, node: Node<'a>) -> Result<Node<'a>, Problem> {
        let start = node.pointer.clone();
        let mut node = node;
        for _ in 0..MAX_CHAIN {
            match node.reference()? {
                None => return Ok(node),
                Some(reference) => node = self.resolve(&node.pointer, reference)?,
            }
        }
        let message = "the references lead in a circle, or too far";
        Err(Problem::new(start, message))
    }

    /// What a reference at `from` points to.
    pub(crate) fn resolve(&self, from: &str, reference: &str) -> Result<Node<'a>, Problem> {
        let from = format!("{from}/$ref");
        let Some(fragment) = reference.strip_prefix('#') else {
            let message = "a reference out of the document, which is not followed";
            return Err(Problem::new(from, message));
        };
        let pointer = percent_decode(fragment)
            .ok_or_else(|| Problem::new(from.as_str(), "not a reference to a place"))?;
        match self.root.pointer(&pointer) {
            Some(value) if pointer.is_empty() || pointer.starts_with('/') => {
                Ok(Node { pointer, value })
            }
            _ => Err(Problem::new(from, "nothing stands where this points")),
        }
    }
}

impl<'a> Node<'a> {
    pub(crate) fn root(value: &'a Value) -> Self {
        Self {
            pointer: String::new(),
            value,
        }
    }

    /// The member of an object.
    pub(crate) fn get(&self, key: &str) -> Option<Node<'a>> {
        let value = self.value.get(key)?;
        Some(self.below(key, value))
    }

    /// Every member, sorted by name; a problem when it is no object.
    pub(crate) fn members(&self) -> Result<Vec<(&'a str, Node<'a>)>, Problem> {
        let mut members: Vec<_> = self
            .object()?
            .iter()
            .map(|(key, value)| (key.as_str(), self.below(key, value)))
            .collect();
        members.sort_by_key(|(key, _)| *key);
        Ok(members)
    }

    /// Every element; a problem when it is no array.
    pub(crate) fn elements(&self) -> Result<Vec<Node<'a>>, Problem> {
        let elements = self.value.as_array();
        let elements = elements.ok_or_else(|| self.problem("must be an array"))?;
        Ok(elements
            .iter()
            .enumerate()
            .map(|(at, value)| self.below(&at.to_string(), value))
            .collect())
    }

    pub(crate) fn object(&self) -> Result<&'a Map<String, Value>, Problem> {
        self.value
            .as_object()
            .ok_or_else(|| self.problem("must be an object"))
    }

    /// The string member with this name.
    pub(crate) fn string(&self, key: &str) -> Result<Option<&'a str>, Problem> {
        match self.get(key) {
            None => Ok(None),
            Some(node) => match node.value.as_str() {
                Some(text) => Ok(Some(text)),
                None => Err(node.problem("must be a string")),
            },
        }
    }

    /// The boolean member with this name.
    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, Problem> {
        match self.get(key) {
            None => Ok(None),
            Some(node) => match node.value.as_bool() {
                Some(flag) => Ok(Some(flag)),
                None => Err(node.problem("must be true or false")),
            },
        }
    }

    pub(crate) fn reference(&self) -> Result<Option<&'a str>, Problem> {
        self.string("$ref")
    }

    pub(crate) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.pointer.as_str(), message)
    }

    pub(crate) fn below(&self, key: &str, value: &'a Value) -> Node<'a> {
        Node {
            pointer: format!("{}/{}", self.pointer, escape(key)),
            value,
        }
    }
}

/// A name as part of a pointer (RFC 6901, section 3).
pub(crate) fn escape(key: &str) -> Cow<'_, str> {
    match key.contains(['~', '/']) {
        true => key.replace('~', "~0").replace('/', "~1").into(),
        false => key.into(),
    }
}

#[cfg(test)]
mod tests;
