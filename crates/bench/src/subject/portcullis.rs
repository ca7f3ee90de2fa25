//! Portcullis as a careful operator runs it: API keys, a policy, pins, and the trail on disk.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::{KEY, endpoints, name, path, servers, write};
use crate::Outcome;
use crate::plan::Endpoint;
use crate::tokens::{ISSUER, RESOURCE};

/// Everything is permitted, so that what is measured is the asking.
const POLICY: &str = "@id(\"bench\")\npermit (principal, action, resource);\n";

/// What differs from one gateway to another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Setup<'a> {
    /// The control that is off.
    pub(super) off: Option<&'a str>,
    /// Where the keys of an issuer are whose tokens are taken.
    pub(super) keys: Option<&'a str>,
}

/// The command that serves `port` in front of the MCP server at the port `echo`. Writes its
/// configuration into `folder`, where the store goes too.
pub(super) fn command(
    program: &Path,
    folder: &Path,
    port: u16,
    echo: u16,
    setup: &Setup<'_>,
) -> Outcome<Command> {
    write(&folder.join("policies/bench.cedar"), POLICY)?;
    let file = folder.join("portcullis.toml");
    write(&file, &configuration(port, echo, setup))?;
    let mut command = Command::new(program);
    command.arg("serve").arg("-c").arg(file);
    Ok(command)
}

fn configuration(port: u16, echo: u16, setup: &Setup<'_>) -> String {
    let mut text = format!(
        "[listen]\naddress = \"127.0.0.1:{port}\"\n\n[[authn.key]]\nname = \"bench\"\nhash = \"sha256:{}\"\n\n[registry]\nmode = \"trust-on-first-use\"\n",
        key_hash()
    );
    if let Some(keys) = setup.keys {
        let _ = write!(
            text,
            "\n[authn.issuers.bench]\nkind = \"oidc\"\nissuer = \"{ISSUER}\"\njwks-url = \"{keys}\"\n"
        );
    }
    if let Some(off) = setup.off {
        let _ = write!(text, "\n[controls]\n{off} = false\n");
    }
    for endpoint in endpoints() {
        let era = match endpoint {
            Endpoint::Legacy => "legacy",
            _ => "modern",
        };
        for (server, at) in servers(endpoint) {
            let _ = write!(
                text,
                "\n[servers.{server}]\nurl = \"http://127.0.0.1:{echo}{at}\"\nera = \"{era}\"\n"
            );
        }
        let names: Vec<String> = servers(endpoint)
            .iter()
            .map(|(server, _)| format!("\"{server}\""))
            .collect();
        let _ = write!(
            text,
            "\n[profiles.{}]\npath = \"{}\"\nservers = [{}]\n",
            name(endpoint),
            path(endpoint),
            names.join(", ")
        );
        if setup.keys.is_some() {
            let _ = writeln!(text, "resource = \"{RESOURCE}{}\"", path(endpoint));
        }
    }
    text
}

fn key_hash() -> String {
    let digest = Sha256::digest(KEY.as_bytes());
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
