//! `variation-selector-run`

use super::Match;
use crate::characters;
use crate::context;
use crate::hidden;
use crate::rule::{Confidence, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    id: "variation-selector-run",
    title: "Variation selectors that carry data",
    severity: Severity::High,
    confidence: Confidence::High,
    rationale: "A variation selector picks a form of the character before it, and 256 of them \
                exist: one for every byte. A run of them behind one emoji, or one behind each \
                letter, hides a message of any length that survives copying. The finding's note \
                spells it out where it is text. Found are runs of two and more, and single \
                selectors after a character that has no variants: a space, a Latin letter, or, \
                for the supplementary selectors, anything but an ideograph. A single selector \
                after an emoji, a symbol, a digit or an ideograph is left alone.",
    fix: "Remove the selectors. One U+FE0F after an emoji is all that ordinary text needs.",
    references: &[
        "https://www.unicode.org/Public/UCD/latest/ucd/StandardizedVariants.txt",
        "https://www.unicode.org/reports/tr37/",
        "https://paulbutler.org/2025/smuggling-arbitrary-data-through-an-emoji/",
    ],
};

pub(super) fn at(before: &str, rest: &str) -> Option<Match> {
    let mut run = rest
        .chars()
        .take_while(|c| characters::is_variation_selector(*c));
    let first = run.next()?;
    let more: usize = run.map(char::len_utf8).sum();
    let length = first.len_utf8() + more;
    if more == 0 && context::selector_fits(first, before) {
        return Some(Match::Fine(length));
    }
    Some(Match::Hit(length))
}

pub(super) fn describe(hits: &[&str]) -> String {
    hidden::describe("variation selector", hits)
}
