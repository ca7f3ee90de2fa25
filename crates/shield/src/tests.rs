mod json;
mod properties;
mod real_tools;
mod rules;
mod text;

use crate::{Direction, Settings};
use crate::{Finding, Shield, Verdict};

/// Every character that some rule finds wherever it stands between ASCII
/// letters.
const HIDDEN: &[char] = &[
    '\0',
    '\u{7}',
    '\u{8}',
    '\u{B}',
    '\u{C}',
    '\u{1B}',
    '\u{7F}',
    '\u{85}',
    '\u{9B}',
    '\u{AD}',
    '\u{34F}',
    '\u{115F}',
    '\u{1160}',
    '\u{17B4}',
    '\u{180B}',
    '\u{180E}',
    '\u{200B}',
    '\u{200C}',
    '\u{200D}',
    '\u{202A}',
    '\u{202E}',
    '\u{2060}',
    '\u{2064}',
    '\u{2066}',
    '\u{2069}',
    '\u{3164}',
    '\u{FE00}',
    '\u{FE0F}',
    '\u{FEFF}',
    '\u{FFA0}',
    '\u{E0001}',
    '\u{E0041}',
    '\u{E007F}',
    '\u{E0100}',
    '\u{E01EF}',
];

fn screen_all(verdict: Verdict, json: &str) -> (Verdict, String, Vec<Finding>) {
    let shield = Shield::new(Settings {
        definitions: verdict,
        arguments: verdict,
        results: verdict,
    });
    let screening = shield.screen(Direction::Result, json);
    (
        screening.verdict,
        screening.text.into_owned(),
        screening.findings,
    )
}
