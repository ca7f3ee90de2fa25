//! Names with `*` in them, as profiles use them to choose tools, prompts and resources.

use std::fmt;

/// An exact name, or a name in which every `*` stands for any run of characters, also none.
///
/// There is no escape: a name that contains a literal `*` cannot be matched exactly, only covered.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    text: String,
}

impl Pattern {
    /// Takes the text as written. Every text is a valid pattern; the empty one matches only an
    /// empty name.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern names one thing, without `*`.
    pub fn is_exact(&self) -> bool {
        !self.text.contains('*')
    }

    /// Whether `name` is covered. Compares bytes: case counts, nothing is normalised.
    ///
    /// The pieces between the stars are searched from left to right, each as early as possible, so
    /// the time is bounded by the product of both lengths for any pattern.
    pub fn matches(&self, name: &str) -> bool {
        let mut pieces = self.text.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let Some(last) = pieces.next_back() else {
            return rest.is_empty();
        };
        for piece in pieces {
            match rest.split_once(piece) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
