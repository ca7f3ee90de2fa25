//! The audit trail in Postgres.

mod insert;

use std::path::Path;

use async_trait::async_trait;

use super::{Postgres, TRAIL, failure, plain, search};
use crate::{AuditEntry, AuditFilter, AuditRecord, AuditStore, StoreError};

#[async_trait]
impl AuditStore for Postgres {
    async fn append(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin_alone(TRAIL).await?;
        insert::records(&mut transaction, records).await?;
        transaction.commit().await.map_err(failure::translate)
    }

    async fn entries(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        let mut query = search::query(filter);
        let rows = query
            .build()
            .fetch_all(&self.readers)
            .await
            .map_err(failure::translate)?;
        rows.iter().map(search::entry).collect()
    }

    async fn unfinished(&self, opened_before: i64) -> Result<Vec<String>, StoreError> {
        let entries: Vec<String> = sqlx::query_scalar(
            "SELECT entry FROM audit_unfinished WHERE at_us < $1 ORDER BY entry",
        )
        .bind(opened_before)
        .fetch_all(&self.readers)
        .await
        .map_err(failure::translate)?;
        Ok(entries.into_iter().map(plain).collect())
    }

    fn journal_beside(&self) -> Option<&Path> {
        Some(&self.journal)
    }
}
