//! Where state is kept.

use toml_span::{Span, Value};

use crate::problem::{Mask, Problems};
use crate::secret::{self, SecretRef};
use crate::section::Section;

/// The `store` key and those beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreLocation {
    /// `sqlite:PATH`: one file, relative to the configuration file.
    Sqlite(String),
    /// `postgres://USER@HOST/DATABASE`.
    Postgres {
        /// The URL, without a password. Only what is said here was checked; whoever connects
        /// checks the rest.
        url: String,
        /// Where the password is, `store-password`.
        password: Option<SecretRef>,
        /// The folder for what has not reached the database yet, `store-journal`, relative to
        /// the configuration file.
        journal: String,
    },
}

/// The default of `store-journal`.
const JOURNAL: &str = "portcullis-journal";

impl Default for StoreLocation {
    fn default() -> Self {
        Self::Sqlite("portcullis.db".to_owned())
    }
}

impl StoreLocation {
    pub(crate) fn read(problems: &mut Problems<'_>, root: &mut Section<'_, '_>) -> Option<Self> {
        let password = root.value("store-password");
        let journal = root.string(problems, "store-journal");
        let location = match root.value("store") {
            None => Some(Self::default()),
            Some(value) => Self::read_location(problems, value),
        };
        match location {
            Some(Self::Postgres { url, .. }) => {
                let path = journal.map_or(Some(JOURNAL), |(path, span)| {
                    let fits = !path.is_empty() && !path.contains('\0');
                    if !fits {
                        refuse(
                            problems,
                            span,
                            "store-journal",
                            "is no folder",
                            "name a folder",
                        );
                    }
                    fits.then_some(path)
                });
                let password = match password {
                    Some(value) => Some(secret::read(problems, "store-password", value)?),
                    None => None,
                };
                Some(Self::Postgres {
                    url,
                    password,
                    journal: path?.to_owned(),
                })
            }
            Some(Self::Sqlite(path)) => {
                for (key, span) in [
                    ("store-password", password.map(|value| value.span)),
                    ("store-journal", journal.map(|(_, span)| span)),
                ] {
                    if let Some(span) = span {
                        refuse(
                            problems,
                            span,
                            key,
                            "is for a Postgres store, and `store` names an SQLite file",
                            "take it out, or write `store = \"postgres://USER@HOST/DATABASE\"`",
                        );
                    }
                }
                Some(Self::Sqlite(path))
            }
            None => None,
        }
    }

    fn read_location(problems: &mut Problems<'_>, value: &Value<'_>) -> Option<Self> {
        let text = value.as_str().unwrap_or_default();
        let (message, hint) = match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() && !path.contains('\0') => {
                return Some(Self::Sqlite(path.to_owned()));
            }
            Some(("postgres" | "postgresql", rest)) => match fault(rest) {
                None => {
                    return Some(Self::Postgres {
                        url: text.to_owned(),
                        password: None,
                        journal: JOURNAL.to_owned(),
                    });
                }
                Some(fault) => fault,
            },
            _ => (
                "names no store",
                "write `store = \"sqlite:PATH\"`, with the path of the database file",
            ),
        };
        refuse(problems, value.span, "store", message, hint);
        None
    }
}

/// What is wrong with a Postgres URL behind its scheme, and what to do about it.
fn fault(rest: &str) -> Option<(&'static str, &'static str)> {
    const HINT: &str = "write `store = \"postgres://USER@HOST/DATABASE\"`";
    let Some(rest) = rest.strip_prefix("//") else {
        return Some(("is no Postgres URL", HINT));
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    let in_front = authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'));
    let behind = query
        .split('&')
        .any(|parameter| parameter.split('=').next() == Some("password"));
    if in_front || behind {
        return Some((
            "holds a password",
            "take it out and say where it is: `store-password = \"env:NAME\"`",
        ));
    }
    if rest.contains(|character: char| character.is_control() || character.is_whitespace()) {
        return Some(("is no Postgres URL", HINT));
    }
    database
        .trim_matches('/')
        .is_empty()
        .then_some(("names no database", HINT))
}

/// A Postgres address may hold a password, so no value on the line is shown.
fn refuse(problems: &mut Problems<'_>, span: Span, key: &str, what: &str, hint: &str) {
    problems.push(
        span,
        key,
        format!("`{key}` {what}"),
        Some(hint.to_owned()),
        Mask::Everything,
    );
}

#[cfg(test)]
mod tests;
