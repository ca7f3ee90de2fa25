//! Which URLs a configuration may hold.

use std::net::IpAddr;

use http::Uri;

/// Why a URL is refused. The texts never hold the URL, which may carry a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlFault {
    /// Not an absolute URL.
    Malformed,
    /// Neither `https` nor `http`.
    Scheme,
    /// A user name or password in it.
    Credentials,
    /// `http` to an address that is not loopback.
    PlainHttp,
    /// A fragment, which is never sent.
    Fragment,
}

impl UrlFault {
    /// A fragment that follows the name of the key or server.
    pub fn message(self) -> &'static str {
        match self {
            Self::Malformed => "is no absolute URL",
            Self::Scheme => "has a scheme that is neither https nor http",
            Self::Credentials => "carries credentials",
            Self::PlainHttp => "is not encrypted: http is only for loopback addresses",
            Self::Fragment => "has a fragment, which is never sent",
        }
    }

    /// What to write instead.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Malformed | Self::Scheme => "write `https://HOST/PATH`",
            Self::Credentials => {
                "take the part before `@` out, and send it as a header: `headers = { Authorization = \"env:NAME\" }`"
            }
            Self::PlainHttp => "write `https://`",
            Self::Fragment => "take the part from `#` on out",
        }
    }
}

/// Whether `[servers.NAME]` may have this `url`: absolute, `https` (or `http` to a loopback
/// address), without credentials and fragment.
///
/// # Errors
/// Why not.
pub fn check_url(text: &str) -> Result<(), UrlFault> {
    check(text).map(|_| ())
}

pub(crate) fn check(text: &str) -> Result<Uri, UrlFault> {
    if text.contains('#') {
        return Err(UrlFault::Fragment);
    }
    let uri: Uri = text.parse().map_err(|_| UrlFault::Malformed)?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(UrlFault::Malformed);
    };
    if authority.as_str().contains('@') {
        return Err(UrlFault::Credentials);
    }
    let host = authority.host();
    if host.is_empty() || authority.as_str().ends_with(':') {
        return Err(UrlFault::Malformed);
    }
    match scheme {
        "https" => Ok(uri),
        "http" if is_loopback(host) => Ok(uri),
        "http" => Err(UrlFault::PlainHttp),
        _ => Err(UrlFault::Scheme),
    }
}

/// `localhost` and the loopback addresses of both families. Other names are never loopback, since
/// what they resolve to can change.
pub(crate) fn is_loopback(host: &str) -> bool {
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    bare.parse::<IpAddr>()
        .is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests;
