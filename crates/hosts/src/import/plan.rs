//! What one server becomes in the new configuration, or why it cannot be taken over.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_config::{UrlFault, check_header, check_url};

use super::SecretToMove;
use super::candidate::Candidate;
use super::name::quoted;
use super::secret::{Known, is_harmless};
use super::variable::{Reference, Variables, reference};
use crate::entry::Transport;

/// A server as it will be written. Nothing in it is a secret.
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) target: Target,
    /// Variables or headers by reference: `env:NAME` or `file:/path`.
    pub(super) references: BTreeMap<String, String>,
    /// Variables or headers that are no secrets.
    pub(super) plain: BTreeMap<String, String>,
    pub(super) origins: Vec<String>,
}

pub(super) enum Target {
    Stdio {
        command: String,
        args: Vec<String>,
        cwd: Option<String>,
    },
    Http {
        url: String,
    },
}

impl Plan {
    pub(super) fn to_move(&self) -> Vec<SecretToMove> {
        self.references
            .iter()
            .filter_map(|(key, reference)| {
                Some(SecretToMove {
                    server: self.name.clone(),
                    key: key.clone(),
                    env_name: reference.strip_prefix("env:")?.to_owned(),
                    origin: self.origins.first().cloned().unwrap_or_default(),
                })
            })
            .collect()
    }
}

pub(super) fn plan(
    candidate: &Candidate,
    known: &Known,
    variables: &mut Variables,
    notes: &mut Vec<String>,
) -> Result<Plan, &'static str> {
    let (target, values) = match &candidate.transport {
        Transport::Stdio {
            command,
            args,
            env,
            cwd,
        } => {
            check_command(command, args, env, cwd.as_deref(), known)?;
            let target = Target::Stdio {
                command: command.clone(),
                args: args.clone(),
                cwd: cwd.clone(),
            };
            (target, usable_variables(candidate, env, notes))
        }
        Transport::Http { url, headers, .. } => {
            check_endpoint(url, known)?;
            let target = Target::Http { url: url.clone() };
            (target, usable_headers(candidate, headers, notes))
        }
    };
    let is_http = matches!(target, Target::Http { .. });
    let mut plan = Plan {
        name: candidate.name.clone(),
        target,
        references: BTreeMap::new(),
        plain: BTreeMap::new(),
        origins: candidate.origins.clone(),
    };
    for (key, value) in values {
        match reference(&value) {
            Some(Reference::Variable(name)) => {
                plan.references.insert(key, format!("env:{name}"));
            }
            Some(Reference::File(path)) => {
                plan.references.insert(key, format!("file:{path}"));
            }
            None if is_harmless(&key, &value) && !known.is_in(&value) => {
                plan.plain.insert(key, value);
            }
            None => {
                let wanted = match is_http {
                    true => format!("{}_{key}", candidate.name).to_uppercase(),
                    false => key.clone(),
                };
                let name = variables.name(&candidate.name, &wanted, &value);
                if is_http && key == "authorization" {
                    notes.push(format!(
                        "server `{}`: {name} holds the whole value of the header, with `Bearer ` in front if it is a token",
                        candidate.name,
                    ));
                }
                plan.references.insert(key, format!("env:{name}"));
            }
        }
    }
    Ok(plan)
}

fn check_command(
    command: &str,
    args: &[String],
    env: &BTreeMap<String, String>,
    cwd: Option<&str>,
    known: &Known,
) -> Result<(), &'static str> {
    let own: BTreeSet<_> = env.keys().map(String::as_str).collect();
    let places = [command, cwd.unwrap_or_default()];
    if known.may_be_in_arguments(args) || places.iter().any(|text| known.may_be_in(text)) {
        return Err(
            "its command line seems to hold a secret, which every user of the machine can read; pass it as an environment variable",
        );
    }
    if places.iter().any(|text| text.contains("${")) || args.iter().any(|arg| !expands(arg, &own)) {
        return Err(
            "its command line uses variables that only the host expands; write the values themselves",
        );
    }
    let has_nul = args
        .iter()
        .map(String::as_str)
        .chain(places)
        .any(|text| text.contains('\0'));
    if command.trim().is_empty() || has_nul {
        return Err("its command is no program");
    }
    if command.contains(' ') && !command.contains(['/', '\\']) {
        return Err("its command is a whole command line; no shell is used, so split it");
    }
    Ok(())
}

/// Whether every `${NAME}` is a variable that the server itself gets. Some servers, such as
/// `mcp-remote`, expand those in their arguments.
fn expands(arg: &str, own: &BTreeSet<&str>) -> bool {
    arg.split("${").skip(1).all(|rest| {
        rest.split_once('}')
            .is_some_and(|(name, _)| own.contains(name))
    })
}

fn check_endpoint(url: &str, known: &Known) -> Result<(), &'static str> {
    if known.may_be_in(url) {
        return Err("its URL seems to hold a secret; use a header, if the server takes one");
    }
    if url.contains("${") || url.contains('$') {
        return Err(
            "its URL uses variables that only the host expands; write the values themselves",
        );
    }
    check_url(url).map_err(|fault| match fault {
        UrlFault::Malformed => "its URL is no absolute URL",
        UrlFault::Scheme => "its URL is neither https nor http",
        UrlFault::Credentials => "its URL carries credentials",
        UrlFault::PlainHttp => "its URL is not encrypted: http is only for loopback addresses",
        UrlFault::Fragment => "its URL has a fragment",
    })
}

fn usable_variables(
    candidate: &Candidate,
    env: &BTreeMap<String, String>,
    notes: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let (usable, odd): (BTreeMap<_, _>, BTreeMap<_, _>) = env
        .clone()
        .into_iter()
        .partition(|(name, _)| !name.is_empty() && !name.contains(['=', '\0']));
    if !odd.is_empty() {
        notes.push(format!(
            "server `{}`: variables without a usable name are left out",
            candidate.name
        ));
    }
    usable
}

/// The headers that the gateway may send, by lower-case name.
fn usable_headers(
    candidate: &Candidate,
    headers: &BTreeMap<String, String>,
    notes: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let mut usable = BTreeMap::new();
    for (name, value) in headers {
        match check_header(name) {
            Ok(()) => {
                usable.insert(name.to_ascii_lowercase(), value.clone());
            }
            Err(reason) => notes.push(format!(
                "server `{}`: the header {} is left out, since it {reason}",
                candidate.name,
                quoted(name)
            )),
        }
    }
    usable
}
