//! Names of environment variables of the gateway.

use std::collections::BTreeMap;

use portcullis_config::is_variable_name;

use super::candidate::Candidate;

/// A value that only says where the real one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// An environment variable of the host.
    Variable(String),
    /// A file, by absolute path.
    File(String),
}

/// Reads `${NAME}`, `${env:NAME}`, `${NAME:-default}` and `${file:/path}`. Not `$NAME`, which may be a
/// password that starts with `$`; the readers of hosts that expand it write `${NAME}`.
pub(super) fn reference(value: &str) -> Option<Reference> {
    let inner = value.strip_prefix("${")?.strip_suffix('}')?;
    if let Some(path) = inner.strip_prefix("file:") {
        let is_plain = path.starts_with('/') && !path.contains(['$', '{', '}', '\0']);
        return (is_plain && path.len() > 1).then(|| Reference::File(path.to_owned()));
    }
    let name = inner.strip_prefix("env:").unwrap_or(inner);
    let name = name.split_once(":-").map_or(name, |(name, _)| name);
    is_variable_name(name).then(|| Reference::Variable(name.to_owned()))
}

/// The variables that the new configuration refers to, with what each stands for.
pub(super) struct Variables {
    taken: BTreeMap<String, String>,
}

impl Variables {
    /// Names that hosts already refer to keep their meaning.
    pub(super) fn reserved_for(candidates: &[Candidate]) -> Self {
        let taken = candidates
            .iter()
            .flat_map(|candidate| candidate.transport.values().values())
            .filter_map(|value| match reference(value)? {
                Reference::Variable(name) => Some((name.clone(), format!("${{{name}}}"))),
                Reference::File(_) => None,
            })
            .collect();
        Self { taken }
    }

    /// A variable for a value: `wanted` if it is free or stands for the same value, else with the
    /// server's name in front.
    pub(super) fn name(&mut self, server: &str, wanted: &str, value: &str) -> String {
        let wanted = valid(wanted);
        let with_server = format!("{}_{wanted}", valid(server).to_uppercase());
        let numbered = (2u32..).map(|number| format!("{with_server}_{number}"));
        let names = [wanted, with_server.clone()].into_iter().chain(numbered);
        for name in names {
            match self.taken.get(&name) {
                Some(taken) if taken != value => {}
                Some(_) => return name,
                None => {
                    self.taken.insert(name.clone(), value.to_owned());
                    return name;
                }
            }
        }
        with_server
    }
}

/// The name with everything that no variable can have as `_`.
fn valid(name: &str) -> String {
    let mut out: String = name
        .chars()
        .map(|c| match c.is_ascii_alphanumeric() {
            true => c,
            false => '_',
        })
        .collect();
    if !is_variable_name(&out) {
        out.insert(0, '_');
    }
    out
}

#[cfg(test)]
mod tests;
