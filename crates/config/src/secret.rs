//! References to secrets. The configuration never holds a secret itself.

use std::fmt;

use toml_span::Value;

use crate::problem::{Mask, Problems};

/// Where a secret is to be read from when it is needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRef {
    /// `env:NAME`: the environment variable of the gateway process.
    Env(String),
    /// `file:/path`: the content of a file, by absolute path.
    File(String),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

const HINT: &str =
    "write `env:NAME` or `file:/absolute/path`; the file may only say where a secret is";

/// Reads a reference. A literal is refused without being repeated, since it may be a real secret.
pub(crate) fn read(problems: &mut Problems<'_>, key: &str, value: &Value<'_>) -> Option<SecretRef> {
    let reference = value.as_str().ok_or(Fault::Literal).and_then(parse);
    let fault = match reference {
        Ok(reference) => return Some(reference),
        Err(fault) => fault,
    };
    let (message, hint) = match fault {
        Fault::Literal => (
            format!("`{key}` holds a literal where a reference to a secret belongs"),
            HINT,
        ),
        Fault::Later(scheme) => (
            format!("`{scheme}:` references are not yet supported by this version"),
            "use `env:NAME` or `file:/absolute/path`",
        ),
        Fault::Name => (
            format!("`{key}` names no valid environment variable after `env:`"),
            "a name has letters, digits and `_`, and does not start with a digit",
        ),
        Fault::Path => (
            format!("`{key}` names no absolute path after `file:`"),
            "write `file:/absolute/path`",
        ),
    };
    problems.push(
        value.span,
        key,
        message,
        Some(hint.to_owned()),
        Mask::Everything,
    );
    None
}

enum Fault {
    Literal,
    Later(&'static str),
    Name,
    Path,
}

fn parse(text: &str) -> Result<SecretRef, Fault> {
    let (scheme, rest) = text.split_once(':').ok_or(Fault::Literal)?;
    match scheme {
        "env" if is_variable_name(rest) => Ok(SecretRef::Env(rest.to_owned())),
        "env" => Err(Fault::Name),
        "file" if is_absolute(rest) => Ok(SecretRef::File(rest.to_owned())),
        "file" => Err(Fault::Path),
        "keyring" => Err(Fault::Later("keyring")),
        "vault" => Err(Fault::Later("vault")),
        "azkv" => Err(Fault::Later("azkv")),
        _ => Err(Fault::Literal),
    }
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
