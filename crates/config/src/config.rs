//! The whole file: parsing, the checks between sections, and what follows from several of them.

mod audience;
mod warnings;

use std::collections::BTreeMap;

use toml_span::value::Table;

use crate::authn::{Authn, Issuers};
use crate::controls::Controls;
use crate::limits::Limits;
use crate::listen::Listen;
use crate::outbound::Outbound;
use crate::policies::PoliciesConfig;
use crate::problem::{Mask, Problem, Problems};
use crate::profile::Profile;
use crate::registry::Registry;
use crate::secrets::Secrets;
use crate::section::{Section, quoted};
use crate::server::Server;
use crate::shield::Shield;
use crate::store::StoreLocation;
use crate::vault::Vault;

/// A checked configuration. It holds references to secrets, never secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Where the gateway listens.
    pub listen: Listen,
    /// Where state is kept.
    pub store: StoreLocation,
    /// Who may use the gateway.
    pub authn: Authn,
    /// Where the policies are.
    pub policies: PoliciesConfig,
    /// How new definitions are treated.
    pub registry: Registry,
    /// What is done about findings.
    pub shield: Shield,
    /// The switches of the controls.
    pub controls: Controls,
    /// Bounds on what a client or a server can cost.
    pub limits: Limits,
    /// How credentials at rest are sealed.
    pub vault: Vault,
    /// The services that hold secrets.
    pub secrets: Secrets,
    /// What the gateway may fetch.
    pub outbound: Outbound,
    /// The upstream servers by name.
    pub servers: BTreeMap<String, Server>,
    /// The endpoints by name.
    pub profiles: BTreeMap<String, Profile>,
}

/// Parses and checks a configuration file.
///
/// # Errors
/// Every problem of the file at once, in the order of the lines. Only a syntax error stops the
/// search: it is then the one problem.
pub fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    let mut problems = Problems::new(text);
    let config = match toml_span::parse(text) {
        Ok(document) => match document.as_table() {
            Some(table) => read(&mut problems, table, document.span),
            None => Config::default(),
        },
        Err(error) => {
            let message = error.to_string();
            problems.push(error.span, "", message, None, Mask::Everything);
            Config::default()
        }
    };
    match problems.is_empty() {
        true => Ok(config),
        false => Err(problems.into_sorted()),
    }
}

impl Config {
    /// All problems as a compiler would print them, with a blank line between; see
    /// [`Problem::render`].
    pub fn render_problems(problems: &[Problem], file: &str, source: &str) -> String {
        let rendered: Vec<_> = problems
            .iter()
            .map(|problem| problem.render(file, source))
            .collect();
        rendered.join("\n\n")
    }
}

fn read(problems: &mut Problems<'_>, table: &Table<'_>, span: toml_span::Span) -> Config {
    let mut root = Section::new(table, "", span);
    let store = StoreLocation::read(problems, &mut root);
    let mut listen_section = root.section(problems, "listen");
    let listen = Listen::read(problems, &mut listen_section);
    let (authn, issuer_names) = Authn::read(problems, &mut root, &listen);
    let issuers = Issuers::new(issuer_names, &authn.issuers);
    let policies = PoliciesConfig::read(problems, &mut root);
    let registry = Registry::read(problems, &mut root);
    let shield = Shield::read(problems, &mut root);
    let controls = Controls::read(problems, &mut root);
    let limits = Limits::read(problems, &mut root);
    let vault = Vault::read(problems, &mut root);
    let secrets = Secrets::read(problems, &mut root);
    let outbound = Outbound::read(problems, &mut root);
    let mut server_names = Vec::new();
    let mut servers = BTreeMap::new();
    for (name, name_span, value) in root.entries(problems, "servers") {
        server_names.push(name);
        check_name(problems, "servers", name, name_span);
        let path = format!("servers.{}", quoted(name).trim_matches('`'));
        if let Some(server) = Server::read(problems, &path, (name_span, value), &issuers) {
            servers.insert(name.to_owned(), server);
        }
    }
    let profiles = read_profiles(problems, &mut root, &listen, (&server_names, &issuers));
    check_exposure(problems, &mut listen_section, &listen, &authn, &controls);
    secrets.check_references(problems);
    listen_section.finish(problems);
    root.finish(problems);
    Config {
        listen,
        store: store.unwrap_or_default(),
        authn,
        policies,
        registry,
        shield,
        controls,
        limits,
        vault,
        secrets,
        outbound,
        servers,
        profiles,
    }
}

fn read_profiles(
    problems: &mut Problems<'_>,
    root: &mut Section<'_, '_>,
    listen: &Listen,
    known: (&[&str], &Issuers<'_>),
) -> BTreeMap<String, Profile> {
    let mut profiles = BTreeMap::new();
    let mut paths: BTreeMap<String, &str> = BTreeMap::new();
    for (name, span, value) in root.entries(problems, "profiles") {
        check_name(problems, "profiles", name, span);
        let key = format!("profiles.{}", quoted(name).trim_matches('`'));
        let Some(profile) = Profile::read(problems, (name, span), &key, value, known) else {
            continue;
        };
        if let Some(other) = paths.insert(profile.path.clone(), name) {
            let message = format!("profiles `{other}` and `{name}` have the same path");
            problems.push(span, &key, message, None, Mask::OtherStrings);
        }
        check_audience(problems, (&key, span), listen, &profile, known.1);
        profiles.insert(name.to_owned(), profile);
    }
    profiles
}

/// A token must be for this gateway, which needs something that it can be for.
fn check_audience(
    problems: &mut Problems<'_>,
    (key, span): (&str, toml_span::Span),
    listen: &Listen,
    profile: &Profile,
    issuers: &Issuers<'_>,
) {
    for name in issuers.names().filter(|name| profile.takes(name)) {
        let issuer = issuers.find(name).flatten();
        if issuer.is_some_and(|issuer| audience::audiences(listen, profile, issuer).is_empty()) {
            let message = format!(
                "`{key}` takes tokens of issuer `{name}`, but nothing says for whom they must be"
            );
            let hint = "set `listen.public-url`, `resource` here, or `audiences` at the issuer";
            problems.push(
                span,
                key,
                message,
                Some(hint.to_owned()),
                Mask::OtherStrings,
            );
        }
    }
}

/// Names of servers and profiles stand in tool names, paths and policies.
pub(crate) fn check_name(
    problems: &mut Problems<'_>,
    section: &str,
    name: &str,
    span: toml_span::Span,
) {
    let is_valid = (1..=32).contains(&name.len())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_valid {
        let message = format!("{} is no name for an entry of `{section}`", quoted(name));
        let hint = "a name has 1 to 32 of a-z, 0-9 and `-`, and no `-` at its ends";
        problems.push(
            span,
            section,
            message,
            Some(hint.to_owned()),
            Mask::Everything,
        );
    }
}

/// An address that other machines can reach needs credentials, nothing that replaces them, and
/// encryption.
fn check_exposure(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    listen: &Listen,
    authn: &Authn,
    controls: &Controls,
) {
    if listen.is_loopback() {
        return;
    }
    let hint = if !controls.authentication {
        Some("switch `controls.authentication` on, or listen on 127.0.0.1")
    } else if authn.loopback.is_some() {
        Some("take `authn.loopback` out, or listen on 127.0.0.1")
    } else if !authn.admits_others() {
        Some("add an `[[authn.key]]` or an `[authn.issuers.NAME]`, or listen on 127.0.0.1")
    } else {
        None
    };
    if let Some(hint) = hint {
        let message = format!(
            "refusing to listen on {} without authentication",
            listen.address
        );
        section.refuse(problems, "address", message, hint);
    }
    if section.value("tls").is_none() && !listen.behind_tls_proxy {
        let message = format!("refusing to listen on {} without TLS", listen.address);
        let hint = "add `[listen.tls]`; or write `behind-tls-proxy = true` if a proxy that does TLS stands in front, or listen on 127.0.0.1";
        section.refuse(problems, "address", message, hint);
    }
}

#[cfg(test)]
mod tests;
