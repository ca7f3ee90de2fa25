//! `zero-width`

use super::Match;
use crate::characters;
use crate::context;
use crate::rule::{Confidence, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    id: "zero-width",
    title: "Characters without width",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    rationale: "Characters that show nothing split words so that filters and people do not \
                recognise them, make two names look the same, and carry hidden bits. Found are \
                the zero-width space, joiners, word joiner, byte order mark, soft hyphen, \
                combining grapheme joiner, invisible mathematical operators, fillers of Hangul \
                and Khmer, deprecated and unassigned format characters and the like. Left alone \
                are joiners where writing needs them: after the virama of an Indic script or \
                before it, between letters of a joining script such as Arabic, and ZWJ between \
                two emoji.",
    fix: "Remove the characters. Text copied from web pages often brings zero-width spaces and \
          soft hyphens, files a byte order mark: strip them when reading.",
    references: &[
        "https://www.unicode.org/reports/tr36/",
        "https://www.unicode.org/reports/tr46/",
        "https://www.rfc-editor.org/rfc/rfc5892#appendix-A",
        "https://www.unicode.org/reports/tr51/",
    ],
};

pub(super) fn at(before: &str, rest: &str) -> Option<Match> {
    let mut after = rest.chars();
    let c = after.next()?;
    match c {
        '\u{200C}' | '\u{200D}' if context::joiner_fits(c, before, after.as_str()) => {
            Some(Match::Fine(c.len_utf8()))
        }
        _ => characters::is_zero_width(c).then(|| Match::Hit(c.len_utf8())),
    }
}

pub(super) fn describe(hits: &[&str]) -> String {
    characters::list(hits)
}
