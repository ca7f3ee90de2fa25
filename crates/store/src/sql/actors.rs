//! The chain of actors in one column: a JSON array, NULL where nobody acts for the caller. Compiled
//! for each database, see `sqlite.rs` and `postgres.rs`.

use super::rows::Columns;
use super::{plain, text};
use crate::StoreError;

/// `actors` as they are stored. Each is made fit for the database before it becomes JSON: Postgres
/// reads no NUL in JSON either, however it is written.
pub(super) fn stored(actors: &[String]) -> Option<String> {
    if actors.is_empty() {
        return None;
    }
    let stored: Vec<String> = actors.iter().map(|actor| text(actor).into()).collect();
    Some(serde_json::json!(stored).to_string())
}

/// The reverse of [`stored`].
pub(super) fn read(row: &Columns<'_>, column: &'static str) -> Result<Vec<String>, StoreError> {
    let Some(stored) = row.read::<Option<String>>(column)? else {
        return Ok(Vec::new());
    };
    let stored: Vec<String> =
        serde_json::from_str(&stored).map_err(|_| StoreError::Corrupt { column })?;
    Ok(stored.into_iter().map(plain).collect())
}
