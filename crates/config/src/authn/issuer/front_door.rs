//! The authorization-server facade in front of an issuer.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::problem::{Mask, Problems};
use crate::section::{Section, is_word, quoted, strings};
use crate::url;

/// One `[authn.issuers.NAME.front-door]`. Its presence switches the facade on: hosts sign in at
/// the gateway, and the gateway at the issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontDoor {
    /// The clients that were registered beforehand, besides those of Client ID Metadata Documents:
    /// client ids with the URIs that a client may be sent back to. URIs are compared byte by byte;
    /// of a loopback address the port is free (RFC 8252, section 7.3).
    pub clients: BTreeMap<String, Vec<String>>,
    /// Whether clients may register themselves: RFC 7591.
    pub registration: bool,
    /// How long a user's consent to a client holds.
    pub consent_lifetime: Duration,
    /// The scopes that clients may ask for, as they call them.
    pub scopes: Vec<String>,
    /// What is put in front of a scope that has no `/` in it before the issuer is asked.
    pub scope_prefix: Option<String>,
}

const CONSENT_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

impl FrontDoor {
    pub(super) fn read(problems: &mut Problems<'_>, issuer: &mut Section<'_, '_>) -> Option<Self> {
        let mut section = issuer.optional_section(problems, "front-door")?;
        let clients = read_clients(problems, &mut section);
        let registration = section.boolean(problems, "registration");
        let consent_lifetime = section.long_duration(problems, "consent-lifetime");
        let scopes = section.scopes(problems, "scopes");
        if scopes
            .as_ref()
            .is_some_and(|scopes| scopes.iter().any(|scope| scope == "offline_access"))
        {
            let message = format!("`{}` has `offline_access`", section.key("scopes"));
            let hint = "take it out: it is no right at a tool, and the gateway asks for it where it needs it";
            section.refuse(problems, "scopes", message, hint);
        }
        let scope_prefix = section.word(problems, "scope-prefix");
        section.finish(problems);
        Some(Self {
            clients,
            registration: registration.unwrap_or(false),
            consent_lifetime: consent_lifetime.unwrap_or(CONSENT_LIFETIME),
            scopes: scopes.unwrap_or_default(),
            scope_prefix,
        })
    }
}

fn read_clients(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
) -> BTreeMap<String, Vec<String>> {
    let path = section.key("clients");
    let mut clients = BTreeMap::new();
    for (id, span, value) in section.entries(problems, "clients") {
        if !is_word(problems, &path, id, span) {
            continue;
        }
        let key = format!("{path}.{}", quoted(id).trim_matches('`'));
        let Some(uris) = strings(problems, &key, value) else {
            continue;
        };
        if uris.is_empty() {
            let message = format!("{} has nowhere to be sent back to", quoted(id));
            let hint = "name its redirect URIs: RFC 6749, 3.1.2.2".to_owned();
            problems.push(value.span, &path, message, Some(hint), Mask::OtherStrings);
        }
        let mut kept = Vec::with_capacity(uris.len());
        for (uri, span) in uris {
            match check_redirect(&uri) {
                Ok(()) => kept.push(uri),
                Err((reason, hint)) => {
                    let message = format!("a redirect URI of {} {reason}", quoted(id));
                    let hint = Some(hint.to_owned());
                    problems.push(span, &path, message, hint, Mask::Everything);
                }
            }
        }
        clients.insert(id.to_owned(), kept);
    }
    clients
}

/// Schemes whose addresses run or show something in the browser itself.
const ACTIVE_SCHEMES: &[&str] = &[
    "about",
    "blob",
    "data",
    "file",
    "filesystem",
    "javascript",
    "vbscript",
    "ws",
    "wss",
];

/// `https`, `http` to a loopback address, or the private scheme of an app: RFC 8252, section 7.
fn check_redirect(text: &str) -> Result<(), (&'static str, &'static str)> {
    if text.contains('*') {
        return Err((
            "is a pattern",
            "redirect URIs are compared byte by byte; write each one",
        ));
    }
    let Some((scheme, rest)) = text.split_once(':') else {
        return Err(("is no absolute URI", "write `https://HOST/PATH`"));
    };
    let scheme = scheme.to_ascii_lowercase();
    if matches!(scheme.as_str(), "https" | "http") {
        return url::check_url(text).map_err(|fault| (fault.message(), fault.hint()));
    }
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme || ACTIVE_SCHEMES.contains(&scheme.as_str()) {
        return Err((
            "has a scheme that no app has of its own",
            "write `https://HOST/PATH` or `APP-SCHEME:/PATH`",
        ));
    }
    if rest.is_empty() || text.contains('#') || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err((
            "has a fragment, or nothing behind its scheme",
            "write `APP-SCHEME:/PATH`",
        ));
    }
    Ok(())
}
