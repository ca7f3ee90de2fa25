//! Ways to hide text from a person that a model still reads.

use std::borrow::Cow;

/// Spells the ASCII part of `text` in Unicode tag characters (U+E0020 to U+E007E); the rest is left out.
#[must_use]
pub fn in_tag_characters(text: &str) -> String {
    text.bytes()
        .filter(|byte| (0x20..=0x7e).contains(byte))
        .filter_map(|byte| char::from_u32(0xE0000 + u32::from(byte)))
        .collect()
}

/// Puts `text` inside an operating-system-command sequence, which a terminal consumes without showing it.
///
/// The text is part of the sequence (ECMA-48, 5.6), so whoever removes the sequence removes the text.
#[must_use]
pub fn in_ansi_sequence(text: &str) -> String {
    format!("\u{1b}]1337;{text}\u{7}")
}

/// Surrounds `text` with SGR 8 and SGR 28, "concealed" and "revealed" (ECMA-48, 8.3.117).
///
/// Here the text stands *between* two sequences: whoever removes only the sequences makes it visible, to the person
/// and to the model alike.
#[must_use]
pub fn between_ansi_conceal(text: &str) -> String {
    format!("\u{1b}[8m{text}\u{1b}[28m")
}

/// What a model makes of `text`: tag characters read as the ASCII they spell, and invisible characters (controls,
/// zero-width, directional) dropped, so that a sentence broken up by them is whole again.
#[must_use]
pub fn as_read_by_a_model(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter_map(read_character).collect())
}

/// How a sentence of `text` was kept from a person's eyes, if it was; for the account of an attack only.
#[must_use]
pub fn concealment(text: &str) -> Option<&'static str> {
    let any = |test: fn(char) -> bool| text.chars().any(test);
    if any(|c| matches!(c, '\u{E0020}'..='\u{E007E}')) {
        Some("tag characters")
    } else if any(|c| c == '\u{1b}') {
        Some("ansi sequence")
    } else {
        None
    }
}

fn read_character(character: char) -> Option<char> {
    match character {
        '\n' | '\t' => Some(character),
        '\u{E0020}'..='\u{E007E}' => char::from_u32(u32::from(character) - 0xE0000),
        '\u{E0000}'..='\u{E001F}' | '\u{E007F}' => None,
        '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2069}'
        | '\u{FEFF}' => None,
        other if other.is_control() => None,
        other => Some(other),
    }
}

#[cfg(test)]
mod tests;
