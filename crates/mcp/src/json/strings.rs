//! JSON strings: reading, writing, and walking over all of a value's strings.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::Span;
use super::scan::{Event, Scanner, Text};

/// One string of a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringToken<'a> {
    /// Where it stands, with its quotes.
    pub span: Span,
    /// Whether it names a member.
    pub is_key: bool,
    /// What it says, unescaped; borrowed when it holds no escape.
    pub value: Cow<'a, str>,
}

/// Every string of a checked value, keys included, in order. Ends early where the text is not JSON.
pub fn strings(text: &str) -> impl Iterator<Item = StringToken<'_>> {
    let mut scanner = Scanner::new(text, usize::MAX);
    std::iter::from_fn(move || {
        while let Ok(Some(event)) = scanner.next() {
            let (token, is_key) = match event {
                Event::Key(token) => (token, true),
                Event::String(token) => (token, false),
                _ => continue,
            };
            return Some(StringToken {
                span: token.span,
                is_key,
                value: decode(text, token),
            });
        }
        None
    })
}

/// What a JSON string says, unescaped; `None` when `raw` is not exactly one JSON string.
pub fn as_string(raw: &str) -> Option<Cow<'_, str>> {
    let mut scanner = Scanner::new(raw, 0);
    let Ok(Some(Event::String(token))) = scanner.next() else {
        return None;
    };
    scanner.rest_is_blank().ok()?;
    Some(decode(raw, token))
}

/// `s` as a JSON string, with the fewest escapes (RFC 8785 section 3.2.2.2).
pub fn quote(s: &str) -> String {
    let mut out = String::with_capacity(s.len() + 2);
    push_quoted(&mut out, s);
    out
}

pub(super) fn push_quoted(out: &mut String, s: &str) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            // Writing to a string cannot fail.
            c if c < ' ' => _ = write!(out, "\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// What a scanned string says.
pub(super) fn decode<'a>(text: &'a str, token: Text) -> Cow<'a, str> {
    let inner = Span {
        start: token.span.start + 1,
        end: token.span.end.saturating_sub(1),
    }
    .of(text);
    if token.escaped {
        Cow::Owned(unescape(inner))
    } else {
        Cow::Borrowed(inner)
    }
}

/// Resolves the escapes of a string that the scanner has accepted.
fn unescape(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = escape.chars();
        match chars.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let high = unit(&mut chars);
                let code = if (0xd800..0xdc00).contains(&high) {
                    // The scanner saw to it that `\u` and a low surrogate follow.
                    chars.nth(1);
                    0x10000
                        + ((high - 0xd800) << 10)
                        + (unit(&mut chars).wrapping_sub(0xdc00) & 0x3ff)
                } else {
                    high
                };
                out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(c) => out.push(c),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

/// The value of four hex digits.
fn unit(chars: &mut std::str::Chars<'_>) -> u32 {
    chars
        .by_ref()
        .take(4)
        .fold(0, |value, c| value * 16 + c.to_digit(16).unwrap_or(0))
}
