//! `bidi-control`

use super::Match;
use crate::characters;
use crate::rule::{Confidence, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    id: "bidi-control",
    title: "Characters that reorder the text around them",
    severity: Severity::High,
    confidence: Confidence::High,
    rationale: "Directional embeddings, overrides and isolates change the order in which \
                characters are shown, not the order in which a model reads them. A person who \
                approves such a text approves something else than what it says. Found are U+202A \
                to U+202E and U+2066 to U+2069. The directional marks (LRM, RLM, ALM) are left \
                alone: they reorder no letters and stand in ordinary Arabic and Hebrew text, \
                which needs none of the others.",
    fix: "Remove the characters. Direction belongs into markup, or comes from the letters \
          themselves.",
    references: &[
        "https://www.unicode.org/reports/tr9/",
        "https://trojansource.codes/",
        "https://nvd.nist.gov/vuln/detail/CVE-2021-42574",
    ],
};

pub(super) fn at(_before: &str, rest: &str) -> Option<Match> {
    let c = rest.chars().next()?;
    let found = matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    found.then(|| Match::Hit(c.len_utf8()))
}

pub(super) fn describe(hits: &[&str]) -> String {
    characters::list(hits)
}
