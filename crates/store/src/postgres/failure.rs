//! The one place that turns the driver's errors into [`StoreError`].

use std::path::PathBuf;

use sqlx::postgres::PgDatabaseError;

use super::PostgresAddress;
use crate::StoreError;

/// What the server said, without its details: those quote stored values.
#[derive(Debug, thiserror::Error)]
#[error("{message} (SQLSTATE {code})")]
struct Refused {
    code: String,
    message: String,
}

/// A failure of an open database.
///
/// Codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
pub(super) fn translate(error: sqlx::Error) -> StoreError {
    let source = match error {
        sqlx::Error::PoolTimedOut => return StoreError::Busy,
        sqlx::Error::Io(source) => return StoreError::Io(Box::new(source)),
        sqlx::Error::Database(source) => source,
        other => return StoreError::Sql(Box::new(other)),
    };
    let Some(said) = source.try_downcast_ref::<PgDatabaseError>() else {
        return StoreError::Sql(source.into_error());
    };
    let refused = || {
        Box::new(Refused {
            code: said.code().to_owned(),
            message: said.message().to_owned(),
        })
    };
    match said.code() {
        // A transaction that is not let through now: it waited for a lock for too long, would
        // have waited for itself, or took too long altogether.
        "55P03" | "40P01" | "40001" | "57014" | "53300" => StoreError::Busy,
        "25006" => StoreError::ReadOnly,
        "53100" => StoreError::Full,
        // The connection failed, the server is going down or coming up, or its disk failed.
        code if ["08", "57P", "58"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            StoreError::Io(refused())
        }
        _ => StoreError::Sql(refused()),
    }
}

/// A failure before the database is known to be one.
pub(super) fn opening(address: &PostgresAddress, error: sqlx::Error) -> StoreError {
    match translate(error) {
        StoreError::Io(source) | StoreError::Sql(source) => StoreError::Open {
            path: PathBuf::from(address.shown()),
            source,
        },
        other => other,
    }
}
