//! Reading what characters that show nothing spell.

use crate::characters;
use crate::scan;

/// The longest decoded text, in characters.
const MAX_DECODED: usize = 120;

/// What tag characters and variation selectors in this text spell, so that a
/// reviewer sees it. `None` when there are none or they spell nothing that
/// can be read.
///
/// Only what the rules find is read: a flag or an emoji in its ordinary form
/// spells nothing. The answer has at most 120 characters and `…`, and is safe
/// to show: what is neither printable nor a space becomes U+FFFD.
#[must_use]
pub fn decode_hidden(text: &str) -> Option<String> {
    let hits = scan::hits(text);
    spelled(hits.iter().map(|hit| hit.text))
}

/// The note on hits of characters with a meaning of their own.
pub(crate) fn describe(what: &str, hits: &[&str]) -> String {
    let count: usize = hits.iter().map(|hit| hit.chars().count()).sum();
    let plural = if count == 1 { "" } else { "s" };
    match spelled(hits.iter().copied()) {
        Some(text) => format!("{count} {what}{plural} spelling {text:?}"),
        None => format!("{count} {what}{plural}"),
    }
}

/// The ASCII character that a tag character mirrors.
pub(crate) fn mirrored(tag: char) -> Option<char> {
    let code = u32::from(tag).checked_sub(0xE_0000)?;
    char::from_u32(code).filter(|c| matches!(c, ' '..='~'))
}

fn spelled<'a>(hits: impl Iterator<Item = &'a str>) -> Option<String> {
    let bytes: Vec<u8> = hits
        .flat_map(str::chars)
        .filter_map(byte)
        // Four bytes a character and one character to see that there is more.
        .take(4 * (MAX_DECODED + 1))
        .collect();
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim();
    if !text.chars().any(char::is_alphanumeric) {
        return None;
    }
    let mut shown: String = text.chars().take(MAX_DECODED).map(printable).collect();
    if text.chars().nth(MAX_DECODED).is_some() {
        shown.push('…');
    }
    Some(shown)
}

/// The byte that a hidden character stands for.
fn byte(c: char) -> Option<u8> {
    let code = u32::from(c);
    let byte = match c {
        '\u{FE00}'..='\u{FE0F}' => code - 0xFE00,
        '\u{E0100}'..='\u{E01EF}' => code - 0xE_0100 + 16,
        _ => u32::from(mirrored(c)?),
    };
    u8::try_from(byte).ok()
}

fn printable(c: char) -> char {
    let hidden = c.is_control() || characters::may_be_hidden(c);
    if hidden {
        char::REPLACEMENT_CHARACTER
    } else {
        c
    }
}
