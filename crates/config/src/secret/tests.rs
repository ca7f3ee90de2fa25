use toml_span::value::{Value, ValueInner};

use super::{SecretRef, read, read_nearby};
use crate::problem::Problems;

/// What a text becomes: the reference, or the message.
fn check(text: &str) -> Result<SecretRef, String> {
    let mut problems = Problems::new(text);
    let value = Value::new(ValueInner::String(text.into()));
    match read(&mut problems, "key", &value) {
        Some(reference) => Ok(reference),
        None => Err(problems.into_sorted().remove(0).message),
    }
}

#[test]
fn references() {
    for (text, expected) in [
        ("env:TOKEN", SecretRef::Env("TOKEN".to_owned())),
        ("env:_a1", SecretRef::Env("_a1".to_owned())),
        ("file:/run/token", SecretRef::File("/run/token".to_owned())),
        ("file:C:\\token", SecretRef::File("C:\\token".to_owned())),
        (
            "keyring:portcullis/crm",
            SecretRef::Keyring {
                service: "portcullis".to_owned(),
                name: "crm".to_owned(),
            },
        ),
        (
            "vault:secret/portcullis/crm#token",
            SecretRef::Vault {
                path: "secret/portcullis/crm".to_owned(),
                field: "token".to_owned(),
            },
        ),
        (
            "azkv:crm-token",
            SecretRef::KeyVault("crm-token".to_owned()),
        ),
    ] {
        assert_eq!(check(text), Ok(expected.clone()));
        assert_eq!(expected.to_string(), text);
    }
}

const KEYRING: &str = "`key` names no entry of a keyring after `keyring:`";
const VAULT: &str = "`key` names no field of a secret after `vault:`";
const KEY_VAULT: &str = "`key` names no secret after `azkv:`";

#[test]
fn files_may_be_near_where_a_key_allows_it() {
    let nearby = |text: &str| {
        let value = Value::new(ValueInner::String(text.into()));
        read_nearby(&mut Problems::new(text), "key", &value)
    };
    for path in ["tls/a.key", "/a/b", "../a", "a b"] {
        let expected = SecretRef::File(path.to_owned());
        assert_eq!(nearby(&format!("file:{path}")), Some(expected));
    }
    for text in [
        "file:",
        "file:/",
        "file: a",
        "file:a/",
        "file:a\0b",
        "hunter2",
    ] {
        assert_eq!(nearby(text), None, "{text}");
    }
}

#[test]
fn what_is_no_reference_is_refused_without_its_value() {
    for (text, message) in [
        (
            "hunter2",
            "`key` holds a literal where a reference to a secret belongs",
        ),
        (
            "",
            "`key` holds a literal where a reference to a secret belongs",
        ),
        (
            "Bearer: hunter2",
            "`key` holds a literal where a reference to a secret belongs",
        ),
        (
            "ENV:hunter2",
            "`key` holds a literal where a reference to a secret belongs",
        ),
        (
            "env:",
            "`key` names no valid environment variable after `env:`",
        ),
        (
            "env:hunter-2",
            "`key` names no valid environment variable after `env:`",
        ),
        (
            "env:2hunter",
            "`key` names no valid environment variable after `env:`",
        ),
        ("file:hunter2", "`key` names no absolute path after `file:`"),
        ("file:/", "`key` names no absolute path after `file:`"),
        ("file:", "`key` names no absolute path after `file:`"),
        ("keyring:hunter2", KEYRING),
        ("keyring:/hunter2", KEYRING),
        ("keyring:hunter2/", KEYRING),
        ("keyring:a/hunter2/b", KEYRING),
        ("vault:hunter2", VAULT),
        ("vault:hunter2#a", VAULT),
        ("vault:a/hunter2", VAULT),
        ("vault:a/hunter2#", VAULT),
        ("vault:/a/hunter2#b", VAULT),
        ("vault:a/../hunter2#b", VAULT),
        ("vault:a/b?hunter2#c", VAULT),
        ("vault:a/%2e%2e/hunter2#c", VAULT),
        ("azkv:", KEY_VAULT),
        ("azkv:hunter_2", KEY_VAULT),
        ("azkv:https://hunter2", KEY_VAULT),
    ] {
        assert_eq!(check(text), Err(message.to_owned()), "{text}");
    }
}
