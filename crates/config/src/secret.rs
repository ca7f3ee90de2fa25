//! References to secrets. The configuration never holds a secret itself.

use std::fmt;

use toml_span::Value;

use crate::problem::{Mask, Problems};

/// Where a secret is to be read from when it is needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRef {
    /// `env:NAME`: the environment variable of the gateway process.
    Env(String),
    /// `file:PATH`: the content of a file. The path is absolute, or relative to the configuration
    /// file where a key allows that, so it is always right to join it to the file's folder.
    File(String),
    /// `keyring:SERVICE/NAME`: an entry of the operating system's keyring.
    Keyring {
        /// The service, or "target", of the entry.
        service: String,
        /// The user name of the entry.
        name: String,
    },
    /// `vault:PATH#FIELD`: a field of a secret in HashiCorp Vault's key-value store, version 2, at
    /// `secrets.vault-address`.
    Vault {
        /// The mount and the path below it, as in `vault kv get`: `secret/portcullis/crm`.
        path: String,
        /// The field of the secret.
        field: String,
    },
    /// `azkv:NAME`: the newest version of a secret in Azure Key Vault, at `secrets.key-vault`.
    KeyVault(String),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
            Self::Keyring { service, name } => write!(f, "keyring:{service}/{name}"),
            Self::Vault { path, field } => write!(f, "vault:{path}#{field}"),
            Self::KeyVault(name) => write!(f, "azkv:{name}"),
        }
    }
}

impl SecretRef {
    /// A reference as text, for places that hold more than a reference. Services are left out.
    pub(crate) fn parse_nearby(text: &str) -> Option<Self> {
        match parse(text, Files::Nearby) {
            Ok(reference @ (Self::Env(_) | Self::File(_) | Self::Keyring { .. })) => {
                Some(reference)
            }
            _ => None,
        }
    }
}

const HINT: &str = "write `env:NAME`, `file:/absolute/path`, `keyring:SERVICE/NAME`, `vault:PATH#FIELD` or `azkv:NAME`; this file may only say where a secret is";

/// Which files a `file:` reference may name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Files {
    Absolute,
    Nearby,
}

/// Reads a reference. A literal is refused without being repeated, since it may be a real secret.
pub(crate) fn read(problems: &mut Problems<'_>, key: &str, value: &Value<'_>) -> Option<SecretRef> {
    reference(problems, key, value, Files::Absolute)
}

/// Reads a reference whose `file:` may be relative to the configuration file, as certificates are.
pub(crate) fn read_nearby(
    problems: &mut Problems<'_>,
    key: &str,
    value: &Value<'_>,
) -> Option<SecretRef> {
    reference(problems, key, value, Files::Nearby)
}

fn reference(
    problems: &mut Problems<'_>,
    key: &str,
    value: &Value<'_>,
    files: Files,
) -> Option<SecretRef> {
    let found = value
        .as_str()
        .ok_or(Fault::Literal)
        .and_then(|text| parse(text, files));
    let fault = match found {
        Ok(reference) => {
            let scheme = match reference {
                SecretRef::Vault { .. } => Some("vault"),
                SecretRef::KeyVault(_) => Some("azkv"),
                SecretRef::Env(_) | SecretRef::File(_) | SecretRef::Keyring { .. } => None,
            };
            if let Some(scheme) = scheme {
                let place = (value.span, key.to_owned(), scheme);
                problems.remote_references.push(place);
            }
            return Some(reference);
        }
        Err(fault) => fault,
    };
    let (message, hint) = match fault {
        Fault::Literal => (
            format!("`{key}` holds a literal where a reference to a secret belongs"),
            HINT,
        ),
        Fault::Variable => (
            format!("`{key}` names no valid environment variable after `env:`"),
            "a name has letters, digits and `_`, and does not start with a digit",
        ),
        Fault::Path if files == Files::Nearby => (
            format!("`{key}` names no path after `file:`"),
            "write `file:PATH`, absolute or relative to this file",
        ),
        Fault::Path => (
            format!("`{key}` names no absolute path after `file:`"),
            "write `file:/absolute/path`",
        ),
        Fault::Keyring => (
            format!("`{key}` names no entry of a keyring after `keyring:`"),
            "write `keyring:SERVICE/NAME`",
        ),
        Fault::Vault => (
            format!("`{key}` names no field of a secret after `vault:`"),
            "write `vault:PATH#FIELD`, with the mount in front of the path: `vault:secret/portcullis/crm#token`",
        ),
        Fault::KeyVault => (
            format!("`{key}` names no secret after `azkv:`"),
            "write `azkv:NAME`; a name has 1 to 127 letters, digits and `-`",
        ),
    };
    let hint = Some(hint.to_owned());
    problems.push(value.span, key, message, hint, Mask::Everything);
    None
}

enum Fault {
    Literal,
    Variable,
    Path,
    Keyring,
    Vault,
    KeyVault,
}

fn parse(text: &str, files: Files) -> Result<SecretRef, Fault> {
    let (scheme, rest) = text.split_once(':').ok_or(Fault::Literal)?;
    match scheme {
        "env" if is_variable_name(rest) => Ok(SecretRef::Env(rest.to_owned())),
        "env" => Err(Fault::Variable),
        "file" if is_absolute(rest) || (files == Files::Nearby && is_relative(rest)) => {
            Ok(SecretRef::File(rest.to_owned()))
        }
        "file" => Err(Fault::Path),
        "keyring" => match rest.split_once('/') {
            Some((service, name)) if is_plain(service) && is_plain(name) => {
                Ok(SecretRef::Keyring {
                    service: service.to_owned(),
                    name: name.to_owned(),
                })
            }
            _ => Err(Fault::Keyring),
        },
        "vault" => match rest.split_once('#') {
            Some((path, field)) if is_vault_path(path) && is_plain(field) => Ok(SecretRef::Vault {
                path: path.to_owned(),
                field: field.to_owned(),
            }),
            _ => Err(Fault::Vault),
        },
        "azkv" if is_key_vault_name(rest) => Ok(SecretRef::KeyVault(rest.to_owned())),
        "azkv" => Err(Fault::KeyVault),
        _ => Err(Fault::Literal),
    }
}

/// Printable, not empty, and nothing that ends a part of a reference.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.trim() == text
        && !text.contains(['/', '#', '?'])
        && !text.contains(char::is_control)
}

/// A mount and at least one segment below it. The path becomes part of a URL, so nothing may leave
/// the mount.
fn is_vault_path(path: &str) -> bool {
    let segments = || path.split('/');
    segments().count() >= 2
        && segments().all(|segment| {
            !matches!(segment, "" | "." | "..")
                && segment
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._~ @+".contains(&byte))
        })
}

/// Names of secrets and keys in Azure Key Vault.
pub(crate) fn is_key_vault_name(name: &str) -> bool {
    (1..=127).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_relative(path: &str) -> bool {
    !path.is_empty()
        && path.trim() == path
        && !path.ends_with('/')
        && !path.contains(char::is_control)
}

/// Whether `env:NAME` may hold this name. IEEE Std 1003.1, 8.1: letters, digits and underscore, no
/// digit first.
pub fn is_variable_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Absolute on Unix (`/…`) or on Windows (`C:\…`, `C:/…`), decided alike on every platform so that
/// a file means the same everywhere.
fn is_absolute(path: &str) -> bool {
    let mut chars = path.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some('/'), _, _) => path.len() > 1 && !path.contains('\0'),
        (Some(drive), Some(':'), Some('/' | '\\')) => {
            drive.is_ascii_alphabetic() && !path.contains('\0')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
