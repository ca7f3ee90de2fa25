//! The address that an `endpoint` event gives.

use http::Uri;
use http::uri::PathAndQuery;

use crate::http::is_same;

/// Where messages go, by a reference relative to the stream's address (RFC 3986, section 5.2).
/// `None` when that is no address of the same origin. Dot segments are refused: no server needs
/// them.
pub(crate) fn resolve(stream: &Uri, reference: &str) -> Option<Uri> {
    let reference = reference.trim();
    let printable = reference.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    if reference.is_empty() || !printable || reference.contains(['#', '\\']) {
        return None;
    }
    if reference.contains("://") && is_absolute(reference) {
        let uri: Uri = reference.parse().ok()?;
        let has_user = uri.authority()?.as_str().contains('@');
        let fits = !has_user && is_same(stream, &uri) && is_plain(uri.path());
        return fits.then_some(uri);
    }
    // `//host/…` names another host.
    if reference.starts_with("//") {
        return None;
    }
    let base = stream.path();
    let path_and_query = match reference.chars().next()? {
        '/' => reference.to_owned(),
        '?' => format!("{base}{reference}"),
        _ => match base.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{reference}"),
            None => format!("/{reference}"),
        },
    };
    let path_and_query: PathAndQuery = path_and_query.parse().ok()?;
    if !is_plain(path_and_query.path()) {
        return None;
    }
    let mut parts = stream.clone().into_parts();
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts).ok()
}

/// Whether it starts with a scheme (RFC 3986, section 3.1), not with a path that holds `://`
/// somewhere.
fn is_absolute(reference: &str) -> bool {
    reference
        .split_once(':')
        .is_some_and(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn is_plain(path: &str) -> bool {
    path.split('/').all(|segment| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        segment != "." && segment != ".."
    })
}

#[cfg(test)]
mod tests;
