//! `ansi-escape`

use super::Match;
use crate::rule::{Confidence, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    id: "ansi-escape",
    title: "Terminal escape sequences",
    severity: Severity::High,
    confidence: Confidence::High,
    rationale: "A terminal obeys escape sequences: they move the cursor, overwrite and clear what \
                was shown, colour text like its background, change the window title, make a link \
                lead elsewhere and fill the clipboard. A text that goes through a terminal on its \
                way to a person can so hide what a model reads in full. Found are all sequences \
                of ECMA-48, with ESC and in their 8-bit form: control sequences, operating system \
                commands and other strings up to their terminator, and the short ones. The whole \
                sequence is a hit, not just its first character.",
    fix: "Write plain text. Programs whose output is passed on have a switch for colour, such as \
          NO_COLOR or --color=never.",
    references: &[
        "https://ecma-international.org/publications-and-standards/standards/ecma-48/",
        "https://cwe.mitre.org/data/definitions/150.html",
        "https://invisible-island.net/xterm/ctlseqs/ctlseqs.html",
    ],
};

const ESC: char = '\u{1B}';
const BEL: char = '\u{07}';
const STRING_TERMINATOR: char = '\u{9C}';

/// What sort of sequence begins here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Control sequence: parameters, intermediates, one final character.
    Control,
    /// A string up to its terminator: OSC, DCS, SOS, PM, APC.
    String,
    /// ESC, intermediates, one final character.
    Short,
}

pub(super) fn at(_before: &str, rest: &str) -> Option<Match> {
    let (kind, body) = introducer(rest)?;
    let remains = match kind {
        Kind::Control => {
            let body = body.trim_start_matches(|c| matches!(c, '0'..='?'));
            let body = body.trim_start_matches(|c| matches!(c, ' '..='/'));
            strip(body, |c| matches!(c, '@'..='~')).unwrap_or(body)
        }
        Kind::String => string(body).unwrap_or(body),
        Kind::Short => {
            let body = body.trim_start_matches(|c| matches!(c, ' '..='/'));
            strip(body, |c| matches!(c, '0'..='~')).unwrap_or(body)
        }
    };
    // A lone escape character is a control character like others.
    let length = rest.len() - remains.len();
    (length > ESC.len_utf8()).then_some(Match::Hit(length))
}

pub(super) fn describe(hits: &[&str]) -> String {
    let count = |kind| {
        let fits = |hit: &&&str| introducer(hit).is_some_and(|(k, _)| k == kind);
        hits.iter().filter(fits).count()
    };
    let parts: Vec<String> = [
        (Kind::Control, "control sequence"),
        (Kind::String, "control string"),
        (Kind::Short, "escape sequence"),
    ]
    .into_iter()
    .map(|(kind, name)| (count(kind), name))
    .filter(|(count, _)| *count > 0)
    .map(|(count, name)| format!("{count} {name}{}", if count == 1 { "" } else { "s" }))
    .collect();
    parts.join(", ")
}

/// The kind of sequence at the beginning, and what follows its introducer.
fn introducer(rest: &str) -> Option<(Kind, &str)> {
    let mut chars = rest.chars();
    let kind = match chars.next()? {
        '\u{9B}' => Kind::Control,
        '\u{90}' | '\u{98}' | '\u{9D}'..='\u{9F}' => Kind::String,
        ESC => {
            let after = chars.as_str();
            let kind = match chars.next() {
                Some('[') => Kind::Control,
                Some('P' | 'X' | ']' | '^' | '_') => Kind::String,
                _ => return Some((Kind::Short, after)),
            };
            return Some((kind, chars.as_str()));
        }
        _ => return None,
    };
    Some((kind, chars.as_str()))
}

/// What follows the terminated string at the beginning. `None` when the string
/// has no end: a terminal would swallow all that follows, and removing it here
/// would let a server hide text from the record, so only the introducer goes.
///
/// A string ends at the next control character, terminator or not, so that
/// many beginnings without an end cost one pass over the text.
fn string(body: &str) -> Option<&str> {
    let end = body.find(|c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))?;
    let (_, rest) = body.split_at_checked(end)?;
    rest.strip_prefix("\u{1B}\\")
        .or_else(|| rest.strip_prefix([BEL, STRING_TERMINATOR]))
}

fn strip(text: &str, fits: impl Fn(char) -> bool) -> Option<&str> {
    let mut chars = text.chars();
    chars.next().filter(|c| fits(*c)).map(|_| chars.as_str())
}
