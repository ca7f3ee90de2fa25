use http::HeaderMap;
use http::header::HeaderName;

use super::*;

fn check(headers: &[(&str, &str)], expected: Option<u64>) {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            value.parse().unwrap(),
        );
    }
    assert_eq!(
        lifetime(&map),
        expected.map(Duration::from_secs),
        "{headers:?}"
    );
}

#[test]
fn a_lifetime_is_what_the_headers_say_at_their_most_careful() {
    check(&[], None);
    check(&[("cache-control", "public")], None);
    check(&[("cache-control", "public, max-age=600")], Some(600));
    check(&[("cache-control", "Max-Age=\"600\"")], Some(600));
    check(&[("cache-control", "max-age=600, s-maxage=60")], Some(60));
    check(
        &[("cache-control", "max-age=600"), ("age", "500")],
        Some(100),
    );
    check(&[("cache-control", "max-age=600"), ("age", "700")], Some(0));
    check(
        &[
            ("cache-control", "max-age=600"),
            ("cache-control", "no-store"),
        ],
        Some(0),
    );
    check(&[("cache-control", "no-cache")], Some(0));
    check(&[("cache-control", "private, max-age=9")], Some(0));
    check(&[("cache-control", "max-age=soon")], Some(0));
    check(&[("cache-control", "max-age=-1")], Some(0));
    check(
        &[("cache-control", "max-age=99999999999999999999999")],
        Some(0),
    );
}

#[test]
fn retry_after_is_read_in_seconds() {
    let wait = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        retry_after(&headers)
    };
    assert_eq!(wait("7"), Some(Duration::from_secs(7)));
    assert_eq!(wait("Fri, 31 Dec 1999 23:59:59 GMT"), None);
    assert_eq!(wait("-7"), None);
    assert_eq!(retry_after(&HeaderMap::new()), None);
}
