//! The rules, one file each.
//!
//! A rule's file holds its `RULE`, its `at`, which looks at one place of a
//! text, and its `describe`. No two rules want the same place, except that a
//! lone escape character falls from `ansi-escape` to `control-character`; the
//! first in the list wins.

mod ansi_escape;
mod bidi_control;
mod control_character;
mod tag_character;
mod variation_selector_run;
mod zero_width;

use crate::rule::Rule;

/// What a rule says about the characters at one place.
pub(crate) enum Match {
    /// So many bytes are a hit.
    Hit(usize),
    /// So many bytes belong to the rule but are in their right place.
    Fine(usize),
}

/// A rule with its functions.
pub(crate) struct Detector {
    pub(crate) rule: Rule,
    /// Looks at the beginning of its second argument; the first is all the
    /// text before. `None` when the character there is none of the rule's.
    pub(crate) at: fn(&str, &str) -> Option<Match>,
    /// The note on these hits of one string.
    pub(crate) describe: fn(&[&str]) -> String,
}

macro_rules! rules {
    ($($module:ident),* $(,)?) => {
        static RULES: &[Rule] = &[$($module::RULE),*];
        pub(crate) static DETECTORS: &[Detector] = &[$(Detector {
            rule: $module::RULE,
            at: $module::at,
            describe: $module::describe,
        }),*];
    };
}

rules![
    ansi_escape,
    control_character,
    bidi_control,
    zero_width,
    tag_character,
    variation_selector_run,
];

/// Every rule.
#[must_use]
pub fn rules() -> &'static [Rule] {
    RULES
}
