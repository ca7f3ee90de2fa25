//! `control-character`

use super::Match;
use crate::characters;
use crate::rule::{Confidence, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    id: "control-character",
    title: "Control characters in text",
    severity: Severity::Medium,
    confidence: Confidence::High,
    rationale: "Text for people and models has no use for control characters besides tab, line \
                feed and carriage return. A backspace or a lone escape character makes a terminal \
                show something else than what a model reads, and a NUL ends the text early for \
                some programs. Found are the C0 controls except those three, DEL and the C1 \
                controls. When redacted, form feed, vertical tab and next line become a line \
                feed, so that words do not run together; the others are removed.",
    fix: "Remove the characters. Where they come from extracted documents, such as page breaks \
          in PDF text, replace them with line feeds.",
    references: &[
        "https://www.unicode.org/versions/Unicode17.0.0/core-spec/chapter-23/",
        "https://cwe.mitre.org/data/definitions/150.html",
    ],
};

pub(super) fn at(_before: &str, rest: &str) -> Option<Match> {
    let c = rest.chars().next()?;
    let found = c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    found.then(|| Match::Hit(c.len_utf8()))
}

pub(super) fn describe(hits: &[&str]) -> String {
    characters::list(hits)
}
