//! The schema's versions. Forward only: a migration that was released is never edited.

use std::path::Path;

use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{AssertSqlSafe, raw_sql};

use super::{begin, failure};
use crate::StoreError;

struct Migration {
    version: i64,
    name: &'static str,
    sql: &'static str,
}

/// In order. A new one goes at the end, its file beside the others.
const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "audit",
        sql: include_str!("../../migrations/sqlite/0001_audit.sql"),
    },
    Migration {
        version: 2,
        name: "registry",
        sql: include_str!("../../migrations/sqlite/0002_registry.sql"),
    },
    Migration {
        version: 3,
        name: "sessions",
        sql: include_str!("../../migrations/sqlite/0003_sessions.sql"),
    },
    Migration {
        version: 4,
        name: "audit_cost",
        sql: include_str!("../../migrations/sqlite/0004_audit_cost.sql"),
    },
    Migration {
        version: 5,
        name: "vault",
        sql: include_str!("../../migrations/sqlite/0005_vault.sql"),
    },
    Migration {
        version: 6,
        name: "revocations",
        sql: include_str!("../../migrations/sqlite/0006_revocations.sql"),
    },
    Migration {
        version: 7,
        name: "grants",
        sql: include_str!("../../migrations/sqlite/0007_grants.sql"),
    },
    Migration {
        version: 8,
        name: "audit_identity",
        sql: include_str!("../../migrations/sqlite/0008_audit_identity.sql"),
    },
];

/// Marks the file as ours in its header, `Port` in ASCII.
/// See <https://www.sqlite.org/pragma.html#pragma_application_id>.
const APPLICATION_ID: i64 = 0x506f_7274;

/// The version this release works with.
pub(super) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// The database's schema version, 0 for one without content. Changes nothing.
pub(super) async fn recognise(pool: &SqlitePool, path: &Path) -> Result<i64, StoreError> {
    // In one transaction: another process may be creating the schema between two statements.
    let mut snapshot = pool
        .begin()
        .await
        .map_err(|error| failure::opening(path, error))?;
    let application_id: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *snapshot)
        .await
        .map_err(|error| failure::opening(path, error))?;
    let objects: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut *snapshot)
        .await
        .map_err(|error| failure::opening(path, error))?;
    if application_id == 0 && objects == 0 {
        return Ok(0);
    }
    if application_id != APPLICATION_ID {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
        });
    }
    let found = version(&mut snapshot).await?;
    refuse_the_future(found)?;
    Ok(found)
}

/// Applies the migrations that the database lacks, all of them or none.
pub(super) async fn migrate(writer: &SqlitePool) -> Result<(), StoreError> {
    let mut transaction = begin(writer).await?;
    let created = format!(
        "CREATE TABLE IF NOT EXISTS schema_version (
            version INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
        ) STRICT;
        PRAGMA application_id = {APPLICATION_ID};"
    );
    // The version is read under the write lock: another process may have migrated since.
    let found = if has_version_table(&mut transaction).await? {
        version(&mut transaction).await?
    } else {
        raw_sql(AssertSqlSafe(created))
            .execute(&mut *transaction)
            .await
            .map_err(failure::translate)?;
        0
    };
    refuse_the_future(found)?;
    for migration in MIGRATIONS
        .iter()
        .filter(|migration| migration.version > found)
    {
        raw_sql(migration.sql)
            .execute(&mut *transaction)
            .await
            .map_err(failure::translate)?;
        sqlx::query("INSERT INTO schema_version (version, name) VALUES (?, ?)")
            .bind(migration.version)
            .bind(migration.name)
            .execute(&mut *transaction)
            .await
            .map_err(failure::translate)?;
        tracing::info!(
            version = migration.version,
            name = migration.name,
            "database migrated"
        );
    }
    transaction.commit().await.map_err(failure::translate)
}

async fn has_version_table(connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version')",
    )
    .fetch_one(connection)
    .await
    .map_err(failure::translate)
}

async fn version(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM schema_version")
        .fetch_one(connection)
        .await
        .map_err(failure::translate)
}

fn refuse_the_future(found: i64) -> Result<(), StoreError> {
    let known = newest();
    if found > known {
        Err(StoreError::FromTheFuture { found, known })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
