use crate::parse;

/// The warnings about a text without problems.
fn check(text: &str) -> String {
    parse(text).unwrap().warnings().join("\n")
}

const KEY: &str = "[[authn.key]]\nname = \"ada\"\nhash = \"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n";

#[test]
fn old_tls() {
    insta::assert_snapshot!(check(&format!(
        "{KEY}[listen.tls]\ncertificate = \"a\"\nkey = \"file:k\"\nmin-version = \"1.2\"\n[outbound]\nmin-tls = \"1.2\""
    )), @r"
`listen.tls.min-version` is 1.2: every client of today has 1.3
`outbound.min-tls` is 1.2 for everything that is fetched
");
}

#[test]
fn lax_issuers() {
    insta::assert_snapshot!(check(
        "[authn.issuers.i]\nkind = \"entra\"\ntenant = \"11111111-2222-3333-4444-555555555555\"\n[authn.issuers.i.client]\nid = \"gw\"\nsecret = \"env:S\"\n[authn.issuers.i.front-door]\nregistration = true\n[servers.s]\ncommand = \"x\"\n[profiles.p]\nservers = [\"s\"]\nissuers = []"
    ), @r"
issuer `i` (line 1) takes tokens of every application of its tenants: list those that may call in `clients`
issuer `i` (line 1): the gateway's registration has a secret, where Entra takes a certificate or a federated credential
issuer `i` (line 1): any client may register at the front door
issuer `i` (line 1): no profile takes its tokens
");
}

#[test]
fn secrets_at_azure() {
    insta::assert_snapshot!(check(&format!(
        "{KEY}[vault]\nkey = \"azkv:https://n.vault.azure.net/keys/k\"\nazure-client = {{ tenant = \"11111111-2222-3333-4444-555555555555\", id = \"gw\", secret = \"env:S\" }}\n[secrets]\nkey-vault = \"https://n.vault.azure.net\"\nazure-client = {{ tenant = \"11111111-2222-3333-4444-555555555555\", id = \"gw\", secret = \"env:S\" }}"
    )), @r"
`vault.azure-client` has a secret, where Entra takes a certificate or a federated credential
`secrets.azure-client` has a secret, where Entra takes a certificate or a federated credential
");
}

#[test]
fn servers_beyond_this_machine_want_a_decision() {
    let server = |body: &str| {
        check(&format!(
            "{KEY}[servers.s]\n{body}\n[profiles.p]\nservers = [\"s\"]"
        ))
    };
    let headers = "headers = { A = \"env:A\" }";
    insta::assert_snapshot!(server("url = \"https://a.example\""), @"server `s` (line 4) is called over the network without authentication: if that has to be, say until when in `auth.exception-until`");
    insta::assert_snapshot!(server(&format!("url = \"https://a.example\"\n{headers}")), @"server `s` (line 4) is called over the network with a key that never changes: if that has to be, say until when in `auth.exception-until`");
    for quiet in [
        "command = \"x\"".to_owned(),
        "url = \"http://127.0.0.1:1\"".to_owned(),
        format!("url = \"http://localhost:1\"\n{headers}"),
        "url = \"https://a.example\"\nauth = { kind = \"user-grant\" }".to_owned(),
        "url = \"https://a.example\"\nauth = { kind = \"none\", exception-until = \"2027-01-01\" }"
            .to_owned(),
    ] {
        assert_eq!(server(&quiet), "", "{quiet}");
    }
}
