//! Names of tools and arguments: 1 to 64 of `A-Z`, `a-z`, `0-9`, `_`, `-` and `.`, the characters
//! of MCP (2026-07-28, server/tools, "Tool Names") at the length that model providers take.

use std::collections::BTreeSet;

const MAX_CHARS: usize = 64;

/// `text` with every other character replaced by `_`; `None` when nothing of it is left.
pub(crate) fn clean(text: &str) -> Option<String> {
    let cleaned: String = text
        .chars()
        .map(|c| match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-' | '.' => c,
            _ => '_',
        })
        .take(MAX_CHARS)
        .collect();
    let says_something = cleaned.bytes().any(|byte| byte.is_ascii_alphanumeric());
    says_something.then_some(cleaned)
}

/// The name for an operation without an id: its method and the words of its path.
pub(crate) fn from_path(method: &str, path: &str) -> String {
    let words = path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let method = method.to_ascii_lowercase();
    let joined: Vec<_> = std::iter::once(method.as_str()).chain(words).collect();
    joined.join("_").chars().take(MAX_CHARS).collect()
}

/// `name`, or when it is taken the name with the first free number behind it.
pub(crate) fn unique(taken: &mut BTreeSet<String>, name: String) -> String {
    let mut candidate = name.clone();
    let mut number = 2_u32;
    while !taken.insert(candidate.clone()) {
        let suffix = format!("_{number}");
        // Names are ASCII, so characters are bytes.
        candidate = name.chars().take(MAX_CHARS - suffix.len()).collect();
        candidate.push_str(&suffix);
        number += 1;
    }
    candidate
}

#[cfg(test)]
mod tests;
