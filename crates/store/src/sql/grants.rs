//! One-time values and consents. Compiled for each database, see `sqlite.rs` and `postgres.rs`.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::rows::Columns;
use super::{Backend, Row, failure, text};
use crate::{Consent, ConsentKey, GrantStore, StoreError};

#[async_trait]
impl GrantStore for Backend {
    async fn put_once(&self, key: &str, value: &[u8], expires_us: i64) -> Result<bool, StoreError> {
        let put = sqlx::query(
            "INSERT INTO one_time_value (name, value, expires_us) VALUES ($1, $2, $3)
            ON CONFLICT (name) DO NOTHING",
        )
        .bind(text(key))
        .bind(value)
        .bind(expires_us)
        .execute(&self.writer)
        .await
        .map_err(failure::translate)?;
        Ok(put.rows_affected() == 1)
    }

    async fn take(&self, key: &str, now_us: i64) -> Result<Option<Vec<u8>>, StoreError> {
        // One statement, so that of two takers one finds nothing to delete.
        let taken =
            sqlx::query("DELETE FROM one_time_value WHERE name = $1 RETURNING value, expires_us")
                .bind(text(key))
                .fetch_optional(&self.writer)
                .await
                .map_err(failure::translate)?;
        let Some(row) = taken else { return Ok(None) };
        let row = Columns(&row);
        let expires_us: i64 = row.read("expires_us")?;
        let value = row.read("value")?;
        Ok((expires_us > now_us).then_some(value))
    }

    async fn purge_grants(&self, now_us: i64) -> Result<u64, StoreError> {
        let mut purged = 0;
        for statement in [
            "DELETE FROM one_time_value WHERE expires_us <= $1",
            "DELETE FROM consent WHERE expires_us <= $1",
        ] {
            purged += sqlx::query(statement)
                .bind(now_us)
                .execute(&self.writer)
                .await
                .map_err(failure::translate)?
                .rows_affected();
        }
        Ok(purged)
    }

    async fn put_consent(&self, consent: &Consent) -> Result<(), StoreError> {
        let Consent {
            key,
            granted,
            at_us,
            expires_us,
        } = consent;
        sqlx::query(
            "INSERT INTO consent (principal, client, redirect, scopes, granted, at_us, expires_us)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (principal, client, redirect, scopes) DO UPDATE SET
                granted = excluded.granted, at_us = excluded.at_us,
                expires_us = excluded.expires_us",
        )
        .bind(text(&key.principal))
        .bind(text(&key.client))
        .bind(text(&key.redirect))
        .bind(scopes(&key.scopes))
        .bind(*granted)
        .bind(*at_us)
        .bind(*expires_us)
        .execute(&self.writer)
        .await
        .map(drop)
        .map_err(failure::translate)
    }

    async fn consent(&self, key: &ConsentKey, now_us: i64) -> Result<Option<Consent>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM consent
            WHERE principal = $1 AND client = $2 AND redirect = $3 AND scopes = $4
                AND (expires_us IS NULL OR expires_us > $5)",
        )
        .bind(text(&key.principal))
        .bind(text(&key.client))
        .bind(text(&key.redirect))
        .bind(scopes(&key.scopes))
        .bind(now_us)
        .fetch_optional(&self.readers)
        .await
        .map_err(failure::translate)?;
        row.as_ref().map(consent).transpose()
    }

    async fn consents(&self, principal: Option<&str>) -> Result<Vec<Consent>, StoreError> {
        const ORDER: &str = " ORDER BY principal, client, redirect, scopes";
        let mut query = sqlx::QueryBuilder::new("SELECT * FROM consent");
        if let Some(principal) = principal {
            query
                .push(" WHERE principal = ")
                .push_bind(text(principal).to_string());
        }
        let rows = query
            .push(ORDER)
            .build()
            .fetch_all(&self.readers)
            .await
            .map_err(failure::translate)?;
        rows.iter().map(consent).collect()
    }

    async fn delete_consents(&self, principal: &str, client: &str) -> Result<u64, StoreError> {
        let deleted = sqlx::query("DELETE FROM consent WHERE principal = $1 AND client = $2")
            .bind(text(principal))
            .bind(text(client))
            .execute(&self.writer)
            .await
            .map_err(failure::translate)?;
        Ok(deleted.rows_affected())
    }
}

/// The one form in which a set of scopes is stored: a JSON array in the order of the set.
fn scopes(set: &BTreeSet<String>) -> String {
    serde_json::json!(set).to_string()
}

fn consent(row: &Row) -> Result<Consent, StoreError> {
    let row = Columns(row);
    Ok(Consent {
        key: ConsentKey {
            principal: row.read("principal")?,
            client: row.read("client")?,
            redirect: row.read("redirect")?,
            scopes: row.json("scopes")?,
        },
        granted: row.read("granted")?,
        at_us: row.read("at_us")?,
        expires_us: row.read("expires_us")?,
    })
}
