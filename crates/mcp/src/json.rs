//! Strict JSON text: checked once, then read as spans and changed by splicing.
//!
//! Nothing here builds a tree. [`check`] refuses what two parsers could read differently; the views
//! ([`Object`], [`elements`], [`strings`]) borrow from the text, and [`Splice`] rewrites only the
//! bytes it is told to.

mod canonical;
mod object;
mod scan;
mod splice;
mod strict;
mod strings;

use std::fmt;

pub use canonical::canonical;
pub use object::{Element, Member, Object, elements};
pub use splice::Splice;
pub use strict::check;
pub use strings::{StringToken, as_string, quote, strings};

pub(crate) use strict::check_text;

/// How large and how deep one JSON text may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes, whitespace around the value included.
    pub max_bytes: usize,
    /// Most arrays and objects open at once.
    pub max_depth: usize,
}

impl Default for Limits {
    /// 4 MiB and 64 levels.
    fn default() -> Self {
        Limits {
            max_bytes: 4 * 1024 * 1024,
            max_depth: 64,
        }
    }
}

/// Why a text is not the JSON that was asked for. Offsets are in bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The bytes are not UTF-8.
    #[error("not utf-8 at byte {offset}")]
    NotUtf8 {
        /// Where the first bad sequence starts.
        offset: usize,
    },
    /// The text is not JSON by RFC 8259, or holds a lone surrogate escape.
    #[error("not valid json at byte {offset}")]
    Syntax {
        /// Where reading stopped.
        offset: usize,
    },
    /// An object names a member twice (compared after unescaping).
    #[error("duplicate key {:?} at byte {offset}", shorten(key))]
    DuplicateKey {
        /// The key, unescaped. `Display` shows at most 64 characters of it.
        key: String,
        /// Where its second appearance starts.
        offset: usize,
    },
    /// More arrays and objects are open at once than allowed.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The levels allowed.
        limit: usize,
    },
    /// More bytes than allowed.
    #[error("longer than {limit} bytes")]
    TooLarge {
        /// The bytes allowed.
        limit: usize,
    },
    /// The value is of another kind.
    #[error("expected {0}")]
    Expected(JsonKind),
}

/// The first 64 characters.
fn shorten(key: &str) -> &str {
    match key.char_indices().nth(64) {
        Some((end, _)) => key.split_at_checked(end).map_or("", |(head, _)| head),
        None => key,
    }
}

/// A byte range in the text it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes it covers. Empty when the span does not come from `text`.
    pub fn of<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start..self.end).unwrap_or("")
    }

    /// The same range in a text that holds this one's text from byte `base` on.
    #[must_use]
    pub fn within(self, base: usize) -> Span {
        Span {
            start: base.saturating_add(self.start),
            end: base.saturating_add(self.end),
        }
    }
}

/// The six kinds of JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonKind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// `-1.5e3`
    Number,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
}

impl fmt::Display for JsonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JsonKind::Object => "an object",
            JsonKind::Array => "an array",
            JsonKind::String => "a string",
            JsonKind::Number => "a number",
            JsonKind::Bool => "a boolean",
            JsonKind::Null => "null",
        })
    }
}

/// The kind of a checked value, told by its first byte.
pub fn kind(raw: &str) -> JsonKind {
    match raw
        .trim_start_matches([' ', '\t', '\n', '\r'])
        .as_bytes()
        .first()
    {
        Some(b'{') => JsonKind::Object,
        Some(b'[') => JsonKind::Array,
        Some(b'"') => JsonKind::String,
        Some(b't' | b'f') => JsonKind::Bool,
        Some(b'-' | b'0'..=b'9') => JsonKind::Number,
        _ => JsonKind::Null,
    }
}

#[cfg(test)]
mod tests;
