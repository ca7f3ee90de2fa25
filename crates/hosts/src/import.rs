//! Turns what was found in hosts into the text of a `portcullis.toml`.

mod candidate;
mod name;
mod plan;
mod secret;
mod variable;
mod write;

use crate::entry::Entry;
use crate::host::Host;

/// A new configuration. None of its texts holds the value of a variable or header that may be a
/// secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The `portcullis.toml`, with comments. It is valid.
    pub toml: String,
    /// A Cedar policy for the user `local`, to be put into the `policies` folder.
    pub policy: String,
    /// What was left out, renamed or merged, for the user to read: one sentence each.
    pub notes: Vec<String>,
    /// The environment variables that the gateway needs.
    pub secrets: Vec<SecretToMove>,
}

/// A secret that the user has to put into the gateway's environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretToMove {
    /// The server in the new configuration.
    pub server: String,
    /// The environment variable or header of the server.
    pub key: String,
    /// The environment variable of the gateway that the new configuration refers to.
    pub env_name: String,
    /// Where the value stands now: host, path and line.
    pub origin: String,
}

/// The policy that lets the user `local` use everything that the registry holds as approved.
const POLICY: &str = include_str!("../../../policies/everything-local.cedar");

/// Makes a configuration out of the entries of files, given as host, path and content.
///
/// The same server in several hosts becomes one. Values of variables and headers become references
/// to the environment, unless they are plainly no secrets. What Portcullis cannot run as it is
/// (switched off, the old SSE transport, secrets in arguments or URLs, variables that only the host
/// can expand) is left out with a note.
pub fn import(found: &[(Host, String, Vec<Entry>)]) -> Import {
    let mut notes = Vec::new();
    let candidates = candidate::collect(found, &mut notes);
    let known = secret::Known::of(found);
    let mut variables = variable::Variables::reserved_for(&candidates);
    let mut secrets = Vec::new();
    let mut servers = Vec::new();
    let mut left_out = Vec::new();
    for candidate in candidates {
        match plan::plan(&candidate, &known, &mut variables, &mut notes) {
            Ok(server) => {
                secrets.extend(server.to_move());
                servers.push(server);
            }
            Err(reason) => {
                notes.push(format!("server `{}` is left out: {reason}", candidate.name));
                left_out.push((candidate.name, reason));
            }
        }
    }
    if servers.is_empty() {
        notes.push("no server was taken over".to_owned());
    }
    Import {
        toml: write::configuration(found, &servers, &left_out),
        policy: POLICY.to_owned(),
        notes,
        secrets,
    }
}
