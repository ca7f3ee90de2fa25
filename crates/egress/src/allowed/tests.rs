use std::net::IpAddr;

use super::{Allowed, AllowedError};
use crate::target::Target;

#[track_caller]
fn check(allowed: &str, url: &str, address: &str, expected: bool) {
    let allowed: Allowed = allowed.parse().unwrap();
    let target = Target::read(url).unwrap();
    let address: IpAddr = address.parse().unwrap();
    assert_eq!(allowed.covers(&target, address), expected);
}

#[test]
fn a_host_is_meant_by_its_name() {
    check("idp.internal", "https://idp.internal/x", "10.0.0.1", true);
    check("IDP.Internal.", "https://idp.internal/", "10.0.0.1", true);
    check("idp.internal", "https://IDP.internal./", "10.0.0.1", true);
    check(
        "idp.internal",
        "https://idp.internal:444/",
        "10.0.0.1",
        true,
    );
    check(
        "idp.internal:443",
        "https://idp.internal/",
        "10.0.0.1",
        true,
    );
    check(
        "idp.internal:443",
        "https://idp.internal:444/",
        "10.0.0.1",
        false,
    );
    check("idp.internal", "https://x.idp.internal/", "10.0.0.1", false);
    check(
        "idp.internal",
        "https://idp.internal.example/",
        "10.0.0.1",
        false,
    );
    check("idp.internal", "https://10.0.0.1/", "10.0.0.1", false);
}

#[test]
fn a_network_is_meant_by_the_address() {
    check("10.0.0.0/8", "https://any.example/", "10.9.9.9", true);
    check("10.0.0.0/8", "https://any.example/", "11.0.0.1", false);
    check("10.0.0.5", "https://10.0.0.5/", "10.0.0.5", true);
    check("10.0.0.5", "https://10.0.0.6/", "10.0.0.6", false);
    check("10.0.0.5:8443", "https://10.0.0.5:8443/", "10.0.0.5", true);
    check("10.0.0.5:8443", "https://10.0.0.5/", "10.0.0.5", false);
    check(
        "10.0.0.0/8",
        "https://any.example/",
        "::ffff:10.0.0.1",
        true,
    );
    check("fd00::/8", "https://any.example/", "fd12::1", true);
    check("[fd00::1]:8443", "https://[fd00::1]:8443/", "fd00::1", true);
    check("[fd00::1]", "https://[fd00::1]:8443/", "fd00::1", true);
    check("fd00::1", "https://[fd00::1]/", "fd00::1", true);
}

#[test]
fn what_is_no_place_is_refused() {
    for text in [
        "",
        "https://idp.internal",
        "idp.internal/path",
        "user@idp.internal",
        "idp.internal:",
        "idp.internal:99999",
        "10.0.0.0/33",
        "*.internal",
        "a b",
        "idp.internal?x",
        "[fd00::1",
    ] {
        assert_eq!(text.parse::<Allowed>(), Err(AllowedError), "{text}");
    }
}
