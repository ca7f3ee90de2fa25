use portcullis_mcp::headers;

use super::*;

#[test]
fn header_names_are_those_of_the_wire() {
    for (ours, wire) in [
        (PROTOCOL_VERSION, headers::PROTOCOL_VERSION),
        (METHOD, headers::METHOD),
        (NAME, headers::NAME),
        (SESSION_ID, headers::SESSION_ID),
    ] {
        assert_eq!(ours.as_str(), wire.to_ascii_lowercase());
    }
}

fn endpoint(
    url: &'static str,
    headers: &[(&'static str, &str)],
) -> Result<Endpoint, UpstreamError> {
    let (peer, _replies) = crate::fixture::peer("{}");
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), SecretString::from(*value)))
        .collect();
    Endpoint::new(
        peer,
        HttpClient::new()?,
        Uri::from_static(url),
        &headers,
        None,
    )
}

#[test]
fn configured_headers_cannot_replace_framing_or_protocol() {
    let endpoint = endpoint(
        "http://localhost/mcp",
        &[
            ("authorization", "Bearer x"),
            ("host", "other"),
            ("content-length", "3"),
            ("transfer-encoding", "chunked"),
            ("mcp-session-id", "stolen"),
            ("accept", "text/html"),
            ("user-agent", "custom"),
        ],
    )
    .unwrap();
    let head = endpoint.head(Some(ProtocolVersion::V2025_11_25));
    let mut names: Vec<&str> = head.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept",
            "authorization",
            "mcp-protocol-version",
            "user-agent"
        ]
    );
    assert_eq!(
        head.get("accept").unwrap(),
        "application/json, text/event-stream"
    );
    assert_eq!(head.get("user-agent").unwrap(), "custom");
    assert!(head.get("authorization").unwrap().is_sensitive());
}

#[test]
fn addresses_and_header_values_are_checked() {
    let check =
        |url, value, expected: StartupFailure| match endpoint(url, &[("authorization", value)]) {
            Err(UpstreamError::Startup(failure)) => assert_eq!(failure, expected, "{url}"),
            other => panic!("{url}: {other:?}"),
        };
    check("/relative", "x", StartupFailure::Address);
    check("ftp://localhost/", "x", StartupFailure::Address);
    check("http://localhost/", "two\r\nlines", StartupFailure::Header);
}
