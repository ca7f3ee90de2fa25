use toml_span::value::{Value, ValueInner};

use super::{SecretRef, read};
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
    ] {
        assert_eq!(check(text), Ok(expected.clone()));
        assert_eq!(expected.to_string(), text);
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
        (
            "keyring:hunter2",
            "`keyring:` references are not yet supported by this version",
        ),
        (
            "vault:hunter2",
            "`vault:` references are not yet supported by this version",
        ),
        (
            "azkv:hunter2",
            "`azkv:` references are not yet supported by this version",
        ),
    ] {
        assert_eq!(check(text), Err(message.to_owned()), "{text}");
    }
}
