//! Content inspection: rules, findings, verdicts and the sanitiser. No IO.
//!
//! [`Shield::screen`] looks at every string of a JSON text, keys included, for
//! characters that a reader does not see and a model or a terminal does.
//! [`sanitise`] takes them out of one plain string. Each rule is one file
//! under `rules/`; [`rules`] lists them.

mod characters;
mod context;
mod finding;
mod hidden;
mod rule;
mod rules;
mod sanitise;
mod scan;
mod screen;
mod verdict;

pub use finding::Finding;
pub use hidden::decode_hidden;
pub use rule::{Confidence, Rule, Severity};
pub use rules::rules;
pub use sanitise::sanitise;
pub use screen::{Screening, Shield};
pub use verdict::{Direction, Settings, Verdict};

#[cfg(test)]
mod tests;
