//! One pass of all rules over one string.

use crate::characters;
use crate::rules::{DETECTORS, Detector, Match};

/// A place where a rule found something.
#[derive(Clone, Copy)]
pub(crate) struct Hit<'a> {
    pub(crate) detector: &'static Detector,
    /// The byte offset of `text` in the string.
    pub(crate) start: usize,
    /// What is to go.
    pub(crate) text: &'a str,
}

/// Every hit of every rule, in order; hits do not overlap.
pub(crate) fn hits(text: &str) -> Vec<Hit<'_>> {
    let mut hits = Vec::new();
    let mut at = 0;
    while let Some((before, rest)) = next(text, at) {
        let start = before.len();
        let first = rest.chars().next().map_or(1, char::len_utf8);
        let found = DETECTORS
            .iter()
            .find_map(|detector| Some((detector, (detector.at)(before, rest)?)));
        at = start
            + match found {
                Some((detector, Match::Hit(length))) => {
                    let (text, _) = rest.split_at_checked(length).unwrap_or((rest, ""));
                    hits.push(Hit {
                        detector,
                        start,
                        text,
                    });
                    length.max(first)
                }
                Some((_, Match::Fine(length))) => length.max(first),
                None => first,
            };
    }
    hits
}

/// The text cut before the first character from `at` that a rule may want.
fn next(text: &str, at: usize) -> Option<(&str, &str)> {
    let (_, rest) = text.split_at_checked(at)?;
    text.split_at_checked(at + rest.find(characters::may_be_hidden)?)
}

/// Whether a JSON text can hold no hit in any string: it is printable ASCII and
/// white space, without an escape that stands for something else.
pub(crate) fn is_plain_json(json: &str) -> bool {
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                if matches!(bytes.next(), None | Some(b'u' | b'b' | b'f')) {
                    return false;
                }
            }
            b' '..=b'~' | b'\t' | b'\n' | b'\r' => {}
            _ => return false,
        }
    }
    true
}
