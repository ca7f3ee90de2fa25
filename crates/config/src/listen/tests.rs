use super::is_origin;
use crate::network::is_host;
use crate::{ClientCertificates, Config, SecretRef, TlsVersion, parse};

#[test]
fn hosts() {
    for text in [
        "example.com",
        "example.com:8443",
        "127.0.0.1:1",
        "[::1]:8642",
    ] {
        assert!(is_host(text), "{text}");
    }
    for text in [
        "",
        "https://example.com",
        "example.com/mcp",
        "a@b",
        "*.example.com",
        "a:",
    ] {
        assert!(!is_host(text), "{text}");
    }
}

#[test]
fn origins() {
    for text in ["https://example.com", "http://localhost:6274"] {
        assert!(is_origin(text), "{text}");
    }
    for text in [
        "*",
        "null",
        "example.com",
        "https://example.com/",
        "https://*",
        "ws://a",
    ] {
        assert!(!is_origin(text), "{text}");
    }
}

#[test]
fn the_public_url_is_checked() {
    let url = |text: &str| parse(&format!("[listen]\npublic-url = \"{text}\""));
    let config = url("https://mcp.example.com/gateway/").unwrap();
    assert_eq!(
        config.listen.public_url.as_deref(),
        Some("https://mcp.example.com/gateway")
    );
    for text in [
        "http://mcp.example.com",
        "https://a.example?x=1",
        "https://a@b.example",
    ] {
        assert!(url(text).is_err(), "{text}");
    }
}

/// The problems of the section: message and hint.
fn check(body: &str) -> String {
    let text = format!("[listen]\n{body}");
    let problems = parse(&text).expect_err("the section has problems");
    let shown = Config::render_problems(&problems, "portcullis.toml", &text);
    assert!(!shown.contains("hunter"), "{shown}");
    let lines = problems
        .into_iter()
        .map(|problem| format!("{} ({})", problem.message, problem.hint.unwrap_or_default()));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn tls_is_a_certificate_and_a_key() {
    let config = parse(
        "[listen.tls]\ncertificate = \"tls/gw.pem\"\nkey = \"file:tls/gw.key\"\nmin-version = \"1.2\"\nclient-certificates = \"required\"\nclient-ca = \"tls/ca.pem\"",
    )
    .unwrap();
    let tls = config.listen.tls.unwrap();
    assert_eq!(tls.identity.certificate, "tls/gw.pem");
    assert_eq!(tls.identity.key, SecretRef::File("tls/gw.key".to_owned()));
    assert_eq!(tls.min_version, TlsVersion::Tls12);
    assert_eq!(tls.client_certificates, ClientCertificates::Required);
    assert_eq!(tls.client_ca.as_deref(), Some("tls/ca.pem"));
    insta::assert_snapshot!(check("[listen.tls]"), @r#"`listen.tls.certificate` is missing (write `certificate = "tls/gateway.pem"` and `key = "file:tls/gateway.key"`)"#);
    insta::assert_snapshot!(check("[listen.tls]\ncertificate = \"a.pem\""), @"`listen.tls.key` is missing (a certificate needs its private key, and the other way round)");
    insta::assert_snapshot!(check("[listen.tls]\nkey = \"hunter2\""), @r"
`listen.tls.certificate` is missing (a certificate needs its private key, and the other way round)
`listen.tls.key` holds a literal where a reference to a secret belongs (write `env:NAME`, `file:/absolute/path`, `keyring:SERVICE/NAME`, `vault:PATH#FIELD` or `azkv:NAME`; this file may only say where a secret is)
");
    insta::assert_snapshot!(check(
        "[listen.tls]\ncertificate = \"a.pem\"\nkey = \"file:k\"\nmin-version = \"1.1\"\nclient-certificates = \"optional\"\nciphers = []"
    ), @r"
`listen.tls.client-ca` is missing (name the authorities that client certificates must come from, in a PEM file)
`listen.tls.min-version` cannot be `1.1` (did you mean `1.2`? it can be `1.2`, `1.3`)
unknown key `ciphers` (the keys here are `certificate`, `key`, `min-version`, `client-ca`, `client-certificates`)
");
    insta::assert_snapshot!(check("tls = true"), @"`listen.tls` must be a table, not a boolean ()");
}

#[test]
fn proxies_are_addresses() {
    let config = parse("[listen]\ntrusted-proxies = [\"10.0.0.7\", \"10.1.0.0/24\"]").unwrap();
    let shown: Vec<_> = config
        .listen
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(shown, ["10.0.0.7", "10.1.0.0/24"]);
    insta::assert_snapshot!(check(
        "trusted-proxies = [\"0.0.0.0/0\", \"proxy.internal\", \"10.0.0.1/8\"]"
    ), @r"
`listen.trusted-proxies` would believe everybody (name the addresses of the proxies only)
`listen.trusted-proxies` has an entry that is no address and no network (write `10.0.0.7` or `10.0.0.0/24`; names are not resolved here)
`listen.trusted-proxies` has an entry that is no address and no network (write `10.0.0.7` or `10.0.0.0/24`; names are not resolved here)
");
}

#[test]
fn the_address_that_clients_write() {
    for (body, expected) in [
        ("", Some("http://127.0.0.1:8642")),
        ("address = \"[::1]:99\"", Some("http://[::1]:99")),
        ("address = \"127.0.0.1:0\"", None),
        ("address = \"0.0.0.0:8642\"\nbehind-tls-proxy = true", None),
        (
            "public-url = \"https://a.example/b/\"",
            Some("https://a.example/b"),
        ),
        (
            "[listen.tls]\ncertificate = \"a.pem\"\nkey = \"file:k\"",
            Some("https://127.0.0.1:8642"),
        ),
    ] {
        let key = "[[authn.key]]\nname = \"a\"\nhash = \"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"";
        let config = parse(&format!("[listen]\n{body}\n{key}")).unwrap();
        assert_eq!(config.listen.base_url().as_deref(), expected, "{body}");
    }
}
