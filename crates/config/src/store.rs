//! Where state is kept.

use toml_span::Value;

use crate::problem::{Mask, Problems};

/// The `store` key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreLocation {
    /// `sqlite:PATH`: one file, relative to the configuration file.
    Sqlite(String),
}

impl Default for StoreLocation {
    fn default() -> Self {
        Self::Sqlite("portcullis.db".to_owned())
    }
}

impl StoreLocation {
    pub(crate) fn read(problems: &mut Problems<'_>, value: &Value<'_>) -> Option<Self> {
        let (message, hint) = match value.as_str().map(|text| text.split_once(':')) {
            Some(Some(("sqlite", path))) if !path.is_empty() && !path.contains('\0') => {
                return Some(Self::Sqlite(path.to_owned()));
            }
            Some(Some(("postgres" | "postgresql", _))) => (
                "a Postgres store is not supported by this version",
                "use `store = \"sqlite:portcullis.db\"`",
            ),
            _ => (
                "`store` names no store",
                "write `store = \"sqlite:PATH\"`, with the path of the database file",
            ),
        };
        // A Postgres address may hold a password, so the value is never shown.
        problems.push(
            value.span,
            "store",
            message.to_owned(),
            Some(hint.to_owned()),
            Mask::Everything,
        );
        None
    }
}
