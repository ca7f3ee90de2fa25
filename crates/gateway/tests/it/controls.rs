//! Every control three times: it lets the right thing through, it stops the wrong thing, and without
//! it the wrong thing passes.

mod content;
mod definitions;
mod edge;
mod identity;
mod record;

/// The names of the controls that the modules below prove.
const PROVED: [&str; 10] = [
    "host-check",
    "origin-check",
    "header-agreement",
    "authentication",
    "session-binding",
    "definition-pins",
    "authorization",
    "sanitiser",
    "receipts",
    "audit",
];

#[test]
fn no_control_is_left_out() {
    let known: Vec<&str> = portcullis_config::CONTROLS
        .iter()
        .map(|control| control.name)
        .collect();
    assert_eq!(known, PROVED);
}
