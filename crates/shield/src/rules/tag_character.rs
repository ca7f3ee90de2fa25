//! `tag-character`

use super::Match;
use crate::hidden;
use crate::rule::{Confidence, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    id: "tag-character",
    title: "Invisible copies of ASCII",
    severity: Severity::Critical,
    confidence: Confidence::High,
    rationale: "The tag characters U+E0000 to U+E007F mirror ASCII and show nothing. Many models \
                read them as the letters they mirror, so a whole instruction can stand in a \
                description that looks empty. The finding's note spells it out. Left alone is \
                the one use that Unicode knows, flags of subdivisions such as England's: a black \
                flag, a region of two letters with one to four letters or digits, and the cancel \
                tag. Anything longer is a message.",
    fix: "Remove the characters, and find out how they came into the text: they are hardly ever \
          typed by accident.",
    references: &[
        "https://www.unicode.org/reports/tr51/#valid-emoji-tag-sequences",
        "https://embracethered.com/blog/posts/2024/hiding-and-finding-text-with-unicode-tags/",
    ],
};

const BLACK_FLAG: char = '\u{1F3F4}';
const CANCEL: char = '\u{E007F}';

pub(super) fn at(before: &str, rest: &str) -> Option<Match> {
    let length: usize = rest
        .chars()
        .take_while(|c| is_tag(*c))
        .map(char::len_utf8)
        .sum();
    if length == 0 {
        return None;
    }
    if let Some(flag) = before
        .ends_with(BLACK_FLAG)
        .then(|| subdivision(rest))
        .flatten()
    {
        return Some(Match::Fine(flag));
    }
    Some(Match::Hit(length))
}

pub(super) fn describe(hits: &[&str]) -> String {
    hidden::describe("tag character", hits)
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{E0000}'..='\u{E007F}')
}

/// The length in bytes of the tags of a subdivision flag, cancel tag included.
fn subdivision(rest: &str) -> Option<usize> {
    let mut length = 0;
    for (index, tag) in rest.chars().take(7).enumerate() {
        length += tag.len_utf8();
        if tag == CANCEL {
            return (index >= 3).then_some(length);
        }
        let letter = hidden::mirrored(tag)?;
        if !(letter.is_ascii_lowercase() || (index >= 2 && letter.is_ascii_digit())) {
            return None;
        }
    }
    None
}
