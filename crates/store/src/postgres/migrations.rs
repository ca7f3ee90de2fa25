//! The schema's versions. Forward only: a migration that was released is never edited. Versions
//! count as SQLite's do.

use std::io;
use std::path::PathBuf;

use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Row as _, raw_sql};

use super::{PostgresAddress, failure};
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
        sql: include_str!("../../migrations/postgres/0001_audit.sql"),
    },
    Migration {
        version: 2,
        name: "registry",
        sql: include_str!("../../migrations/postgres/0002_registry.sql"),
    },
    Migration {
        version: 3,
        name: "sessions",
        sql: include_str!("../../migrations/postgres/0003_sessions.sql"),
    },
    Migration {
        version: 4,
        name: "audit_cost",
        sql: include_str!("../../migrations/postgres/0004_audit_cost.sql"),
    },
    Migration {
        version: 5,
        name: "vault",
        sql: include_str!("../../migrations/postgres/0005_vault.sql"),
    },
    Migration {
        version: 6,
        name: "revocations",
        sql: include_str!("../../migrations/postgres/0006_revocations.sql"),
    },
    Migration {
        version: 7,
        name: "grants",
        sql: include_str!("../../migrations/postgres/0007_grants.sql"),
    },
    Migration {
        version: 8,
        name: "audit_identity",
        sql: include_str!("../../migrations/postgres/0008_audit_identity.sql"),
    },
];

/// The oldest server that the schema is tested on: PostgreSQL 14 is the oldest that is maintained.
const OLDEST_SERVER: i64 = 140_000;

/// The version this release works with.
pub(super) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// The database's schema version, 0 for one without content. Changes nothing.
pub(super) async fn recognise(
    connection: &mut PgConnection,
    address: &PostgresAddress,
) -> Result<i64, StoreError> {
    // One statement, so that all of it is seen at one moment: another process may be creating
    // the schema. The comment on the table of versions marks the schema as ours.
    let row = sqlx::query(
        "WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
        SELECT
            current_setting('server_encoding') AS encoding,
            current_setting('server_version_num')::bigint AS server,
            EXISTS (SELECT FROM ours) AS has_schema,
            EXISTS (
                SELECT FROM pg_class AS c WHERE c.relnamespace IN (SELECT oid FROM ours)
                AND NOT EXISTS (
                    SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                        AND d.deptype = 'e'
                )
            ) AS has_content,
            EXISTS (
                SELECT FROM pg_class AS c
                WHERE c.relnamespace IN (SELECT oid FROM ours) AND c.relname = 'schema_version'
                    AND obj_description(c.oid, 'pg_class') = 'portcullis'
            ) AS is_ours",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(|error| failure::opening(address, error))?;
    let column = |error| failure::opening(address, error);
    let encoding: String = row.try_get("encoding").map_err(column)?;
    if encoding != "UTF8" {
        return Err(unfit(address, "its encoding is not UTF8"));
    }
    if row.try_get::<i64, _>("server").map_err(column)? < OLDEST_SERVER {
        return Err(unfit(address, "the server is older than PostgreSQL 14"));
    }
    if !row.try_get::<bool, _>("has_schema").map_err(column)? {
        return Err(unfit(address, "no schema of its search path exists"));
    }
    if !row.try_get::<bool, _>("has_content").map_err(column)? {
        return Ok(0);
    }
    if !row.try_get::<bool, _>("is_ours").map_err(column)? {
        return Err(StoreError::Foreign {
            path: PathBuf::from(address.shown()),
        });
    }
    let found = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM schema_version")
        .fetch_one(connection)
        .await
        .map_err(failure::translate)?;
    let known = newest();
    if found > known {
        return Err(StoreError::FromTheFuture { found, known });
    }
    Ok(found)
}

/// Applies the migrations that the database lacks, all of them or none. Other processes wait.
pub(super) async fn migrate(pool: &PgPool, address: &PostgresAddress) -> Result<(), StoreError> {
    let mut transaction = pool
        .begin()
        .await
        .map_err(|error| failure::opening(address, error))?;
    // A migration may take longer than a statement usually may.
    raw_sql(
        "SET LOCAL lock_timeout = '120s';
        SET LOCAL statement_timeout = 0;
        SELECT pg_advisory_xact_lock(1349481076, 0);",
    )
    .execute(&mut *transaction)
    .await
    .map_err(failure::translate)?;
    let found = recognise(&mut transaction, address).await?;
    if found == 0 {
        raw_sql(
            "CREATE TABLE schema_version (
                version BIGINT PRIMARY KEY,
                name TEXT NOT NULL,
                applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
            );
            COMMENT ON TABLE schema_version IS 'portcullis';",
        )
        .execute(&mut *transaction)
        .await
        .map_err(failure::translate)?;
    }
    for migration in MIGRATIONS
        .iter()
        .filter(|migration| migration.version > found)
    {
        raw_sql(migration.sql)
            .execute(&mut *transaction)
            .await
            .map_err(failure::translate)?;
        sqlx::query("INSERT INTO schema_version (version, name) VALUES ($1, $2)")
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

fn unfit(address: &PostgresAddress, why: &'static str) -> StoreError {
    StoreError::Open {
        path: PathBuf::from(address.shown()),
        source: Box::new(io::Error::other(why)),
    }
}

#[cfg(test)]
mod tests;
