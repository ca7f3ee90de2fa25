use crate::{SecretRef, parse};

const PIN: &str = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

/// The messages of the problems of a server's identity.
fn check(server: &str, identity: &str) -> Vec<String> {
    let text = format!("[servers.a]\n{server}\n[servers.a.identity]\n{identity}");
    let problems = parse(&text).expect_err("the identity has problems");
    problems
        .into_iter()
        .map(|problem| problem.message)
        .collect()
}

#[test]
fn a_server_is_known_by_its_key_or_its_program() {
    let mut config = parse(&format!(
        "[servers.a]\nurl = \"https://a.example\"\n[servers.a.identity]\npins = [\"{PIN}\"]\nca = \"ca.pem\"\nclient-certificate = \"c.pem\"\nclient-key = \"file:c.key\"\nissuer = \"https://as.example\"\n[servers.b]\ncommand = \"b\"\n[servers.b.identity]\nsha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""
    ))
    .unwrap();
    let remote = config.servers.remove("a").unwrap().identity;
    let local = config.servers.remove("b").unwrap().identity;
    assert_eq!(remote.pins, [local.sha256.unwrap()]);
    assert_eq!(remote.ca.as_deref(), Some("ca.pem"));
    assert_eq!(
        remote.client.unwrap().key,
        SecretRef::File("c.key".to_owned())
    );
    assert_eq!(remote.issuer.as_deref(), Some("https://as.example"));
}

#[test]
fn properties_fit_the_transport() {
    let pins = format!("pins = [\"{PIN}\"]");
    assert_eq!(
        check(
            "command = \"x\"",
            &format!("{pins}\nissuer = \"https://as.example\"")
        ),
        [
            "`servers.a.identity.pins` is only for servers with `url`",
            "`servers.a.identity.issuer` is only for servers with `url`",
        ]
    );
    assert_eq!(
        check(
            "url = \"https://a.example\"",
            &format!("sha256 = \"{}\"", "0".repeat(64))
        ),
        ["`servers.a.identity.sha256` is only for servers with `command`"]
    );
    assert_eq!(
        check("url = \"http://127.0.0.1:1\"", &pins),
        ["`servers.a.identity.pins` is only for servers with an `https` URL"]
    );
}

#[test]
fn properties_are_checked() {
    let web = "url = \"https://a.example\"";
    for (identity, message) in [
        (
            "pins = [\"abc\"]",
            "`servers.a.identity.pins` has an entry that is no pin",
        ),
        ("ca = \"\"", "`servers.a.identity.ca` names no file"),
        (
            "client-key = \"file:k\"",
            "`servers.a.identity.client-certificate` is missing",
        ),
        (
            "client-certificate = \"c\"",
            "`servers.a.identity.client-key` is missing",
        ),
        (
            "issuer = \"as\"",
            "`servers.a.identity.issuer` is no absolute URL",
        ),
        ("pin = []", "unknown key `pin`"),
    ] {
        assert_eq!(check(web, identity), [message], "{identity}");
    }
    assert_eq!(
        check("command = \"x\"", "sha256 = \"abc\""),
        ["`servers.a.identity.sha256` is no SHA-256"]
    );
}

#[test]
fn the_authorization_server_is_one() {
    let auth = "url = \"https://a.example\"\nauth = { kind = \"user-grant\", issuer = \"https://as.example\" }";
    assert_eq!(
        check(auth, "issuer = \"https://other.example\""),
        ["`servers.a.identity.issuer` is not that of `auth`"]
    );
    let same =
        format!("[servers.a]\n{auth}\n[servers.a.identity]\nissuer = \"https://as.example\"");
    assert!(parse(&same).is_ok());
}
