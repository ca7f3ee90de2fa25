use super::{Host, Target};
use crate::guard::Rule;

#[track_caller]
fn check(url: &str, expected: Result<(bool, &str, u16), Rule>) {
    let read = Target::read(url).map(|target| {
        let host = match target.host {
            Host::Name(name) => name,
            Host::Address(address) => address.to_string(),
        };
        (target.is_secure, host, target.port)
    });
    let expected = expected.map(|(secure, host, port)| (secure, host.to_owned(), port));
    assert_eq!(read, expected, "{url}");
}

#[test]
fn an_address_is_read_as_it_is_connected_to() {
    check("https://a.example/x?y#z", Ok((true, "a.example", 443)));
    check("HTTPS://A.Example:8443", Ok((true, "a.example", 8443)));
    check("http://a.example", Ok((false, "a.example", 80)));
    check("https://a.example./", Ok((true, "a.example", 443)));
    check(
        "https://bücher.example/",
        Ok((true, "xn--bcher-kva.example", 443)),
    );
    check(
        "https:\\\\a.example\\@b.example/",
        Ok((true, "a.example", 443)),
    );
}

#[test]
fn every_notation_of_a_number_is_the_address_that_it_is() {
    for form in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "127。0。0。1",
    ] {
        check(&format!("https://{form}/"), Ok((true, "127.0.0.1", 443)));
    }
    for form in [
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
    ] {
        check(
            &format!("https://{form}/"),
            Ok((true, "169.254.169.254", 443)),
        );
    }
    check(
        "https://[::ffff:127.0.0.1]/",
        Ok((true, "::ffff:127.0.0.1", 443)),
    );
    check("https://[0:0:0:0:0:0:0:1]/", Ok((true, "::1", 443)));
}

#[test]
fn what_is_not_an_address_of_the_web_is_refused() {
    for url in [
        "file:///etc/passwd",
        "ftp://a.example/",
        "gopher://a.example/",
        "data:text/plain,x",
        "javascript:alert(1)",
        "ws://a.example/",
        "unix:///run/x.sock",
    ] {
        check(url, Err(Rule::Scheme));
    }
    for url in [
        "https://user@a.example/",
        "https://user:pass@a.example/",
        "https://:pass@a.example/",
        "https://a.example@127.0.0.1/",
    ] {
        check(url, Err(Rule::UserInformation));
    }
    for url in [
        "",
        "/relative",
        "a.example",
        "https://",
        "https://a.example:99999/",
        "https://256.0.0.1/",
        "https://[::1/",
        "https://a b/",
        "https://./",
    ] {
        check(url, Err(Rule::Malformed));
    }
}
