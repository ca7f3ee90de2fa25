//! How long an HTTP answer may be kept, by its own headers (RFC 9111).

use std::time::Duration;

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL, RETRY_AFTER};

/// How long a cache that many share may keep the answer; `None` when it does not say. Zero for
/// `no-store`, `no-cache` and `private`. `Expires` is not read: without `Cache-Control` an answer
/// counts as one that does not say, and gets the cache's own bound.
pub(crate) fn lifetime(headers: &HeaderMap) -> Option<Duration> {
    let mut shortest: Option<u64> = None;
    for value in headers.get_all(CACHE_CONTROL) {
        // What cannot be read is taken for the most careful directive.
        let Ok(text) = value.to_str() else {
            return Some(Duration::ZERO);
        };
        for directive in text.split(',') {
            let (name, argument) = match directive.split_once('=') {
                Some((name, argument)) => (name.trim(), argument.trim().trim_matches('"')),
                None => (directive.trim(), ""),
            };
            if ["no-store", "no-cache", "private"]
                .iter()
                .any(|word| name.eq_ignore_ascii_case(word))
            {
                return Some(Duration::ZERO);
            }
            if name.eq_ignore_ascii_case("max-age") || name.eq_ignore_ascii_case("s-maxage") {
                let seconds = argument.parse().unwrap_or(0);
                shortest = Some(shortest.map_or(seconds, |known| known.min(seconds)));
            }
        }
    }
    shortest.map(|seconds| Duration::from_secs(seconds.saturating_sub(age(headers))))
}

/// The seconds of `Retry-After`; `None` when it is absent or a date.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

fn age(headers: &HeaderMap) -> u64 {
    headers
        .get(AGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
