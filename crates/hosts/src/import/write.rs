//! Writes the text of the new configuration.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::name::{is_plain, printable};
use super::plan::{Plan, Target};
use crate::entry::Entry;
use crate::host::Host;

const HEAD: &str = r#"# Written by `portcullis init`. docs/reference/configuration.md explains every key;
# `portcullis check` shows every problem of this file at once.

store = "sqlite:portcullis.db"

[listen]
address = "127.0.0.1:8642"

[authn]
# Requests from this machine without credentials are the user `local`.
loopback = "local"

[policies]
files = ["policies"]

[registry]
# The first definition that is seen of each tool is pinned; one that changes later is held.
# "review" asks you before a new one is shown.
mode = "trust-on-first-use"
"#;

/// The text of the file. Every string in it is either one of ours, a name, a path, or was judged to
/// be no secret.
pub(super) fn configuration(
    found: &[(Host, String, Vec<Entry>)],
    servers: &[Plan],
    left_out: &[(String, &str)],
) -> String {
    let mut out = HEAD.to_owned();
    out.push_str("\n# Read from:\n");
    for (host, path, _) in found {
        line(&mut out, format_args!("#   {host}: {}", printable(path)));
    }
    if !left_out.is_empty() {
        out.push_str("\n# Left out:\n");
    }
    for (name, reason) in left_out {
        line(&mut out, format_args!("#   `{name}`: {reason}."));
    }
    for plan in servers {
        server(&mut out, plan);
    }
    if !servers.is_empty() {
        let names: Vec<_> = servers.iter().map(|plan| plan.name.clone()).collect();
        out.push_str(
            "\n# One endpoint with everything: http://127.0.0.1:8642/mcp/all\n[profiles.all]\n",
        );
        line(&mut out, format_args!("servers = {}", strings(&names)));
    }
    out
}

fn server(out: &mut String, plan: &Plan) {
    out.push('\n');
    for origin in &plan.origins {
        line(out, format_args!("# From {}.", printable(origin)));
    }
    line(out, format_args!("[servers.{}]", plan.name));
    let (secret_key, plain_key) = match &plan.target {
        Target::Stdio { command, args, cwd } => {
            line(out, format_args!("command = {}", string(command)));
            if !args.is_empty() {
                line(out, format_args!("args = {}", strings(args)));
            }
            if let Some(cwd) = cwd {
                line(out, format_args!("cwd = {}", string(cwd)));
            }
            ("env", "plain-env")
        }
        Target::Http { url } => {
            line(out, format_args!("url = {}", string(url)));
            ("headers", "plain-headers")
        }
    };
    for (key, values) in [(secret_key, &plan.references), (plain_key, &plan.plain)] {
        if !values.is_empty() {
            line(out, format_args!("{key} = {}", table(values)));
        }
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

fn strings(values: &[String]) -> String {
    let values: Vec<_> = values.iter().map(|value| string(value)).collect();
    format!("[{}]", values.join(", "))
}

fn table(values: &BTreeMap<String, String>) -> String {
    let entries: Vec<_> = values
        .iter()
        .map(|(name, value)| format!("{} = {}", key(name), string(value)))
        .collect();
    format!("{{ {} }}", entries.join(", "))
}

/// A bare key where TOML allows one.
fn key(name: &str) -> String {
    let is_bare = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    match is_bare {
        true => name.to_owned(),
        false => string(name),
    }
}

/// A basic string: TOML 1.0, section "String". What may be invisible is escaped.
fn string(text: &str) -> String {
    let mut out = String::from('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            _ if is_plain(character) => out.push(character),
            _ => {
                let _ = write!(out, "\\U{:08X}", u32::from(character));
            }
        }
    }
    out.push('"');
    out
}
