//! What the suite calls as the client under test: our reference client, with Portcullis between
//! the two.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::conformance::auth;
use crate::conformance::gateway::Gateway;
use crate::conformance::place::Place;

/// Starts Portcullis in front of the suite's server at `url` and has the reference client talk to
/// it. The suite says in `MCP_CONFORMANCE_*` variables what the client is to do.
///
/// # Errors
/// When Portcullis does not start, or the client fails.
pub(crate) fn run(root: &Path, url: &str, direct: bool) -> Outcome {
    let place = Place::new(root)?;
    let sign_in = auth::of_scenario()?;
    let gateway = match direct {
        true => None,
        false => Some(Gateway::start_loud(&place, url, sign_in.as_ref())?),
    };
    let target = gateway.as_ref().map_or(url, Gateway::url);
    let status = Command::new(place.node())
        .arg(place.client())
        .arg(target)
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("the reference client: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("the reference client ended with {status}"))
}
