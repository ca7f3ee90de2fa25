//! Where a client may be sent back to.

use url::Url;

use crate::document::is_loopback;

/// How an address that a client asks for fits one that its document names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectMatch {
    /// An https address, byte for byte.
    Web,
    /// An address on the user's own machine, whatever its port.
    Loopback,
    /// A scheme that an application on the user's machine claims, byte for byte.
    Application,
}

/// A redirect address that a document names and that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RegisteredRedirect {
    text: String,
    kind: RedirectMatch,
}

impl RegisteredRedirect {
    /// `None` for an address that nobody is ever sent to: plain http to another machine, a scheme
    /// that runs or reads something in the browser, a fragment, a user.
    pub(super) fn read(text: &str, app_schemes: &[String]) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let plain = url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        let kind = match url.scheme() {
            "https" => RedirectMatch::Web,
            "http" if is_loopback(&url) => RedirectMatch::Loopback,
            scheme if scheme.contains('.') || app_schemes.iter().any(|known| known == scheme) => {
                RedirectMatch::Application
            }
            _ => return None,
        };
        plain.then(|| RegisteredRedirect {
            text: text.to_owned(),
            kind,
        })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn is_loopback(&self) -> bool {
        self.kind == RedirectMatch::Loopback
    }

    pub(super) fn matches(&self, asked: &str) -> Option<RedirectMatch> {
        let fits = match self.kind {
            RedirectMatch::Loopback => {
                let own = without_port(&self.text);
                own.is_some() && own == without_port(asked)
            }
            RedirectMatch::Web | RedirectMatch::Application => asked == self.text,
        };
        fits.then_some(self.kind)
    }
}

/// Scheme and host, and everything from the path on, byte for byte as they were written; `None`
/// when it is not http to this machine. Cut from the text and not from the parsed address, which
/// would take two spellings for one.
fn without_port(text: &str) -> Option<(&str, &str)> {
    let url = Url::parse(text).ok()?;
    let plain = url.scheme() == "http"
        && is_loopback(&url)
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let rest = text.strip_prefix("http://").filter(|_| plain)?;
    let end = rest.find(['/', '?', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    if path.starts_with('\\') {
        return None;
    }
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    Some((host, path))
}

#[cfg(test)]
mod tests;
