use crate::{ClientAuthentication, Config, OauthClient, SecretRef, parse};

fn text(body: &str) -> String {
    format!(
        "[authn.issuers.a]\nkind = \"oidc\"\nissuer = \"https://a.example\"\n[authn.issuers.a.client]\n{body}"
    )
}

fn read(body: &str) -> OauthClient {
    let mut config = parse(&text(body)).unwrap();
    let issuer = config.authn.issuers.remove("a").unwrap();
    issuer.client.unwrap()
}

/// The problems of a registration: message and hint.
fn check(body: &str) -> String {
    let text = text(body);
    let problems = parse(&text).expect_err("the registration has problems");
    let shown = Config::render_problems(&problems, "portcullis.toml", &text);
    assert!(!shown.contains("hunter"), "{shown}");
    let lines = problems
        .into_iter()
        .map(|problem| format!("{} ({})", problem.message, problem.hint.unwrap_or_default()));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_way_to_prove_a_client() {
    let env = || SecretRef::Env("S".to_owned());
    let key = || SecretRef::File("a.key".to_owned());
    for (body, expected) in [
        (
            "secret = \"env:S\"",
            ClientAuthentication::SecretBasic(env()),
        ),
        (
            "secret = \"env:S\"\nauth = \"basic\"",
            ClientAuthentication::SecretBasic(env()),
        ),
        (
            "secret = \"env:S\"\nauth = \"post\"",
            ClientAuthentication::SecretPost(env()),
        ),
        (
            "key = \"file:a.key\"\nkey-id = \"k\"",
            ClientAuthentication::PrivateKey {
                key: key(),
                key_id: Some("k".to_owned()),
            },
        ),
        (
            "key = \"file:a.key\"\nauth = \"private-key-jwt\"",
            ClientAuthentication::PrivateKey {
                key: key(),
                key_id: None,
            },
        ),
        (
            "key = \"file:a.key\"\ncertificate = \"a.pem\"",
            ClientAuthentication::Certificate(crate::CertificateAndKey {
                certificate: "a.pem".to_owned(),
                key: key(),
            }),
        ),
        (
            "assertion-file = \"/var/token\"\nauth = \"assertion\"",
            ClientAuthentication::AssertionFile("/var/token".to_owned()),
        ),
    ] {
        let client = read(&format!("id = \"gw\"\n{body}"));
        assert_eq!(client.id, "gw");
        assert_eq!(client.authentication, expected, "{body}");
        assert_eq!(client.has_secret(), body.contains("secret"));
    }
}

#[test]
fn a_registration_proves_one_thing() {
    insta::assert_snapshot!(check(""), @"`authn.issuers.a.client.id` is missing (name the client id of the registration)");
    insta::assert_snapshot!(check("id = \"gw\""), @"`authn.issuers.a.client` proves nothing (add exactly one of `secret`, `certificate` with `key`, `key`, `assertion-file`)");
    insta::assert_snapshot!(check("secret = \"env:S\""), @"`authn.issuers.a.client.id` is missing (name the client id of the registration)");
    insta::assert_snapshot!(check("id = \"gw\"\nsecret = \"hunter2\""), @"`authn.issuers.a.client.secret` holds a literal where a reference to a secret belongs (write `env:NAME`, `file:/absolute/path`, `keyring:SERVICE/NAME`, `vault:PATH#FIELD` or `azkv:NAME`; this file may only say where a secret is)");
    insta::assert_snapshot!(check("id = \"gw\"\nsecret = \"env:S\"\nkey = \"file:k\""), @"`authn.issuers.a.client` proves who it is in more than one way (keep exactly one of `secret`, `certificate` with `key`, `key`, `assertion-file`)");
    insta::assert_snapshot!(check("id = \"gw\"\ncertificate = \"a.pem\""), @"`authn.issuers.a.client.key` is missing (a certificate needs its private key)");
    insta::assert_snapshot!(check("id = \"gw\"\nassertion-file = \"\""), @"`authn.issuers.a.client.assertion-file` names no file (write a path, absolute or relative to this file)");
    insta::assert_snapshot!(check("id = \"gw\"\nsecret = \"env:S\"\nauth = \"certificate\""), @"`authn.issuers.a.client.auth` does not fit its keys (`basic` and `post` need `secret`, `private-key-jwt` needs `key`, `certificate` needs `certificate` and `key`, `assertion` needs `assertion-file`, `none` needs none of them)");
    insta::assert_snapshot!(check("id = \"gw\"\nsecret = \"env:S\"\nkey-id = \"k\""), @"`authn.issuers.a.client.key-id` is only for `private-key-jwt` (take it out)");
    insta::assert_snapshot!(check("id = \"g w \"\nsecret = \"env:S\""), @"`authn.issuers.a.client.id` holds what is empty, too long or not printable (write 1 to 512 bytes, no control characters and no space at the ends)");
}
