//! Text in a form that Postgres takes.
//!
//! Postgres has no NUL in text, and what a client or a server says may have one. So NUL is stored
//! as U+001A `0`, and U+001A, which hardly occurs, as U+001A `1`. Every character is
//! encoded by itself, so equal texts stay equal, different ones different, and prefixes prefixes.

use std::borrow::Cow;

const ESCAPE: char = '\u{1a}';

/// `plain` as it is stored.
pub(super) fn text(plain: &str) -> Cow<'_, str> {
    if !plain.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(plain);
    }
    let mut stored = String::with_capacity(plain.len() + 8);
    for character in plain.chars() {
        match character {
            '\0' => stored.extend([ESCAPE, '0']),
            ESCAPE => stored.extend([ESCAPE, '1']),
            other => stored.push(other),
        }
    }
    Cow::Owned(stored)
}

/// The reverse of [`text`]. What [`text`] never wrote is left as it is.
pub(super) fn plain(stored: String) -> String {
    if !stored.contains(ESCAPE) {
        return stored;
    }
    let mut plain = String::with_capacity(stored.len());
    let mut characters = stored.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            (ESCAPE, Some('0')) => {
                plain.push('\0');
                characters.next();
            }
            (ESCAPE, Some('1')) => {
                plain.push(ESCAPE);
                characters.next();
            }
            (other, _) => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests;
