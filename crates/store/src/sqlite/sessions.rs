//! Ended sessions and shared secrets in SQLite.

use async_trait::async_trait;

use super::{Sqlite, failure};
use crate::{SessionStore, StoreError};

#[async_trait]
impl SessionStore for Sqlite {
    async fn terminate(&self, session: &str, expires_us: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO terminated_session (session, expires_us) VALUES (?, ?)
            ON CONFLICT (session)
            DO UPDATE SET expires_us = max(expires_us, excluded.expires_us)",
        )
        .bind(session)
        .bind(expires_us)
        .execute(&self.writer)
        .await
        .map(drop)
        .map_err(failure::translate)
    }

    async fn is_terminated(&self, session: &str) -> Result<bool, StoreError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM terminated_session WHERE session = ?)")
            .bind(session)
            .fetch_one(&self.readers)
            .await
            .map_err(failure::translate)
    }

    async fn terminated(&self) -> Result<Vec<(String, i64)>, StoreError> {
        sqlx::query_as("SELECT session, expires_us FROM terminated_session ORDER BY session")
            .fetch_all(&self.readers)
            .await
            .map_err(failure::translate)
    }

    async fn purge(&self, now_us: i64) -> Result<u64, StoreError> {
        let purged = sqlx::query("DELETE FROM terminated_session WHERE expires_us <= ?")
            .bind(now_us)
            .execute(&self.writer)
            .await
            .map_err(failure::translate)?;
        Ok(purged.rows_affected())
    }

    async fn secret(
        &self,
        name: &str,
        make: &(dyn Fn() -> Vec<u8> + Send + Sync),
    ) -> Result<Vec<u8>, StoreError> {
        const STORED: &str = "SELECT value FROM shared_secret WHERE name = ?";
        let stored = sqlx::query_scalar(STORED)
            .bind(name)
            .fetch_optional(&self.readers)
            .await
            .map_err(failure::translate)?;
        if let Some(value) = stored {
            return Ok(value);
        }
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO shared_secret (name, value) VALUES (?, ?)
            ON CONFLICT (name) DO NOTHING",
        )
        .bind(name)
        .bind(make())
        .execute(&mut *transaction)
        .await
        .map_err(failure::translate)?;
        // Another process may have been first: what is stored counts, not what was made.
        let value = sqlx::query_scalar(STORED)
            .bind(name)
            .fetch_one(&mut *transaction)
            .await
            .map_err(failure::translate)?;
        transaction.commit().await.map_err(failure::translate)?;
        Ok(value)
    }
}
