use http::{HeaderValue, Request};
use portcullis_config as config;

use super::*;

fn head(headers: &[(&str, &[u8])]) -> Parts {
    let mut request = Request::new(());
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request
            .headers_mut()
            .append(name, HeaderValue::from_bytes(value).unwrap());
    }
    request.into_parts().0
}

fn config(listen: &str) -> Config {
    let keys = "[[authn.key]]\nname = \"ana\"\nhash = \"sha256:5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8\"\n";
    config::parse(&format!("[listen]\n{listen}\n{keys}")).unwrap()
}

fn reason(config: &Config, headers: &[(&str, &str)]) -> Option<Reason> {
    let headers: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    check(&head(&headers), config)
        .err()
        .map(|refusal| refusal.reason())
}

fn check_host(listen: &str, allowed: &[&str], refused: &[&str]) {
    let config = config(listen);
    for (hosts, expected) in [(allowed, None), (refused, Some(Reason::HostNotAllowed))] {
        for host in hosts {
            assert_eq!(
                reason(&config, &[("host", host)]),
                expected,
                "{host:?} at {listen}"
            );
        }
    }
}

#[test]
fn a_loopback_gateway_is_called_by_loopback_names() {
    check_host(
        "",
        &[
            "localhost",
            "localhost:8642",
            "LocalHost:1",
            "127.0.0.1",
            "127.0.0.1:8642",
            "127.9.9.9",
            "[::1]",
            "[::1]:8642",
        ],
        &[
            "evil.example",
            "localhost.evil.example",
            "evil.example:8642",
            "127.0.0.1.evil.example",
            "localhost.",
            "localhost@evil.example",
            "evil@localhost",
            "localhost/evil",
            "localhost#evil",
            "localhost?evil",
            "localhost evil",
            "http://localhost",
            "::1",
            "[::2]",
            "127.1",
            "0.0.0.0",
            "192.0.2.1",
            "",
        ],
    );
}

#[test]
fn further_names_are_allowed_by_configuration() {
    check_host(
        "behind-tls-proxy = true\naddress = \"192.0.2.9:8642\"\nallowed-hosts = [\"mcp.example\", \"exact.example:444\"]\npublic-url = \"https://public.example/base\"",
        &[
            "mcp.example",
            "MCP.example:1",
            "exact.example:444",
            "192.0.2.9",
            "192.0.2.9:8642",
            "public.example",
            "Public.Example:443",
        ],
        &[
            "exact.example",
            "exact.example:445",
            "sub.mcp.example",
            "mcp.example.evil",
            "192.0.2.10",
            "base",
            "mcp.example.",
        ],
    );
}

#[test]
fn an_ipv6_address_is_known_by_its_name() {
    check_host(
        "behind-tls-proxy = true\naddress = \"[2001:db8::1]:8642\"",
        &["[2001:db8::1]", "[2001:db8::1]:8642"],
        &["[2001:db8::2]", "2001:db8::1"],
    );
}

#[test]
fn every_host_must_be_allowed_and_there_must_be_one() {
    let config = config("");
    assert_eq!(reason(&config, &[]), Some(Reason::HostNotAllowed));
    assert_eq!(
        reason(&config, &[("host", "localhost"), ("host", "evil.example")]),
        Some(Reason::HostNotAllowed)
    );
    assert_eq!(
        check(&head(&[("host", b"local\xffhost")]), &config)
            .unwrap_err()
            .reason(),
        Reason::HostNotAllowed
    );
    let mut parts = head(&[("host", b"localhost")]);
    parts.uri = "http://evil.example/mcp".parse().unwrap();
    assert_eq!(
        check(&parts, &config).unwrap_err().reason(),
        Reason::HostNotAllowed
    );
    parts.uri = "http://localhost/mcp".parse().unwrap();
    assert!(check(&parts, &config).is_ok());
}

fn check_origin(listen: &str, origins: &[(&str, bool)]) {
    let config = config(listen);
    for (origin, allowed) in origins {
        let expected = (!allowed).then_some(Reason::OriginNotAllowed);
        let host = config.listen.address.to_string();
        assert_eq!(
            reason(&config, &[("host", &host), ("origin", origin)]),
            expected,
            "{origin:?} at {listen}"
        );
    }
}

#[test]
fn only_local_pages_and_named_origins_may_call() {
    check_origin(
        "allowed-origins = [\"https://app.example\"]",
        &[
            ("http://localhost", true),
            ("http://localhost:3000", true),
            ("https://127.0.0.1:8642", true),
            ("http://[::1]:3000", true),
            ("https://app.example", true),
            ("https://APP.example", true),
            ("https://app.example:8443", false),
            ("http://app.example", false),
            ("https://app.example.evil", false),
            ("https://evil.example", false),
            ("http://localhost.evil.example", false),
            ("http://127.0.0.1.evil.example", false),
            ("http://localhost@evil.example", false),
            ("http://evil.example/localhost", false),
            ("null", false),
            ("", false),
            ("file://", false),
        ],
    );
}

#[test]
fn a_gateway_that_others_reach_takes_no_local_page_on_trust() {
    check_origin(
        "behind-tls-proxy = true\naddress = \"192.0.2.9:8642\"\nallowed-origins = [\"https://app.example\"]",
        &[
            ("http://localhost:3000", false),
            ("https://app.example", true),
        ],
    );
}

#[test]
fn every_origin_must_be_allowed_and_none_may_be_absent() {
    let config = config("");
    let host = ("host", "localhost");
    assert_eq!(reason(&config, &[host]), None);
    assert_eq!(
        reason(
            &config,
            &[
                host,
                ("origin", "http://localhost"),
                ("origin", "https://evil.example")
            ]
        ),
        Some(Reason::OriginNotAllowed)
    );
    assert_eq!(
        check(
            &head(&[("host", b"localhost"), ("origin", b"\xff")]),
            &config
        )
        .unwrap_err()
        .reason(),
        Reason::OriginNotAllowed
    );
}

#[test]
fn accept_says_what_a_client_takes() {
    let (both, json, stream) = (Some((true, true)), Some((true, false)), Some((false, true)));
    for (values, expected) in [
        (&[][..], both),
        (&["application/json, text/event-stream"], both),
        (&["application/json", "text/event-stream"], both),
        (
            &["text/event-stream;q=0.9 , APPLICATION/JSON; charset=utf-8"],
            both,
        ),
        (&["*/*"], both),
        (&["application/json"], json),
        (&["application/*"], json),
        (&["text/event-stream"], stream),
        (&["text/*"], stream),
        (&["text/html"], None),
        (&["application/jsonp"], None),
        (&[""], None),
    ] {
        let headers: Vec<(&str, &[u8])> = values
            .iter()
            .map(|value| ("accept", value.as_bytes()))
            .collect();
        let accepted = Accepted::read(&head(&headers).headers)
            .map(|accepted| (accepted.json, accepted.stream));
        assert_eq!(accepted, expected, "{values:?}");
    }
}

#[test]
fn only_json_is_json() {
    for (value, expected) in [
        ("application/json", true),
        ("Application/JSON; charset=utf-8", true),
        ("application/json-patch+json", false),
        ("text/json", false),
        ("text/plain", false),
        ("", false),
    ] {
        assert_eq!(
            is_json(&head(&[("content-type", value.as_bytes())]).headers),
            expected,
            "{value:?}"
        );
    }
    assert!(!is_json(&head(&[]).headers));
}

fn check_credential(values: &[&[u8]], expected: &str) {
    use secrecy::ExposeSecret;
    let headers: Vec<(&str, &[u8])> = values
        .iter()
        .map(|value| ("authorization", *value))
        .collect();
    let shown = match credential(&head(&headers)) {
        Credential::None => "none".to_owned(),
        Credential::Unreadable => "unreadable".to_owned(),
        Credential::Token(shown) => {
            let scheme = format!("{:?}", shown.scheme).to_lowercase();
            format!("{scheme} {}", shown.token.expose_secret())
        }
        Credential::Process => "process".to_owned(),
    };
    assert_eq!(shown, expected, "{values:?}");
}

#[test]
fn one_bearer_token_is_a_credential() {
    check_credential(&[], "none");
    check_credential(&[b"Bearer abc"], "bearer abc");
    check_credential(&[b"bEARER  abc "], "bearer abc");
    check_credential(&[b"Bearer"], "unreadable");
    check_credential(&[b"DPoP abc"], "dpop abc");
    check_credential(&[b"Basic abc"], "unreadable");
    check_credential(&[b"abc"], "unreadable");
    check_credential(&[b"Bearer \xff"], "unreadable");
    check_credential(&[b"Bearer abc", b"Bearer abc"], "unreadable");
}

#[test]
fn an_arrival_keeps_protocol_headers_and_tells_bad_ones() {
    let remote = "127.0.0.1:9".parse().unwrap();
    let facts =
        |headers: &[(&str, &[u8])]| arrival(&head(headers), remote, None, &config("")).facts;
    let plain = facts(&[
        ("mcp-session-id", b"s"),
        ("mcp-method", b"m"),
        ("mcp-name", b"n"),
        ("mcp-protocol-version", b"v"),
    ]);
    assert_eq!(plain.headers.session.as_deref(), Some("s"));
    assert_eq!(
        (
            plain.headers.method.as_deref(),
            plain.headers.name.as_deref(),
            plain.headers.version.as_deref()
        ),
        (Some("m"), Some("n"), Some("v"))
    );
    assert_eq!(plain.headers.ill_formed, None);
    assert_eq!(
        facts(&[("mcp-name", b"a"), ("mcp-name", b"a")])
            .headers
            .ill_formed,
        Some("mcp-name")
    );
    assert_eq!(
        facts(&[("mcp-method", b"\xc3\xa9")]).headers.ill_formed,
        Some("mcp-method")
    );
    assert!(!plain.forwarded);
    for name in ["forwarded", "x-forwarded-for", "x-real-ip"] {
        assert!(facts(&[(name, b"x")]).forwarded, "{name}");
    }
}

#[test]
fn an_arrival_keeps_the_certificate_of_its_connection() {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["agent.example".to_owned()]).unwrap();
    let der = params.self_signed(&key).unwrap().der().to_vec();
    let certificate = Arc::new(Certificate::from_der(&der).unwrap());
    let remote = "127.0.0.1:9".parse().unwrap();
    // What a client says of itself in a proxy's header is not the connection's.
    let direct = config("");
    let forged = head(&[("client-cert", b":AAAA:")]);
    let kept = |certificate| {
        arrival(&forged, remote, certificate, &direct)
            .facts
            .certificate
    };
    assert_eq!(kept(Some(Arc::clone(&certificate))), Some(certificate));
    assert_eq!(kept(None), None);
}

#[test]
fn a_trusted_proxy_says_who_the_client_is() {
    use base64::Engine;
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["agent.example".to_owned()]).unwrap();
    let der = params.self_signed(&key).unwrap().der().to_vec();
    let said = format!(
        ":{}:",
        base64::engine::general_purpose::STANDARD.encode(&der)
    );
    let config = config("behind-tls-proxy = true\ntrusted-proxies = [\"192.0.2.0/24\"]");
    let from = |remote: &str, said: &str| {
        let headers: [(&str, &[u8]); 2] = [
            ("client-cert", said.as_bytes()),
            ("authorization", b"Bearer abc"),
        ];
        arrival(&head(&headers), remote.parse().unwrap(), None, &config)
    };
    let believed = from("192.0.2.7:1", &said).facts.certificate.unwrap();
    assert_eq!(believed.dns_names(), ["agent.example"]);
    assert!(from("198.51.100.7:1", &said).facts.certificate.is_none());
    // What cannot be read from a trusted proxy stands for nobody, whatever else was shown.
    let unreadable = from("192.0.2.7:1", ":AAAA:");
    assert!(matches!(unreadable.credential, Credential::Unreadable));
    assert!(unreadable.facts.certificate.is_none());
}
