//! Every control three times: it lets the right thing through, it stops the wrong thing, and without
//! it the wrong thing passes.

mod content;
mod definitions;
mod edge;
mod egress_guard;
mod identity;
mod record;
mod server_identity;

/// The names of the controls that the modules below prove, and `tokens` beside them.
const PROVED: [&str; 14] = [
    "host-check",
    "origin-check",
    "header-agreement",
    "authentication",
    "revocation",
    "session-binding",
    "definition-pins",
    "server-identity",
    "authorization",
    "step-up",
    "sanitiser",
    "egress-guard",
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
