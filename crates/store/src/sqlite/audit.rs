//! The audit trail in SQLite.

mod search;

use async_trait::async_trait;
use serde_json::json;
use sqlx::sqlite::SqliteConnection;

use super::{Sqlite, failure};
use crate::{AuditEntry, AuditFilter, AuditRecord, AuditStore, Closed, Opened, StoreError};

#[async_trait]
impl AuditStore for Sqlite {
    async fn append(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        for record in records {
            match record {
                AuditRecord::Opened(opened) => open_once(&mut transaction, opened).await?,
                AuditRecord::Closed(closed) => insert_closed(&mut transaction, closed).await?,
            }
        }
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
        sqlx::query_scalar("SELECT entry FROM audit_unfinished WHERE at_us < ? ORDER BY entry")
            .bind(opened_before)
            .fetch_all(&self.readers)
            .await
            .map_err(failure::translate)
    }
}

/// Inserts `opened`, unless it is there already, word for word.
async fn open_once(connection: &mut SqliteConnection, opened: &Opened) -> Result<(), StoreError> {
    // A refused statement ends itself, not the transaction.
    let inserted = insert_opened(&mut *connection, opened).await;
    let Err(StoreError::DuplicateEntry { entry }) = inserted else {
        return inserted;
    };
    let stored = sqlx::query("SELECT * FROM audit_record WHERE entry = ? AND kind = 'opened'")
        .bind(entry.as_str())
        .fetch_one(connection)
        .await
        .map_err(failure::translate)?;
    if search::opened(&stored)? == *opened {
        Ok(())
    } else {
        Err(StoreError::DuplicateEntry { entry })
    }
}

async fn insert_opened(
    connection: &mut SqliteConnection,
    opened: &Opened,
) -> Result<(), StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO audit_record (
            kind, entry, at_us, principal, principal_kind, authentication, client, profile,
            transport, era, protocol_version, direction, method, rpc_id, server, target,
            definition, arguments_digest, trace, remote
        ) VALUES ('opened', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(opened.entry.as_str())
    .bind(opened.at_us)
    .bind(opened.principal.as_deref())
    .bind(opened.principal_kind.as_deref())
    .bind(opened.authentication.as_deref())
    .bind(opened.client.as_deref())
    .bind(opened.profile.as_deref())
    .bind(opened.transport.as_str())
    .bind(opened.era.as_deref())
    .bind(opened.protocol_version.as_deref())
    .bind(opened.direction.as_str())
    .bind(opened.method.as_str())
    .bind(opened.rpc_id.as_deref())
    .bind(opened.server.as_deref())
    .bind(opened.target.as_deref())
    .bind(opened.definition.as_deref())
    .bind(opened.arguments_digest.as_deref())
    .bind(opened.trace.as_deref())
    .bind(opened.remote.as_deref())
    .execute(connection)
    .await;
    inserted
        .map(drop)
        .map_err(|error| refused(error, &opened.entry))
}

async fn insert_closed(
    connection: &mut SqliteConnection,
    closed: &Closed,
) -> Result<(), StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO audit_record (
            kind, entry, at_us, decision, policies, policy_version, reason, outcome, verdict,
            findings, result_digest, bytes_in, bytes_out, timings_us, principal,
            principal_kind, authentication, profile, server, target, definition
        ) VALUES ('closed', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(closed.entry.as_str())
    .bind(closed.at_us)
    .bind(closed.decision.as_str())
    .bind(json!(closed.policies).to_string())
    .bind(closed.policy_version.as_deref())
    .bind(closed.reason.as_deref())
    .bind(closed.outcome.as_str())
    .bind(closed.verdict.as_deref())
    .bind(closed.findings.to_string())
    .bind(closed.result_digest.as_deref())
    .bind(i64::try_from(closed.bytes_in).unwrap_or(i64::MAX))
    .bind(i64::try_from(closed.bytes_out).unwrap_or(i64::MAX))
    .bind(closed.timings_us.to_string())
    .bind(closed.principal.as_deref())
    .bind(closed.principal_kind.as_deref())
    .bind(closed.authentication.as_deref())
    .bind(closed.profile.as_deref())
    .bind(closed.server.as_deref())
    .bind(closed.target.as_deref())
    .bind(closed.definition.as_deref())
    .execute(connection)
    .await;
    inserted
        .map(drop)
        .map_err(|error| refused(error, &closed.entry))
}

/// The texts are those of the triggers in `0001_audit.sql`.
fn refused(error: sqlx::Error, entry: &str) -> StoreError {
    match failure::refusal(&error) {
        Some("audit entry is already open") => StoreError::DuplicateEntry {
            entry: entry.to_owned(),
        },
        Some("audit entry was never opened") => StoreError::UnknownEntry {
            entry: entry.to_owned(),
        },
        _ => failure::translate(error),
    }
}
