//! Profiles: virtual MCP endpoints, each with its own path and its own choice of servers and tools.

use std::collections::BTreeMap;

use toml_span::{Span, Value};

use crate::authn::Issuers;
use crate::features::Features;
use crate::pattern::Pattern;
use crate::problem::{Mask, Problems};
use crate::section::{Section, quoted, strings, suggestion, wrong_type};

/// One `[profiles.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The path of the endpoint. `/mcp/NAME` by default.
    pub path: String,
    /// What is reachable through it, in the order of the file.
    pub servers: Vec<ProfileServer>,
    /// Whether names get the server's name in front; `None`: if there is more than one server.
    pub prefix: Option<bool>,
    /// What the profile is for, for people.
    pub description: Option<String>,
    /// Instructions for the host's model, in place of those of the servers.
    pub instructions: Option<String>,
    /// The oldest protocol revision to speak, for example `2025-06-18`.
    pub minimum_version: Option<String>,
    /// What servers may ask of a host, and which extensions are carried.
    pub features: Features,
    /// The issuers whose tokens are taken, by name; `None`: all.
    pub issuers: Option<Vec<String>>,
    /// The scopes that a token must have, all of them; also what is announced to hosts
    /// (`scopes_supported`).
    pub scopes: Vec<String>,
    /// The canonical URL of the endpoint, when it is not the gateway's address with the path: see
    /// [`Config::resource`](crate::Config::resource).
    pub resource: Option<String>,
    /// The line of the entry, counted from 1.
    pub line: usize,
}

impl Profile {
    /// A profile with the defaults for everything but the path and the servers.
    pub fn new(path: impl Into<String>, servers: Vec<ProfileServer>) -> Self {
        Self {
            path: path.into(),
            servers,
            prefix: None,
            description: None,
            instructions: None,
            minimum_version: None,
            features: Features::default(),
            issuers: None,
            scopes: Vec::new(),
            resource: None,
            line: 0,
        }
    }

    /// Whether tokens of the issuer of this name are taken.
    pub fn takes(&self, issuer: &str) -> bool {
        self.issuers
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| name == issuer))
    }

    /// Whether names get the server's name in front.
    pub fn has_prefix(&self) -> bool {
        self.prefix.unwrap_or(self.servers.len() > 1)
    }
}

/// One server of a profile, with what of it is reachable. `None`: everything that is approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileServer {
    /// The name of a `[servers.NAME]`.
    pub name: String,
    /// Names of tools.
    pub tools: Option<Vec<Pattern>>,
    /// Names of prompts.
    pub prompts: Option<Vec<Pattern>>,
    /// URIs of resources.
    pub resources: Option<Vec<Pattern>>,
}

/// The protocol revisions that a `minimum-version` can name.
const VERSIONS: &[&str] = &[
    "2024-11-05",
    "2025-03-26",
    "2025-06-18",
    "2025-11-25",
    "2026-07-28",
];

impl Profile {
    /// `servers` are the names of all `[servers.*]`, also of those with problems.
    pub(crate) fn read(
        problems: &mut Problems<'_>,
        (name, name_span): (&str, Span),
        path: &str,
        value: &Value<'_>,
        (servers, known_issuers): (&[&str], &Issuers<'_>),
    ) -> Option<Self> {
        let Some(table) = value.as_table() else {
            wrong_type(problems, path, value, "a table");
            return None;
        };
        let mut section = Section::new(table, path, value.span);
        let endpoint = read_path(problems, &mut section);
        let chosen = read_servers(problems, &mut section, servers);
        let mut tools = read_choices(problems, &mut section, "tools", &chosen);
        let mut prompts = read_choices(problems, &mut section, "prompts", &chosen);
        let mut resources = read_choices(problems, &mut section, "resources", &chosen);
        let prefix = section.boolean(problems, "prefix");
        let description = section.string(problems, "description");
        let instructions = section.string(problems, "instructions");
        let minimum_version = read_version(problems, &mut section);
        let features = Features::read(problems, &mut section);
        let issuers = read_issuers(problems, &mut section, known_issuers);
        let scopes = section.scopes(problems, "scopes").unwrap_or_default();
        if scopes.iter().any(|scope| scope == "offline_access") {
            let message = format!("`{}` has `offline_access`", section.key("scopes"));
            let hint = "take it out: it is no right at a tool (MCP, authorization)";
            section.refuse(problems, "scopes", message, hint);
        }
        let resource = read_resource(problems, &mut section);
        if prefix == Some(false) && chosen.len() > 1 {
            let message = format!("`{path}` has several servers, so names need their prefix");
            let hint = "two servers may have tools of one name; leave `prefix` out";
            section.refuse(problems, "prefix", message, hint);
        }
        section.finish(problems);
        Some(Self {
            path: endpoint.unwrap_or_else(|| format!("/mcp/{name}")),
            servers: chosen
                .into_iter()
                .map(|name| ProfileServer {
                    tools: tools.remove(&name),
                    prompts: prompts.remove(&name),
                    resources: resources.remove(&name),
                    name,
                })
                .collect(),
            prefix,
            description: description.map(|(text, _)| text.to_owned()),
            instructions: instructions.map(|(text, _)| text.to_owned()),
            minimum_version,
            features,
            issuers,
            scopes,
            resource,
            line: problems.line(name_span.start),
        })
    }
}

fn read_path(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Option<String> {
    let (text, _) = section.string(problems, "path")?;
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte));
    let segments_fit = text.strip_prefix('/').is_some_and(|rest| {
        rest.split('/')
            .all(|segment| !matches!(segment, "" | "." | "..") && segment != ".well-known")
    });
    if is_plain && segments_fit {
        return Some(text.to_owned());
    }
    let message = format!("`{}` is no path for an endpoint", section.key("path"));
    let hint = "write `/mcp/NAME`: a leading `/`, letters, digits and `-._~`, no empty, `.`, `..` or `.well-known` segment";
    section.refuse(problems, "path", message, hint);
    None
}

/// A canonical URL of RFC 9728: without query and fragment, and without a `/` at its end, which
/// some issuers compare.
fn read_resource(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Option<String> {
    let text = section.url(problems, "resource")?;
    if text.contains('?') || text.ends_with('/') {
        let message = format!("`{}` is no canonical URL", section.key("resource"));
        let hint = "write it without a query and without a `/` at its end";
        section.refuse_hidden(problems, "resource", message, hint);
        return None;
    }
    Some(text)
}

fn read_issuers(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    known: &Issuers<'_>,
) -> Option<Vec<String>> {
    let key = section.key("issuers");
    let names = section.strings(problems, "issuers")?;
    let mut chosen: Vec<String> = Vec::new();
    for (name, span) in names {
        if known.find(&name).is_none() {
            let hint = match suggestion(&name, known.names()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "name an `[authn.issuers.NAME]` of this file".to_owned(),
            };
            let message = format!("unknown issuer {}", quoted(&name));
            problems.push(span, &key, message, Some(hint), Mask::OtherStrings);
        } else if chosen.contains(&name) {
            let message = format!("{} is there twice", quoted(&name));
            problems.push(span, &key, message, None, Mask::OtherStrings);
        } else {
            chosen.push(name);
        }
    }
    Some(chosen)
}

fn read_servers(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    known: &[&str],
) -> Vec<String> {
    let key = section.key("servers");
    let Some(value) = section.value("servers") else {
        let message = format!("`{key}` is missing");
        let hint = "write `servers = [\"NAME\"]`, with names of `[servers.NAME]`";
        section.refuse(problems, "servers", message, hint);
        return Vec::new();
    };
    let names = strings(problems, &key, value);
    if names.as_ref().is_some_and(Vec::is_empty) {
        let message = format!("`{key}` is empty");
        section.refuse(problems, "servers", message, "a profile needs a server");
    }
    let mut chosen: Vec<String> = Vec::new();
    for (name, span) in names.unwrap_or_default() {
        if !known.contains(&name.as_str()) {
            unknown_server(problems, &key, &name, span, known);
        } else if chosen.contains(&name) {
            let message = format!("{} is there twice", quoted(&name));
            problems.push(span, &key, message, None, Mask::OtherStrings);
        } else {
            chosen.push(name);
        }
    }
    chosen
}

/// A sub-table with one list of patterns per server.
fn read_choices(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    name: &'static str,
    chosen: &[String],
) -> BTreeMap<String, Vec<Pattern>> {
    let path = section.key(name);
    let chosen: Vec<_> = chosen.iter().map(String::as_str).collect();
    let mut out = BTreeMap::new();
    for (server, span, value) in section.entries(problems, name) {
        if !chosen.contains(&server) {
            unknown_server(problems, &path, server, span, &chosen);
            continue;
        }
        let key = format!("{path}.{server}");
        let patterns = strings(problems, &key, value).unwrap_or_default();
        let patterns = patterns.into_iter().map(|(text, _)| Pattern::new(text));
        out.insert(server.to_owned(), patterns.collect());
    }
    out
}

fn unknown_server(problems: &mut Problems<'_>, key: &str, name: &str, span: Span, known: &[&str]) {
    let hint = match suggestion(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => "there is no server here".to_owned(),
        None => format!("there are {}", crate::section::list(known)),
    };
    let message = format!("unknown server {}", quoted(name));
    problems.push(span, key, message, Some(hint), Mask::OtherStrings);
}

fn read_version(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Option<String> {
    let (text, _) = section.string(problems, "minimum-version")?;
    if VERSIONS.contains(&text) {
        return Some(text.to_owned());
    }
    let key = section.key("minimum-version");
    let message = format!("`{key}` is no protocol revision");
    let hint = format!("it can be {}", crate::section::list(VERSIONS));
    section.refuse(problems, "minimum-version", message, &hint);
    None
}

#[cfg(test)]
mod tests;
