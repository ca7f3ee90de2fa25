use crate::{Config, parse};

/// The problems of the section: message and hint.
fn check(body: &str) -> String {
    let text = format!("[secrets]\n{body}");
    let problems = parse(&text).expect_err("the section has problems");
    let shown = Config::render_problems(&problems, "portcullis.toml", &text);
    assert!(!shown.contains("hunter"), "{shown}");
    let lines = problems
        .into_iter()
        .map(|problem| format!("{} ({})", problem.message, problem.hint.unwrap_or_default()));
    lines.collect::<Vec<_>>().join("\n")
}

const AZURE: &str =
    "[secrets.azure-client]\ntenant = \"11111111-2222-3333-4444-555555555555\"\nid = \"gw\"\n";

#[test]
fn a_service_needs_an_address_and_a_key() {
    insta::assert_snapshot!(check("vault-address = \"https://v.example\""), @"`secrets.vault-token` is missing (`vault-address` and `vault-token` need each other)");
    insta::assert_snapshot!(check("vault-token = \"env:T\"\nvault-namespace = \"n\""), @r"
`secrets.vault-address` is missing (`vault-address` and `vault-token` need each other)
`secrets.vault-namespace` is only for `vault-address` (take it out)
");
    insta::assert_snapshot!(check("key-vault = \"https://n.vault.azure.net\""), @"`secrets.azure-client` is missing (`key-vault` and `azure-client` need each other)");
    insta::assert_snapshot!(check(&format!("{AZURE}assertion-file = \"t\"")), @"`secrets.key-vault` is missing (`key-vault` and `azure-client` need each other)");
    insta::assert_snapshot!(check("vault-address = \"https://v.example/v1\"\nvault-token = \"hunter2\""), @r"
`secrets.vault-address` has a path (write `https://HOST:PORT` alone)
`secrets.vault-token` holds a literal where a reference to a secret belongs (write `env:NAME`, `file:/absolute/path`, `keyring:SERVICE/NAME`, `vault:PATH#FIELD` or `azkv:NAME`; this file may only say where a secret is)
");
    insta::assert_snapshot!(check("key-vault = \"https://n.vault.azure.net\"\n[secrets.azure-client]\ntenant = \"common\"\nid = \"gw\"\nsecret = \"env:S\""), @"`secrets.azure-client.tenant` is no GUID (write the tenant's id, a GUID)");
}

#[test]
fn no_service_opens_itself() {
    insta::assert_snapshot!(check(
        "vault-address = \"https://v.example\"\nvault-token = \"vault:a/b#c\""
    ), @"`secrets.vault-token` opens a service, so it cannot lie behind `vault:` (use `env:`, `file:` or `keyring:` here)");
    insta::assert_snapshot!(check(&format!(
        "key-vault = \"https://n.vault.azure.net\"\n{AZURE}secret = \"azkv:s\""
    )), @"`secrets.azure-client.secret` opens a service, so it cannot lie behind `azkv:` (use `env:`, `file:` or `keyring:` here)");
}
