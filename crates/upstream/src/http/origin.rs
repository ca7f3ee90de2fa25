//! Origins (RFC 6454): scheme, host and port.

use http::Uri;
use http::uri::Authority;

/// Whether two addresses have the same origin.
pub(crate) fn is_same(a: &Uri, b: &Uri) -> bool {
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    a.scheme() == b.scheme() && host(a) == host(b) && port(a) == port(b)
}

/// Whether a `Location` (RFC 9110, 10.2.2) leads away from the origin of `url`. What cannot be read
/// does.
pub(super) fn is_left(url: &Uri, location: &[u8]) -> bool {
    let Ok(reference) = std::str::from_utf8(location) else {
        return true;
    };
    let reference = reference.trim();
    let printable = reference.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    // Some readers take a backslash for a slash, and this for the name of a host.
    if !printable || reference.contains('\\') {
        return true;
    }
    let absolute = match reference.strip_prefix("//") {
        Some(rest) => format!("{}://{rest}", url.scheme_str().unwrap_or_default()),
        None if has_scheme(reference) => reference.to_owned(),
        None => return false,
    };
    // `http` knows no fragments; whether there is one does not matter here.
    let absolute = absolute.split('#').next().unwrap_or_default();
    absolute
        .parse::<Uri>()
        .map_or(true, |target| !is_same(url, &target))
}

/// Whether a reference begins with a scheme (RFC 3986, 4.1).
fn has_scheme(reference: &str) -> bool {
    reference
        .find([':', '/', '?', '#'])
        .and_then(|at| reference.as_bytes().get(at))
        == Some(&b':')
}

fn port(uri: &Uri) -> Option<u16> {
    let named = uri.authority().and_then(Authority::port_u16);
    named.or(match uri.scheme_str()? {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
