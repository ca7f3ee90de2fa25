//! Who may use the gateway: the loopback principal, hashed API keys, tokens of issuers, and client
//! certificates.

mod certificates;
mod issuer;
mod issuers;

use std::collections::BTreeMap;
use std::fmt;

pub use certificates::{CertificateNames, CertificatePrincipals};
pub use issuer::{
    Algorithm, BoundTokens, CallerCredential, ClaimNames, Entra, EntraVersion, FrontDoor,
    GroupSource, Guests, Issuer, IssuerKind, Spiffe, SpiffeBundle, TokenForm,
};
pub(crate) use issuers::Issuers;
use toml_span::{Span, Value};

use crate::listen::Listen;
use crate::problem::{Mask, Problems};
use crate::section::{Section, choice, quoted, wrong_type};
use crate::tls::parse_hex;

/// The `[authn]` section. By default nobody is let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authn {
    /// The user name that a request from this machine without credentials gets. `None`: such a
    /// request is refused.
    pub loopback: Option<String>,
    /// The API keys, in the order of the file.
    pub keys: Vec<ApiKey>,
    /// Whose tokens are taken, by name.
    pub issuers: BTreeMap<String, Issuer>,
    /// How client certificates become principals; `None`: they do not.
    pub certificates: Option<CertificatePrincipals>,
}

/// One `[[authn.key]]`. Only the hash of the key is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// The principal's name, unique among the keys.
    pub name: String,
    /// What kind of principal it is.
    pub kind: PrincipalKind,
    /// SHA-256 of the key.
    pub hash: KeyHash,
    /// The groups of the principal, for policies.
    pub groups: Vec<String>,
    /// The roles of the principal, for policies.
    pub roles: Vec<String>,
    /// The line of the entry, counted from 1.
    pub line: usize,
}

/// SHA-256 of an API key.
pub type KeyHash = [u8; 32];

/// What kind of principal a key stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalKind {
    /// A person.
    #[default]
    User,
    /// An autonomous agent.
    Agent,
    /// A service.
    Workload,
}

impl fmt::Display for PrincipalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Agent => "agent",
            Self::Workload => "workload",
        })
    }
}

impl Authn {
    /// Whether anybody who is not on this machine can sign in.
    pub(crate) fn admits_others(&self) -> bool {
        !self.keys.is_empty() || !self.issuers.is_empty() || self.certificates.is_some()
    }

    /// Reads the section, and the names of all issuers, also of those with problems.
    pub(crate) fn read<'a>(
        problems: &mut Problems<'_>,
        root: &mut Section<'a, '_>,
        listen: &Listen,
    ) -> (Self, Vec<&'a str>) {
        let mut section = root.section(problems, "authn");
        let loopback = section
            .string(problems, "loopback")
            .filter(|(name, span)| is_valid_name(problems, &section.key("loopback"), name, *span))
            .map(|(name, _)| name.to_owned());
        let keys = read_keys(problems, &mut section);
        let mut names = Vec::new();
        let mut issuers = BTreeMap::new();
        let path = section.key("issuers");
        for (name, span, value) in section.entries(problems, "issuers") {
            names.push(name);
            crate::config::check_name(problems, &path, name, span);
            let others = keys
                .iter()
                .map(|key| key.name.as_str())
                .chain(loopback.as_deref());
            check_names_of_others(problems, &path, (name, span), others);
            let key = format!("{path}.{}", quoted(name).trim_matches('`'));
            if let Some(issuer) = Issuer::read(problems, &key, (span, value), listen) {
                check_other_issuers(problems, (name, span), &issuer, &issuers);
                issuers.insert(name.to_owned(), issuer);
            }
        }
        let certificates = CertificatePrincipals::read(problems, &mut section, listen);
        section.finish(problems);
        let authn = Self {
            loopback,
            keys,
            issuers,
            certificates,
        };
        (authn, names)
    }
}

/// A token belongs to one entry: the one with its `iss`.
fn check_other_issuers(
    problems: &mut Problems<'_>,
    (name, span): (&str, Span),
    issuer: &Issuer,
    others: &BTreeMap<String, Issuer>,
) {
    let is_same = |other: &Issuer| match (&issuer.kind, &other.kind) {
        (IssuerKind::Entra(one), IssuerKind::Entra(two)) => {
            let shared = |tenant: &String| two.tenants.contains(tenant);
            one.cloud == two.cloud && one.tenants.iter().any(shared)
        }
        (IssuerKind::Spiffe(one), IssuerKind::Spiffe(two)) => one.trust_domain == two.trust_domain,
        _ => issuer.issuer().is_some() && issuer.issuer() == other.issuer(),
    };
    if let Some((other, _)) = others.iter().find(|(_, other)| is_same(other)) {
        let message = format!("issuers `{other}` and `{name}` have the same tokens");
        let hint = "a token belongs to one entry; give that entry what both should take";
        let key = format!("authn.issuers.{name}");
        problems.push(
            span,
            &key,
            message,
            Some(hint.to_owned()),
            Mask::OtherStrings,
        );
    }
}

/// Whoever comes with a token is called `ISSUER:SUBJECT`; nobody else may have such a name.
fn check_names_of_others<'a>(
    problems: &mut Problems<'_>,
    path: &str,
    (issuer, span): (&str, Span),
    others: impl Iterator<Item = &'a str>,
) {
    for other in others {
        let taken = other
            .strip_prefix(issuer)
            .is_some_and(|rest| rest.starts_with(':'));
        if taken {
            let message = format!(
                "{} could be somebody with a token of the issuer {}",
                quoted(other),
                quoted(issuer)
            );
            let hint = "rename the key or the loopback user, or the issuer".to_owned();
            problems.push(span, path, message, Some(hint), Mask::OtherStrings);
        }
    }
}

fn read_keys(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Vec<ApiKey> {
    let path = section.key("key");
    let Some(value) = section.value("key") else {
        return Vec::new();
    };
    let Some(entries) = value.as_array() else {
        wrong_type(problems, &path, value, "`[[authn.key]]` entries");
        return Vec::new();
    };
    let mut names = BTreeMap::new();
    let mut hashes = BTreeMap::new();
    let mut keys = Vec::new();
    for entry in entries {
        let Some((key, name_span)) = read_key(problems, &path, entry) else {
            continue;
        };
        if let Some(line) = names.insert(key.name.clone(), key.line) {
            let message = format!("{} is the name of two keys", quoted(&key.name));
            let hint = format!("the other is in line {line}");
            problems.push(name_span, &path, message, Some(hint), Mask::OtherStrings);
        }
        if let Some(line) = hashes.insert(key.hash, key.line) {
            let message = "two principals share one key".to_owned();
            let hint = format!("the other is in line {line}; make a key for each");
            problems.push(entry.span, &path, message, Some(hint), Mask::Everything);
        }
        keys.push(key);
    }
    keys
}

fn read_key(problems: &mut Problems<'_>, path: &str, entry: &Value<'_>) -> Option<(ApiKey, Span)> {
    let Some(table) = entry.as_table() else {
        wrong_type(problems, path, entry, "a table");
        return None;
    };
    let mut section = Section::new(table, path, entry.span);
    let name = section.string(problems, "name");
    if name.is_none() && table.get("name").is_none() {
        let message = format!("`{path}` has no `name`");
        problems.push(entry.span, path, message, None, Mask::Everything);
    }
    let kind = choice(
        problems,
        &mut section,
        "kind",
        &[
            ("user", PrincipalKind::User),
            ("agent", PrincipalKind::Agent),
            ("workload", PrincipalKind::Workload),
        ],
    );
    let hash = read_hash(problems, &mut section);
    let groups = read_names(problems, &mut section, "groups");
    let roles = read_names(problems, &mut section, "roles");
    section.finish(problems);
    let (name, span) = name?;
    is_valid_name(problems, &format!("{path}.name"), name, span).then_some(())?;
    let key = ApiKey {
        name: name.to_owned(),
        kind: kind.unwrap_or_default(),
        hash: hash?,
        groups,
        roles,
        line: problems.line(entry.span.start),
    };
    Some((key, span))
}

/// `sha256:` and 64 hexadecimal digits. Anything else may be the key itself, so it is not shown.
fn read_hash(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Option<KeyHash> {
    let value = section.value("hash");
    let hash = value
        .and_then(Value::as_str)
        .and_then(|text| text.strip_prefix("sha256:"))
        .and_then(parse_hex);
    if hash.is_none() {
        let key = section.key("hash");
        let message = match value {
            Some(_) => format!("`{key}` is no SHA-256 hash"),
            None => format!("`{key}` is missing"),
        };
        let hint = "write `sha256:` and the 64 hexadecimal digits of the key's SHA-256, never the key itself";
        problems.push(
            section.span_of("hash"),
            &key,
            message,
            Some(hint.to_owned()),
            Mask::Everything,
        );
    }
    hash
}

fn read_names(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    name: &'static str,
) -> Vec<String> {
    let key = section.key(name);
    let names = section.strings(problems, name).unwrap_or_default();
    names
        .into_iter()
        .filter(|(name, span)| is_valid_name(problems, &key, name, *span))
        .map(|(name, _)| name)
        .collect()
}

/// A name of a principal, group or role stands in policies and in the audit trail, so it is short
/// and printable.
fn is_valid_name(problems: &mut Problems<'_>, key: &str, name: &str, span: Span) -> bool {
    let is_valid =
        (1..=128).contains(&name.len()) && name.trim() == name && !name.contains(char::is_control);
    if !is_valid {
        let message = format!("`{key}` is no name");
        let hint = "a name has 1 to 128 bytes, no control characters and no space at its ends";
        problems.push(
            span,
            key,
            message,
            Some(hint.to_owned()),
            Mask::OtherStrings,
        );
    }
    is_valid
}

#[cfg(test)]
mod tests;
