//! Tells what may be a secret. When in doubt, it is one.

use std::collections::BTreeSet;

use portcullis_config::check_header;

use crate::entry::{Entry, Transport};
use crate::host::Host;

/// The values of variables and headers that may be secrets, to find them in other places too.
pub(super) struct Known {
    values: BTreeSet<String>,
}

/// Shorter values turn up in other text by chance.
const MIN_KNOWN_CHARS: usize = 6;

impl Known {
    pub(super) fn of(found: &[(Host, String, Vec<Entry>)]) -> Self {
        let mut values = BTreeSet::new();
        for entry in found.iter().flat_map(|(_, _, entries)| entries) {
            let is_http = matches!(entry.transport, Transport::Http { .. });
            for (key, value) in entry.transport.values() {
                // `Host` and its kin are left out anyway, and repeat parts of the URL.
                if is_harmless(key, value) || (is_http && check_header(key).is_err()) {
                    continue;
                }
                // `Bearer abc` and `abc` give away the same.
                let parts = value.split_whitespace().chain([value.as_str()]);
                values.extend(
                    parts
                        .filter(|part| part.chars().count() >= MIN_KNOWN_CHARS)
                        .filter(|part| !matches!(*part, "Bearer" | "bearer"))
                        .filter(|part| !part.contains("${"))
                        .map(str::to_owned),
                );
            }
        }
        Self { values }
    }

    /// Whether a text holds one of the values.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.values
            .iter()
            .any(|value| text.contains(value.as_str()))
    }

    /// Whether a program, folder or URL may hold a secret.
    pub(super) fn may_be_in(&self, text: &str) -> bool {
        self.is_in(text) || looks_random(text) || has_secret_parameter(text) || has_password(text)
    }

    /// Whether a command line may hold a secret.
    pub(super) fn may_be_in_arguments(&self, args: &[String]) -> bool {
        let after = args.iter().skip(1).map(Some).chain([None]);
        args.iter().zip(after).any(|(arg, next)| {
            self.may_be_in(arg) || names_secret(arg, next.map(String::as_str).unwrap_or_default())
        })
    }
}

/// Whether an argument names a secret and has one: `--token=x`, `--token x`, `-e TOKEN=x`,
/// `--header "Authorization: x"`.
fn names_secret(arg: &str, next: &str) -> bool {
    let is_value = |value: &str| !value.trim().is_empty() && !is_reference_only(value);
    if let Some((name, value)) = arg.split_once(['=', ':']) {
        return is_secret_name(name) && is_value(value);
    }
    arg.starts_with('-') && is_secret_name(arg) && !next.starts_with('-') && is_value(next)
}

/// `${NAME}` and the like, with at most a scheme word such as `Bearer` before it.
fn is_reference_only(value: &str) -> bool {
    let value = value.trim();
    let value = value.strip_prefix("Bearer ").unwrap_or(value).trim();
    value.starts_with("${") && value.ends_with('}') && value.matches("${").count() == 1
}

/// `?token=x` or `&api_key=x` in a URL.
fn has_secret_parameter(text: &str) -> bool {
    let Some((_, query)) = text.split_once('?') else {
        return false;
    };
    query
        .split(['&', ';', '#'])
        .filter_map(|pair| pair.split_once('='))
        .any(|(name, value)| is_secret_name(name) && !value.is_empty())
}

/// `scheme://user:password@host`, also with only one of the two.
fn has_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.contains('@')
    })
}

/// Whether a variable of this name and value is plainly no secret: a switch, a number, a log level,
/// a locale or a path, under a name that promises no secret.
pub(super) fn is_harmless(key: &str, value: &str) -> bool {
    !is_secret_name(key) && is_harmless_value(value)
}

const HARMLESS_WORDS: &[&str] = &[
    "",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "enabled",
    "disabled",
    "auto",
    "default",
    "none",
    "null",
    "trace",
    "debug",
    "info",
    "notice",
    "warn",
    "warning",
    "error",
    "fatal",
    "critical",
    "silent",
    "verbose",
    "quiet",
    "production",
    "prod",
    "staging",
    "development",
    "dev",
    "test",
    "local",
    "localhost",
    "127.0.0.1",
    "::1",
    "stdio",
    "http",
    "json",
    "text",
    "pretty",
    "utf-8",
    "utf8",
    "c.utf-8",
    "en_us.utf-8",
    "utc",
    "us",
    "eu",
];

const MAX_NUMBER_CHARS: usize = 9;

fn is_harmless_value(value: &str) -> bool {
    let lower = value.to_lowercase();
    HARMLESS_WORDS.contains(&lower.as_str()) || is_number(value) || is_path(value)
}

fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    value.len() <= MAX_NUMBER_CHARS
        && match digits.split_once('.') {
            Some((whole, part)) => is_digits(whole) && is_digits(part),
            None => is_digits(digits),
        }
}

fn is_path(value: &str) -> bool {
    let bytes = value.as_bytes();
    let is_rooted = value.starts_with('/')
        || value.starts_with("~/")
        || value.starts_with("./")
        || matches!(bytes, [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic());
    let is_plain = value
        .chars()
        .all(|c| c.is_alphanumeric() || " ._-~/\\:".contains(c));
    is_rooted && is_plain && value.len() <= 1024 && !looks_random(value)
}

/// Word fragments that promise a secret wherever they stand in a name.
const SECRET_FRAGMENTS: &[&str] = &[
    "apikey",
    "accesskey",
    "authkey",
    "authorization",
    "bearer",
    "connectionstring",
    "cookie",
    "credential",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secret",
    "signature",
    "signingkey",
    "webhook",
];

/// Words that promise a secret when they are a whole part of a name.
const SECRET_WORDS: &[&str] = &[
    "auth", "cert", "code", "dsn", "key", "keys", "pass", "pat", "pem", "pin", "pw", "pwd", "salt",
    "seed", "session", "sid", "sig", "token",
];

/// Whether the name of a variable, header, option or parameter promises a secret.
fn is_secret_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    let joined: String = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    // `MAX_TOKENS` counts tokens; `TOKEN` and `AUTHTOKEN` are one.
    let has_token = joined.contains("token") && !joined.contains("tokens");
    has_token
        || SECRET_FRAGMENTS.iter().any(|part| joined.contains(part))
        || lower
            .split(|c: char| !c.is_alphanumeric())
            .any(|part| SECRET_WORDS.contains(&part))
}

/// Prefixes that issuers of tokens use.
const TOKEN_PREFIXES: &[&str] = &[
    "sk-",
    "sk_",
    "pk_",
    "rk_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "eyJ",
    "npm_",
    "pypi-",
    "hf_",
    "dop_v1_",
    "shpat_",
    "SG.",
    "lin_api_",
    "ntn_",
    "secret_",
    "figd_",
    "tvly-",
    "gsk_",
];

/// The shortest run of letters and digits that is judged by its look.
const MIN_RANDOM_CHARS: usize = 16;

/// Whether some part of a text looks like a token: a known prefix, a UUID, or a long run of letters
/// and digits that change places too often for words.
pub(super) fn looks_random(text: &str) -> bool {
    let words = || text.split(|c: char| !(c.is_alphanumeric() || "-_.".contains(c)));
    let has_prefix = words().any(|word| {
        TOKEN_PREFIXES
            .iter()
            .filter_map(|prefix| word.strip_prefix(prefix))
            .any(|rest| rest.len() >= 8)
    });
    has_prefix
        || words().any(is_uuid)
        || text
            .split(|c: char| !c.is_alphanumeric())
            .any(is_random_run)
}

fn is_uuid(word: &str) -> bool {
    word.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && word.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

fn is_random_run(run: &str) -> bool {
    let class = |c: char| (c.is_numeric(), c.is_uppercase());
    let length = run.chars().count();
    let changes = run
        .chars()
        .zip(run.chars().skip(1))
        .filter(|(a, b)| class(*a) != class(*b))
        .count();
    length >= MIN_RANDOM_CHARS && run.contains(char::is_numeric) && changes * 3 >= length
}

#[cfg(test)]
mod tests;
