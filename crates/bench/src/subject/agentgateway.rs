//! agentgateway with nothing switched on: an MCP backend at each port, and no policy.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::{servers, write};
use crate::plan::Endpoint;
use crate::{Outcome, child};

/// The command that serves each endpoint at its port, in front of the MCP server at the port
/// `echo`. Writes its configuration into `folder`.
pub(super) fn command(
    program: &Path,
    folder: &Path,
    ports: &BTreeMap<Endpoint, u16>,
    echo: u16,
) -> Outcome<Command> {
    let file = folder.join("config.yaml");
    write(&file, &configuration(ports, echo))?;
    let mut command = Command::new(program);
    command.arg("-f").arg(file).current_dir(folder);
    // The ports that it opens besides are fixed ones, unless it is told.
    for variable in ["ADMIN_ADDR", "STATS_ADDR", "READINESS_ADDR"] {
        command.env(variable, format!("127.0.0.1:{}", child::free_port()?));
    }
    Ok(command)
}

fn configuration(ports: &BTreeMap<Endpoint, u16>, echo: u16) -> String {
    let mut text = String::from("binds:\n");
    for (endpoint, port) in ports {
        let _ = write!(
            text,
            "- port: {port}\n  listeners:\n  - routes:\n    - backends:\n      - mcp:\n          targets:\n"
        );
        for (name, path) in servers(*endpoint) {
            let _ = write!(
                text,
                "          - name: {name}\n            mcp:\n              host: http://127.0.0.1:{echo}{path}\n"
            );
        }
    }
    text
}
