//! Where a client may be sent back to (RFC 6749 section 3.1.2, RFC 8252 section 7, OAuth 2.1).

use url::{Host, Url, form_urlencoded};

/// Schemes of applications besides those with a dot, which are named after a domain of their maker
/// (RFC 8252 section 7.1).
const APP_SCHEMES: &[&str] = &["cursor", "vscode", "vscode-insiders"];
const MAX_BYTES: usize = 2048;

/// Who is behind a redirect URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Kind {
    /// Whoever has the certificate of the host.
    Web,
    /// Any program on the person's own machine.
    Loopback,
    /// Any program on the person's own machine that claims the scheme.
    Application,
}

/// How a redirect URI that a client asks for fits one that was registered: byte for byte, but for
/// the port of a loopback address (RFC 8252 section 7.3).
pub(crate) fn fits(registered: &str, asked: &str) -> Option<Kind> {
    let kind = kind(registered)?;
    let same = match kind {
        Kind::Loopback => {
            let own = without_port(registered);
            own.is_some() && own == without_port(asked)
        }
        Kind::Web | Kind::Application => registered == asked,
    };
    same.then_some(kind)
}

/// The kind of a redirect URI that an operator wrote, or a document names.
fn kind(text: &str) -> Option<Kind> {
    let url = Url::parse(text).ok()?;
    match url.scheme() {
        "https" => Some(Kind::Web),
        "http" => is_loopback(&url).then_some(Kind::Loopback),
        _ => Some(Kind::Application),
    }
}

/// Whether a client that nobody knows may register a redirect URI.
pub(crate) fn is_registrable(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    let scheme = url.scheme();
    let leads_somewhere = match scheme {
        "https" => url.has_host(),
        "http" => is_loopback(&url),
        _ => scheme.contains('.') || APP_SCHEMES.contains(&scheme),
    };
    leads_somewhere
        && text.len() <= MAX_BYTES
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// Whom a person is told to be sent back to.
pub(crate) fn shown(redirect: &str, kind: Kind) -> String {
    let url = Url::parse(redirect).ok();
    let host = || {
        let host = url.as_ref().and_then(Url::host_str).unwrap_or("?");
        match url.as_ref().and_then(Url::port) {
            Some(port) if kind == Kind::Web => format!("{host}:{port}"),
            _ => host.to_owned(),
        }
    };
    match kind {
        Kind::Web => host(),
        Kind::Loopback => format!("a program on this computer ({})", host()),
        Kind::Application => {
            let scheme = url.as_ref().map_or("?", Url::scheme);
            format!("an app on this computer (it answers to “{scheme}:”)")
        }
    }
}

/// The redirect URI with parameters added, otherwise byte for byte as it was registered.
pub(crate) fn with(redirect: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let mark = if redirect.contains('?') { '&' } else { '?' };
    format!("{redirect}{mark}{}", query.finish())
}

/// Scheme and host, and everything behind the port, as they are written: a parsed address would
/// take two spellings for one. `None` for anything but plain http to this machine.
fn without_port(text: &str) -> Option<(&str, &str)> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.scheme() == "http"
        && is_loopback(&url)
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let rest = text.strip_prefix("http://").filter(|_| is_plain)?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    Some((host, path))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests;
