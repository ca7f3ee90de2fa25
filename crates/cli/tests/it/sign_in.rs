//! Unmodified clients sign in through the built binary: they find out where, register or are known,
//! send a person through the consent and come back with a token that is good for a call.
//!
//! Once with a real authorization server (npm `oidc-provider`) that clients talk to themselves, and
//! once with the lab's Entra, which they cannot talk to but through the gateway's front door.
//!
//! These tests need the peers of `interop/` (`cargo xtask peers`) and run only when
//! `PORTCULLIS_INTEROP` names that folder and `RUN_SLOW_TESTS` is 1. `plain` needs neither.

mod clients;
mod entra;
mod node;
mod plain;
mod rmcp_client;
mod standard;
pub(crate) mod world;

use std::path::PathBuf;

/// The folder of the peers, or `None` with a line that says why not.
fn interop() -> Option<PathBuf> {
    let folder = std::env::var_os("PORTCULLIS_INTEROP").filter(|folder| !folder.is_empty());
    let slow = std::env::var_os("RUN_SLOW_TESTS").is_some_and(|value| value == "1");
    if let (true, Some(folder)) = (slow, folder) {
        return Some(folder.into());
    }
    eprintln!(
        "skipped: signing in needs RUN_SLOW_TESTS=1 and PORTCULLIS_INTEROP=<absolute path of interop/>, and \
         `cargo xtask peers` before"
    );
    None
}
