use crate::{TlsVersion, parse};

/// What an entry of `outbound.allow` becomes, or the message.
fn check(entry: &str) -> Result<String, String> {
    match parse(&format!("[outbound]\nallow = [\"{entry}\"]")) {
        Ok(config) => Ok(config.outbound.allow[0].to_string()),
        Err(problems) => Err(problems[0].message.clone()),
    }
}

#[test]
fn entries_are_hosts_and_networks() {
    for (entry, expected) in [
        ("idp.internal", "idp.internal"),
        ("IDP.Internal:8443", "idp.internal:8443"),
        ("10.0.0.5:8443", "10.0.0.5:8443"),
        ("[fd00::1]:8443", "[fd00::1]:8443"),
        ("10.1.0.0/16", "10.1.0.0/16"),
        ("127.0.0.1", "127.0.0.1"),
        ("fd12::/16", "fd12::/16"),
    ] {
        assert_eq!(check(entry).as_deref(), Ok(expected), "{entry}");
    }
    let message = |reason: &str| Err(format!("`outbound.allow` has an entry that {reason}"));
    for (entry, reason) in [
        ("https://idp.internal", "is no host and no network"),
        ("*.internal", "is no host and no network"),
        ("idp.internal/path", "is no host and no network"),
        ("a@idp.internal", "is no host and no network"),
        ("10.0.0.1/8", "is no host and no network"),
        ("", "is no host and no network"),
        ("0.0.0.0/0", "would switch the guard off"),
        ("128.0.0.0/1", "would switch the guard off"),
        ("::/0", "would switch the guard off"),
        ("169.254.169.254", "is a link-local address"),
        ("169.254.0.0/16", "is a link-local address"),
        ("169.0.0.0/8", "is a link-local address"),
        ("fe80::/16", "is a link-local address"),
        ("fd00:ec2::254", "is a link-local address"),
    ] {
        assert_eq!(check(entry), message(reason), "{entry}");
    }
}

#[test]
fn a_port_does_not_open_what_is_link_local() {
    assert!(check("169.254.169.254:80").is_err());
    assert!(check("[fe80::1]:80").is_err());
}

#[test]
fn older_tls_is_a_setting() {
    assert_eq!(parse("").unwrap().outbound.min_tls, TlsVersion::Tls13);
    let config = parse("[outbound]\nmin-tls = \"1.2\"").unwrap();
    assert_eq!(config.outbound.min_tls, TlsVersion::Tls12);
    assert!(parse("[outbound]\nmin-tls = \"1.1\"").is_err());
}
