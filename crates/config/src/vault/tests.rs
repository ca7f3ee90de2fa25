use std::time::Duration;

use crate::{Config, SecretRef, VaultKey, parse};

fn key(body: &str) -> VaultKey {
    parse(&format!("[vault]\n{body}")).unwrap().vault.key
}

/// The problems of the section: message and hint.
fn check(body: &str) -> String {
    let text = format!("[vault]\n{body}");
    let problems = parse(&text).expect_err("the vault has problems");
    let shown = Config::render_problems(&problems, "portcullis.toml", &text);
    assert!(!shown.contains("hunter"), "{shown}");
    let lines = problems
        .into_iter()
        .map(|problem| format!("{} ({})", problem.message, problem.hint.unwrap_or_default()));
    lines.collect::<Vec<_>>().join("\n")
}

const AZURE: &str = "[vault.azure-client]\ntenant = \"11111111-2222-3333-4444-555555555555\"\nid = \"gw\"\nassertion-file = \"/var/token\"";

#[test]
fn every_place_of_a_key() {
    assert_eq!(key(""), VaultKey::File("vault.key".to_owned()));
    assert_eq!(
        key("key = \"file:keys/vault\""),
        VaultKey::File("keys/vault".to_owned())
    );
    for (text, name) in [("portcullis", "vault-key"), ("portcullis/blue", "blue")] {
        assert_eq!(
            key(&format!("key = \"keyring:{text}\"")),
            VaultKey::Keyring {
                service: "portcullis".to_owned(),
                name: name.to_owned(),
            }
        );
    }
    assert_eq!(
        key("key = \"passphrase:env:PASS\""),
        VaultKey::Passphrase(SecretRef::Env("PASS".to_owned()))
    );
    assert_eq!(
        key(
            "key = \"transit:https://v.example:8200/team/transit/portcullis\"\ntransit-token = \"file:token\"\ntransit-namespace = \"a/b\""
        ),
        VaultKey::Transit {
            url: "https://v.example:8200/team/transit/portcullis".to_owned(),
            token: SecretRef::File("token".to_owned()),
            namespace: Some("a/b".to_owned()),
        }
    );
    for tail in ["", "/0123abcd"] {
        let expected = format!("https://n.vault.azure.net/keys/k{tail}");
        let VaultKey::AzureKey { url, client } =
            key(&format!("key = \"azkv:{expected}\"\n{AZURE}"))
        else {
            panic!("an Azure key");
        };
        assert_eq!((url, client.client.id.as_str()), (expected, "gw"));
    }
    let renewed = parse("[vault]\nrenew-before = \"90s\"").unwrap();
    assert_eq!(renewed.vault.renew_before, Duration::from_secs(90));
}

#[test]
fn what_is_no_place_of_a_key() {
    for text in [
        "hunter2",
        "",
        "env:HUNTER",
        "file:",
        "keyring:",
        "keyring:a/",
        "keyring:/hunter",
        "keyring:a/hunter/b",
        "passphrase:hunter2",
        "passphrase:vault:a/hunter#c",
        "vault:a/hunter#b",
    ] {
        let problems = check(&format!("key = \"{text}\""));
        assert!(
            problems.starts_with("`vault.key` names no place for a key"),
            "{text}: {problems}"
        );
    }
    let token = "transit-token = \"env:T\"";
    for (text, message) in [
        (
            "transit:https://v.example/portcullis",
            "has no mount and key",
        ),
        ("transit:https://v.example", "has a path that names no key"),
        (
            "transit:https://v.example/a//b",
            "has a path that names no key",
        ),
        (
            "transit:https://v.example/a/../b",
            "has a path that names no key",
        ),
        (
            "transit:https://v.example/a/b?c",
            "has a path that names no key",
        ),
        (
            "transit:http://v.example/a/b",
            "is not encrypted: http is only for loopback addresses",
        ),
        (
            "transit:https://u:hunter2@v.example/a/b",
            "carries credentials",
        ),
        ("transit:v.example/a/b", "is no absolute URL"),
        (
            "azkv:https://n.vault.azure.net/secrets/k",
            "names no key in a vault",
        ),
        (
            "azkv:https://n.vault.azure.net/keys/a_b",
            "names no key in a vault",
        ),
        (
            "azkv:https://n.vault.azure.net/keys",
            "names no key in a vault",
        ),
    ] {
        let problems = check(&format!("key = \"{text}\"\n{token}"));
        let expected = format!("`vault.key` {message}");
        assert!(problems.starts_with(&expected), "{text}: {problems}");
    }
}

#[test]
fn what_opens_the_service_goes_with_the_service() {
    insta::assert_snapshot!(check("key = \"transit:https://v.example/transit/k\""), @r#"`vault.transit-token` is missing (write `transit-token = "env:VAULT_TOKEN"`)"#);
    insta::assert_snapshot!(check("key = \"azkv:https://n.vault.azure.net/keys/k\""), @"`vault.azure-client` is missing (add `[vault.azure-client]` with `tenant`, `id` and a way to prove it)");
    insta::assert_snapshot!(check(&format!("transit-token = \"env:T\"\n{AZURE}")), @r"
`vault.transit-token` is only for a `transit:` key (take it out)
`vault.azure-client` is only for an `azkv:` key (take it out)
");
    insta::assert_snapshot!(check(
        "key = \"transit:https://v.example/transit/k\"\ntransit-token = \"vault:a/b#c\""
    ), @"`vault.transit-token` opens a service, so it cannot lie behind `vault:` (use `env:`, `file:` or `keyring:` here)");
}
