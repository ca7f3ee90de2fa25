//! Ended sessions and shared secrets. Compiled for each database, see `sqlite.rs` and
//! `postgres.rs`.

use async_trait::async_trait;

use super::{Backend, failure, plain, text};
use crate::{SessionStore, StoreError};

#[async_trait]
impl SessionStore for Backend {
    async fn terminate(&self, session: &str, expires_us: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO terminated_session (session, expires_us) VALUES ($1, $2)
            ON CONFLICT (session)
            DO UPDATE SET expires_us = excluded.expires_us
            WHERE excluded.expires_us > terminated_session.expires_us",
        )
        .bind(text(session))
        .bind(expires_us)
        .execute(&self.writer)
        .await
        .map(drop)
        .map_err(failure::translate)
    }

    async fn is_terminated(&self, session: &str) -> Result<bool, StoreError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM terminated_session WHERE session = $1)")
            .bind(text(session))
            .fetch_one(&self.readers)
            .await
            .map_err(failure::translate)
    }

    async fn terminated(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let ended: Vec<(String, i64)> =
            sqlx::query_as("SELECT session, expires_us FROM terminated_session ORDER BY session")
                .fetch_all(&self.readers)
                .await
                .map_err(failure::translate)?;
        Ok(ended
            .into_iter()
            .map(|(session, expires_us)| (plain(session), expires_us))
            .collect())
    }

    async fn purge(&self, now_us: i64) -> Result<u64, StoreError> {
        let purged = sqlx::query("DELETE FROM terminated_session WHERE expires_us <= $1")
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
        const STORED: &str = "SELECT value FROM shared_secret WHERE name = $1";
        let stored = sqlx::query_scalar(STORED)
            .bind(text(name))
            .fetch_optional(&self.readers)
            .await
            .map_err(failure::translate)?;
        if let Some(value) = stored {
            return Ok(value);
        }
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO shared_secret (name, value) VALUES ($1, $2)
            ON CONFLICT (name) DO NOTHING",
        )
        .bind(text(name))
        .bind(make())
        .execute(&mut *transaction)
        .await
        .map_err(failure::translate)?;
        // Another process may have been first: what is stored counts, not what was made.
        let value = sqlx::query_scalar(STORED)
            .bind(text(name))
            .fetch_one(&mut *transaction)
            .await
            .map_err(failure::translate)?;
        transaction.commit().await.map_err(failure::translate)?;
        Ok(value)
    }
}
