//! Revocations. Compiled for each database, see `sqlite.rs` and `postgres.rs`.

use async_trait::async_trait;

use super::rows::Columns;
use super::{Backend, Connection, Row, failure, text};
use crate::{Revocation, RevocationKind, RevocationStore, StoreError};

#[async_trait]
impl RevocationStore for Backend {
    async fn revoke(&self, revocation: &Revocation) -> Result<i64, StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO revocation (kind, subject, at_us, reason, revoked_by, expires_us)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (kind, subject) DO UPDATE SET
                reason = CASE WHEN excluded.at_us >= revocation.at_us
                    THEN excluded.reason ELSE revocation.reason END,
                revoked_by = CASE WHEN excluded.at_us >= revocation.at_us
                    THEN excluded.revoked_by ELSE revocation.revoked_by END,
                at_us = CASE WHEN excluded.at_us >= revocation.at_us
                    THEN excluded.at_us ELSE revocation.at_us END,
                expires_us = CASE
                    WHEN revocation.expires_us IS NULL THEN NULL
                    WHEN excluded.expires_us < revocation.expires_us THEN revocation.expires_us
                    ELSE excluded.expires_us END",
        )
        .bind(revocation.kind.as_str())
        .bind(text(&revocation.key))
        .bind(revocation.at_us)
        .bind(text(&revocation.reason))
        .bind(text(&revocation.by))
        .bind(revocation.expires_us)
        .execute(&mut *transaction)
        .await
        .map_err(failure::translate)?;
        let generation = next_generation(&mut transaction).await?;
        transaction.commit().await.map_err(failure::translate)?;
        Ok(generation)
    }

    async fn revocations(&self, now_us: i64) -> Result<Vec<Revocation>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM revocation WHERE expires_us IS NULL OR expires_us > $1
            ORDER BY kind, subject",
        )
        .bind(now_us)
        .fetch_all(&self.readers)
        .await
        .map_err(failure::translate)?;
        rows.iter().map(revocation).collect()
    }

    async fn lift_revocation(&self, kind: RevocationKind, key: &str) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let lifted = sqlx::query("DELETE FROM revocation WHERE kind = $1 AND subject = $2")
            .bind(kind.as_str())
            .bind(text(key))
            .execute(&mut *transaction)
            .await
            .map_err(failure::translate)?;
        let lifted = lifted.rows_affected() == 1;
        if lifted {
            next_generation(&mut transaction).await?;
        }
        transaction.commit().await.map_err(failure::translate)?;
        Ok(lifted)
    }

    async fn revocation_generation(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT generation FROM revocation_generation")
            .fetch_one(&self.readers)
            .await
            .map_err(failure::translate)
    }

    async fn purge_revocations(&self, now_us: i64) -> Result<u64, StoreError> {
        let purged = sqlx::query("DELETE FROM revocation WHERE expires_us <= $1")
            .bind(now_us)
            .execute(&self.writer)
            .await
            .map_err(failure::translate)?;
        Ok(purged.rows_affected())
    }
}

async fn next_generation(connection: &mut Connection) -> Result<i64, StoreError> {
    sqlx::query_scalar(
        "UPDATE revocation_generation SET generation = generation + 1 RETURNING generation",
    )
    .fetch_one(connection)
    .await
    .map_err(failure::translate)
}

fn revocation(row: &Row) -> Result<Revocation, StoreError> {
    let row = Columns(row);
    let kind: String = row.read("kind")?;
    Ok(Revocation {
        kind: RevocationKind::parse(&kind).ok_or(StoreError::Corrupt { column: "kind" })?,
        key: row.read("subject")?,
        at_us: row.read("at_us")?,
        reason: row.read("reason")?,
        by: row.read("revoked_by")?,
        expires_us: row.read("expires_us")?,
    })
}
