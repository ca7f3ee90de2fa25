//! Which characters show nothing, and what they are called.

use std::fmt::Write as _;

/// The most characters that one note names.
const NAMED: usize = 5;

/// Whether a rule may have something to say about `c`. Wider than the rules,
/// cheap, and false for nearly everything that is written.
pub(crate) fn may_be_hidden(c: char) -> bool {
    match c {
        ' '..='~' | '\t' | '\n' | '\r' => false,
        '\0'..='\u{9F}' => true,
        _ => {
            is_zero_width(c)
                || is_variation_selector(c)
                || matches!(
                    c,
                    '\u{200C}'..='\u{200D}'
                        | '\u{202A}'..='\u{202E}'
                        | '\u{2066}'..='\u{2069}'
                        | '\u{E0000}'..='\u{E007F}'
                )
        }
    }
}

/// Characters that show nothing and that no other rule is about: the
/// `Default_Ignorable_Code_Point` property, less variation selectors, tags and
/// directional characters, with the interlinear annotation characters.
pub(crate) fn is_zero_width(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180E}'
            | '\u{200B}'..='\u{200D}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206A}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0080}'..='\u{E00FF}'
            | '\u{E01F0}'..='\u{E0FFF}'
    )
}

/// The 256 variation selectors, and the Mongolian ones.
pub(crate) fn is_variation_selector(c: char) -> bool {
    matches!(
        c,
        '\u{FE00}'..='\u{FE0F}'
            | '\u{E0100}'..='\u{E01EF}'
            | '\u{180B}'..='\u{180D}'
            | '\u{180F}'
    )
}

/// Names the characters of these hits with their numbers, the first five that
/// differ.
pub(crate) fn list(hits: &[&str]) -> String {
    let mut counts: Vec<(char, usize)> = Vec::new();
    for c in hits.iter().flat_map(|hit| hit.chars()) {
        match counts.iter_mut().find(|(known, _)| *known == c) {
            Some((_, count)) => *count += 1,
            None => counts.push((c, 1)),
        }
    }
    let mut parts: Vec<String> = counts
        .iter()
        .take(NAMED)
        .map(|(c, n)| counted(*c, *n))
        .collect();
    if let Some(more) = counts.len().checked_sub(NAMED).filter(|more| *more > 0) {
        parts.push(format!("{more} more"));
    }
    parts.join("; ")
}

fn counted(c: char, count: usize) -> String {
    let mut text = format!("U+{:04X}", u32::from(c));
    // Writing to a string cannot fail.
    if let Some(name) = name(c) {
        let _ = write!(text, " {name}");
    }
    if count > 1 {
        let _ = write!(text, ", {count} times");
    }
    text
}

/// The name of the Unicode Character Database, or the alias of a control.
fn name(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{00}' => "NULL",
        '\u{07}' => "ALERT",
        '\u{08}' => "BACKSPACE",
        '\u{0B}' => "LINE TABULATION",
        '\u{0C}' => "FORM FEED",
        '\u{1A}' => "SUBSTITUTE",
        '\u{1B}' => "ESCAPE",
        '\u{7F}' => "DELETE",
        '\u{85}' => "NEXT LINE",
        '\u{9B}' => "CONTROL SEQUENCE INTRODUCER",
        '\u{9C}' => "STRING TERMINATOR",
        '\u{9D}' => "OPERATING SYSTEM COMMAND",
        '\u{AD}' => "SOFT HYPHEN",
        '\u{34F}' => "COMBINING GRAPHEME JOINER",
        '\u{115F}' => "HANGUL CHOSEONG FILLER",
        '\u{1160}' => "HANGUL JUNGSEONG FILLER",
        '\u{17B4}' => "KHMER VOWEL INHERENT AQ",
        '\u{17B5}' => "KHMER VOWEL INHERENT AA",
        '\u{180E}' => "MONGOLIAN VOWEL SEPARATOR",
        '\u{200B}' => "ZERO WIDTH SPACE",
        '\u{200C}' => "ZERO WIDTH NON-JOINER",
        '\u{200D}' => "ZERO WIDTH JOINER",
        '\u{202A}' => "LEFT-TO-RIGHT EMBEDDING",
        '\u{202B}' => "RIGHT-TO-LEFT EMBEDDING",
        '\u{202C}' => "POP DIRECTIONAL FORMATTING",
        '\u{202D}' => "LEFT-TO-RIGHT OVERRIDE",
        '\u{202E}' => "RIGHT-TO-LEFT OVERRIDE",
        '\u{2060}' => "WORD JOINER",
        '\u{2061}' => "FUNCTION APPLICATION",
        '\u{2062}' => "INVISIBLE TIMES",
        '\u{2063}' => "INVISIBLE SEPARATOR",
        '\u{2064}' => "INVISIBLE PLUS",
        '\u{2066}' => "LEFT-TO-RIGHT ISOLATE",
        '\u{2067}' => "RIGHT-TO-LEFT ISOLATE",
        '\u{2068}' => "FIRST STRONG ISOLATE",
        '\u{2069}' => "POP DIRECTIONAL ISOLATE",
        '\u{3164}' => "HANGUL FILLER",
        '\u{FEFF}' => "ZERO WIDTH NO-BREAK SPACE",
        '\u{FFA0}' => "HALFWIDTH HANGUL FILLER",
        '\u{FFF9}' => "INTERLINEAR ANNOTATION ANCHOR",
        '\u{FFFA}' => "INTERLINEAR ANNOTATION SEPARATOR",
        '\u{FFFB}' => "INTERLINEAR ANNOTATION TERMINATOR",
        _ => return None,
    })
}
