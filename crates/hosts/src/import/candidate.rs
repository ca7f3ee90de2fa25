//! The distinct servers among all entries.

use std::collections::BTreeMap;

use crate::entry::{Entry, Transport};
use crate::host::Host;

use super::name;

/// One distinct server, with everywhere it was found.
pub(super) struct Candidate {
    /// A valid name, unique among the candidates.
    pub(super) name: String,
    pub(super) transport: Transport,
    /// Where it was found, for comments.
    pub(super) origins: Vec<String>,
    host_name: String,
}

/// Collects the servers that are switched on, merging those that are the same.
pub(super) fn collect(
    found: &[(Host, String, Vec<Entry>)],
    notes: &mut Vec<String>,
) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for (host, path, entries) in found {
        for entry in entries {
            let origin = origin(*host, path, entry);
            if let Some(reason) = reason_to_skip(entry) {
                notes.push(format!(
                    "server {} of {origin} is left out: {reason}",
                    name::quoted(&entry.name)
                ));
                continue;
            }
            let transport = with_project(entry);
            match candidates
                .iter_mut()
                .find(|candidate| candidate.is_same(&entry.name, &transport))
            {
                Some(candidate) => candidate.merge(entry, &transport, origin, notes),
                None => add(&mut candidates, entry, transport, origin, notes),
            }
        }
    }
    candidates
}

impl Candidate {
    /// Whether an entry is this server. The same program or URL with the same values is, under any
    /// name. With the same name, different values of the same variables are too: hosts often hold
    /// the same secret in different ways.
    fn is_same(&self, host_name: &str, transport: &Transport) -> bool {
        self.transport == *transport
            || (self.host_name == host_name && is_same_but_for_values(&self.transport, transport))
    }

    fn merge(
        &mut self,
        entry: &Entry,
        transport: &Transport,
        origin: String,
        notes: &mut Vec<String>,
    ) {
        if self.host_name != entry.name {
            notes.push(format!(
                "server {} of {origin} is the same as `{}`",
                name::quoted(&entry.name),
                self.name
            ));
        }
        for key in differing_keys(&self.transport, transport) {
            notes.push(format!(
                "server `{}`: {origin} has another value for {}; there is one now, check which one you set",
                self.name,
                name::quoted(key)
            ));
        }
        self.origins.push(origin);
    }
}

fn add(
    candidates: &mut Vec<Candidate>,
    entry: &Entry,
    transport: Transport,
    origin: String,
    notes: &mut Vec<String>,
) {
    let is_taken = |name: &str| candidates.iter().any(|candidate| candidate.name == name);
    let name = name::unique(&entry.name, is_taken);
    if name != entry.name {
        notes.push(format!(
            "server {} of {origin} is `{name}` now",
            name::quoted(&entry.name)
        ));
    }
    candidates.push(Candidate {
        name,
        transport,
        origins: vec![origin],
        host_name: entry.name.clone(),
    });
}

fn reason_to_skip(entry: &Entry) -> Option<&'static str> {
    if entry.disabled {
        return Some("it is switched off there");
    }
    match &entry.transport {
        Transport::Stdio { command, .. } if is_portcullis(command) => {
            Some("it is Portcullis itself")
        }
        Transport::Http { sse: true, .. } => {
            Some("it uses the old HTTP+SSE transport; legacy HTTP+SSE upstreams come later")
        }
        Transport::Stdio { .. } | Transport::Http { .. } => None,
    }
}

fn is_portcullis(command: &str) -> bool {
    let program = command.rsplit(['/', '\\']).next().unwrap_or_default();
    matches!(program, "portcullis" | "portcullis.exe")
}

/// A host starts the servers of a project in the project's folder.
fn with_project(entry: &Entry) -> Transport {
    let mut transport = entry.transport.clone();
    if let (Transport::Stdio { cwd, .. }, Some(project)) = (&mut transport, &entry.project) {
        cwd.get_or_insert_with(|| project.clone());
    }
    transport
}

fn is_same_but_for_values(a: &Transport, b: &Transport) -> bool {
    let same_keys =
        |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>| a.keys().eq(b.keys());
    match (a, b) {
        (
            Transport::Stdio {
                command,
                args,
                env,
                cwd,
            },
            Transport::Stdio {
                command: other_command,
                args: other_args,
                env: other_env,
                cwd: other_cwd,
            },
        ) => {
            (command, args, cwd) == (other_command, other_args, other_cwd)
                && same_keys(env, other_env)
        }
        (
            Transport::Http { url, headers, sse },
            Transport::Http {
                url: other_url,
                headers: other_headers,
                sse: other_sse,
            },
        ) => (url, sse) == (other_url, other_sse) && same_keys(headers, other_headers),
        _ => false,
    }
}

fn differing_keys<'a>(a: &'a Transport, b: &Transport) -> Vec<&'a str> {
    let (a, b) = (a.values(), b.values());
    a.iter()
        .filter(|(key, value)| b.get(*key) != Some(value))
        .map(|(key, _)| key.as_str())
        .collect()
}

impl Transport {
    /// The values that may be secrets: variables or headers.
    pub(super) fn values(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Stdio { env, .. } => env,
            Self::Http { headers, .. } => headers,
        }
    }
}

fn origin(host: Host, path: &str, entry: &Entry) -> String {
    let path = name::printable(path);
    match entry.line {
        Some(line) => format!("{host} ({path}:{line})"),
        None => format!("{host} ({path})"),
    }
}
