use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use url::Url;

use super::{Hop, location};
use crate::error::EgressError;
use crate::guard::Rule;

fn hop(method: Method, url: &str, body: &'static str) -> Hop {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("accept", "application/json"),
        ("authorization", "Bearer secret"),
        ("cookie", "a=secret"),
        ("content-type", "text/plain"),
        ("dpop", "secret"),
        ("x-api-key", "secret"),
        ("user-agent", "portcullis"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Hop {
        method,
        url: Url::parse(url).unwrap(),
        headers,
        body: Bytes::from_static(body.as_bytes()),
    }
}

/// The method, the address and the names of the headers that a redirect of this request leads to.
fn after(
    method: Method,
    status: u16,
    location: &str,
    body: &'static str,
) -> Result<(bool, String), EgressError> {
    let mut hop = hop(method, "https://a.example/x/y?z", body);
    let foreign = hop.redirect(StatusCode::from_u16(status).unwrap(), location)?;
    let mut names: Vec<&str> = hop.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let size = hop.body.len();
    Ok((
        foreign,
        format!("{} {} {size} {}", hop.method, hop.url, names.join(" ")),
    ))
}

#[test]
fn the_same_origin_gets_what_the_request_had() {
    #[track_caller]
    fn check(method: Method, status: u16, location: &str, expected: &str) {
        let (foreign, request) = after(method, status, location, "body").unwrap();
        assert!(!foreign);
        assert_eq!(request, expected);
    }
    let all = "accept authorization content-type cookie dpop user-agent x-api-key";
    let bare = "accept authorization cookie dpop user-agent x-api-key";
    check(
        Method::GET,
        302,
        "/n",
        &format!("GET https://a.example/n 4 {all}"),
    );
    check(
        Method::GET,
        307,
        "n",
        &format!("GET https://a.example/x/n 4 {all}"),
    );
    check(
        Method::POST,
        308,
        "https://a.example:443/n",
        &format!("POST https://a.example/n 4 {all}"),
    );
    check(
        Method::POST,
        302,
        "/n",
        &format!("GET https://a.example/n 0 {bare}"),
    );
    check(
        Method::PUT,
        301,
        "/n",
        &format!("PUT https://a.example/n 4 {all}"),
    );
    check(
        Method::PUT,
        303,
        "/n",
        &format!("GET https://a.example/n 0 {bare}"),
    );
}

#[test]
fn another_origin_gets_nothing_that_says_who_asks() {
    for place in [
        "https://b.example/n",
        "//b.example/n",
        "https://a.example:8443/n",
        "\\\\b.example\\n",
        "https://a.example.b.example/n",
    ] {
        let (foreign, request) = after(Method::GET, 302, place, "").unwrap();
        assert!(foreign, "{place}");
        assert!(request.ends_with(" 0 accept user-agent"), "{request}");
    }
}

#[test]
fn a_redirect_is_refused_that_would_give_something_away() {
    #[track_caller]
    fn check(method: Method, status: u16, location: &str, expected: Rule) {
        let error = after(method, status, location, "client_secret=x").unwrap_err();
        assert_eq!(error.rule(), Some(expected), "{location}");
    }
    check(Method::POST, 307, "https://b.example/", Rule::ForeignBody);
    check(Method::POST, 308, "https://b.example/", Rule::ForeignBody);
    check(Method::GET, 302, "https://b.example/", Rule::ForeignBody);
    check(Method::GET, 302, "http://a.example/", Rule::Downgrade);
    check(Method::POST, 303, "http://127.0.0.1/", Rule::Downgrade);
    for nothing in ["", "https://", "https://[::1", "https://a b/"] {
        let error = after(Method::GET, 302, nothing, "").unwrap_err();
        assert!(
            matches!(error, EgressError::BadRedirect),
            "{nothing}: {error}"
        );
    }
}

#[test]
fn only_a_redirect_with_a_location_is_one() {
    #[track_caller]
    fn check(status: u16, value: Option<&'static [u8]>, expected: Option<&str>) {
        let mut response = Response::builder().status(status);
        if let Some(value) = value {
            response = response.header("location", HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(location(&response.body(()).unwrap()), expected);
    }
    for status in [301, 302, 303, 307, 308] {
        check(status, Some(b"/n"), Some("/n"));
        check(status, None, None);
        check(status, Some(b"\xff"), Some(""));
    }
    for status in [200, 201, 300, 304, 305, 306, 401] {
        check(status, Some(b"/n"), None);
    }
}
