//! The one place that turns the driver's errors into [`StoreError`].

use std::path::Path;

use sqlx::error::DatabaseError;

use crate::StoreError;

// Primary result codes, <https://www.sqlite.org/rescode.html>.
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READ_ONLY: i32 = 8;
const IO: i32 = 10;
const FULL: i32 = 13;
const CANNOT_OPEN: i32 = 14;

/// A failure of an open database.
pub(super) fn translate(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::PoolTimedOut => StoreError::Busy,
        sqlx::Error::Io(source) => StoreError::Io(Box::new(source)),
        sqlx::Error::Database(source) => match primary_code(source.as_ref()) {
            Some(BUSY | LOCKED) => StoreError::Busy,
            Some(READ_ONLY) => StoreError::ReadOnly,
            Some(FULL) => StoreError::Full,
            Some(IO | CANNOT_OPEN) => StoreError::Io(source.into_error()),
            _ => StoreError::Sql(source.into_error()),
        },
        other => StoreError::Sql(Box::new(other)),
    }
}

/// A failure before the database is known to be one.
pub(super) fn opening(path: &Path, error: sqlx::Error) -> StoreError {
    match translate(error) {
        StoreError::Io(source) | StoreError::Sql(source) => StoreError::Open {
            path: path.to_owned(),
            source,
        },
        other => other,
    }
}

/// The text with which a trigger of the schema refused a statement.
pub(super) fn refusal(error: &sqlx::Error) -> Option<&str> {
    const CONSTRAINT_TRIGGER: &str = "1811";
    let refused = error.as_database_error()?;
    (refused.code().as_deref() == Some(CONSTRAINT_TRIGGER)).then(|| refused.message())
}

fn primary_code(error: &dyn DatabaseError) -> Option<i32> {
    let extended: i32 = error.code()?.parse().ok()?;
    Some(extended & 0xff)
}
