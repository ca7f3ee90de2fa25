//! Credentials, their keys and leases. Compiled for each database, see `sqlite.rs` and
//! `postgres.rs`.

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::rows::Columns;
use super::{Backend, Row, failure, text};
use crate::{
    CredentialFilter, CredentialKey, CredentialRecord, CredentialState, Resealed, SealedCredential,
    StoreError, VaultKey, VaultStore,
};

#[async_trait]
impl VaultStore for Backend {
    async fn add_credential(&self, credential: &SealedCredential) -> Result<bool, StoreError> {
        let SealedCredential { record, sealed } = credential;
        let added = sqlx::query(
            "INSERT INTO credential
                (id, tenant, principal, server, issuer, kind, sealed, key_id, version, state,
                created_us, updated_us, expires_us)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'active', $10, $11, $12)
            ON CONFLICT DO NOTHING",
        )
        .bind(text(&record.id))
        .bind(text(&record.key.tenant))
        .bind(text(&record.key.principal))
        .bind(text(&record.key.server))
        .bind(text(&record.key.issuer))
        .bind(text(&record.key.kind))
        .bind(sealed.as_slice())
        .bind(text(&record.key_id))
        .bind(record.version)
        .bind(record.created_us)
        .bind(record.updated_us)
        .bind(record.expires_us)
        .execute(&self.writer)
        .await
        .map_err(failure::translate)?;
        Ok(added.rows_affected() == 1)
    }

    async fn credential(
        &self,
        key: &CredentialKey,
    ) -> Result<Option<SealedCredential>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM credential
            WHERE tenant = $1 AND principal = $2 AND server = $3 AND issuer = $4 AND kind = $5
                AND state = 'active'",
        )
        .bind(text(&key.tenant))
        .bind(text(&key.principal))
        .bind(text(&key.server))
        .bind(text(&key.issuer))
        .bind(text(&key.kind))
        .fetch_optional(&self.readers)
        .await
        .map_err(failure::translate)?;
        row.as_ref().map(sealed).transpose()
    }

    async fn credential_by_id(&self, id: &str) -> Result<Option<SealedCredential>, StoreError> {
        let row = sqlx::query("SELECT * FROM credential WHERE id = $1")
            .bind(text(id))
            .fetch_optional(&self.readers)
            .await
            .map_err(failure::translate)?;
        row.as_ref().map(sealed).transpose()
    }

    async fn credentials(
        &self,
        filter: &CredentialFilter,
    ) -> Result<Vec<CredentialRecord>, StoreError> {
        let rows = listing(filter)
            .build()
            .fetch_all(&self.readers)
            .await
            .map_err(failure::translate)?;
        rows.iter().map(record).collect()
    }

    async fn replace_credential(
        &self,
        id: &str,
        version: i64,
        new: &Resealed,
    ) -> Result<bool, StoreError> {
        let replaced = sqlx::query(
            "UPDATE credential
            SET sealed = $3, key_id = $4, updated_us = $5, expires_us = $6, version = version + 1
            WHERE id = $1 AND version = $2 AND state = 'active'",
        )
        .bind(text(id))
        .bind(version)
        .bind(new.sealed.as_slice())
        .bind(text(&new.key_id))
        .bind(new.updated_us)
        .bind(new.expires_us)
        .execute(&self.writer)
        .await
        .map_err(failure::translate)?;
        Ok(replaced.rows_affected() == 1)
    }

    async fn revoke_credential(&self, id: &str, at_us: i64) -> Result<bool, StoreError> {
        let revoked = sqlx::query(
            "UPDATE credential
            SET state = 'revoked', sealed = $2, updated_us = $3, version = version + 1
            WHERE id = $1 AND state = 'active'",
        )
        .bind(text(id))
        .bind(b"".as_slice())
        .bind(at_us)
        .execute(&self.writer)
        .await
        .map_err(failure::translate)?;
        Ok(revoked.rows_affected() == 1)
    }

    async fn delete_credential(&self, id: &str) -> Result<bool, StoreError> {
        let deleted = sqlx::query("DELETE FROM credential WHERE id = $1")
            .bind(text(id))
            .execute(&self.writer)
            .await
            .map_err(failure::translate)?;
        Ok(deleted.rows_affected() == 1)
    }

    async fn credentials_not_under(
        &self,
        key_id: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<SealedCredential>, StoreError> {
        // No id is empty: the schema sees to it.
        let rows = sqlx::query(
            "SELECT * FROM credential
            WHERE state = 'active' AND key_id <> $1 AND id > $2 ORDER BY id LIMIT $3",
        )
        .bind(text(key_id))
        .bind(text(after.unwrap_or_default()))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.readers)
        .await
        .map_err(failure::translate)?;
        rows.iter().map(sealed).collect()
    }

    async fn add_vault_key(&self, key: &VaultKey) -> Result<bool, StoreError> {
        let added = sqlx::query(
            "INSERT INTO vault_key (id, provider, wrapped, created_us, retired_us)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (id) DO NOTHING",
        )
        .bind(text(&key.id))
        .bind(text(&key.provider))
        .bind(key.wrapped.as_slice())
        .bind(key.created_us)
        .bind(key.retired_us)
        .execute(&self.writer)
        .await
        .map_err(failure::translate)?;
        Ok(added.rows_affected() == 1)
    }

    async fn vault_keys(&self) -> Result<Vec<VaultKey>, StoreError> {
        let rows = sqlx::query("SELECT * FROM vault_key ORDER BY created_us, id")
            .fetch_all(&self.readers)
            .await
            .map_err(failure::translate)?;
        rows.iter().map(vault_key).collect()
    }

    async fn retire_vault_key(&self, id: &str, at_us: i64) -> Result<bool, StoreError> {
        let retired =
            sqlx::query("UPDATE vault_key SET retired_us = coalesce(retired_us, $2) WHERE id = $1")
                .bind(text(id))
                .bind(at_us)
                .execute(&self.writer)
                .await
                .map_err(failure::translate)?;
        Ok(retired.rows_affected() == 1)
    }

    async fn delete_vault_key(&self, id: &str) -> Result<bool, StoreError> {
        let deleted = sqlx::query(
            "DELETE FROM vault_key
            WHERE id = $1 AND retired_us IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM credential WHERE key_id = $1 AND state = 'active')",
        )
        .bind(text(id))
        .execute(&self.writer)
        .await
        .map_err(failure::translate)?;
        Ok(deleted.rows_affected() == 1)
    }

    async fn lease(
        &self,
        name: &str,
        holder: &str,
        now_us: i64,
        until_us: i64,
    ) -> Result<bool, StoreError> {
        let taken = sqlx::query(
            "INSERT INTO lease (name, holder, until_us) VALUES ($1, $2, $3)
            ON CONFLICT (name)
            DO UPDATE SET holder = excluded.holder, until_us = excluded.until_us
            WHERE lease.holder = excluded.holder OR lease.until_us <= $4",
        )
        .bind(text(name))
        .bind(text(holder))
        .bind(until_us)
        .bind(now_us)
        .execute(&self.writer)
        .await
        .map_err(failure::translate)?;
        Ok(taken.rows_affected() == 1)
    }

    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM lease WHERE name = $1 AND holder = $2")
            .bind(text(name))
            .bind(text(holder))
            .execute(&self.writer)
            .await
            .map(drop)
            .map_err(failure::translate)
    }
}

/// The query for what `filter` selects, without what is sealed.
fn listing(filter: &CredentialFilter) -> QueryBuilder<super::Db> {
    let mut query = QueryBuilder::new(
        "SELECT id, tenant, principal, server, issuer, kind, key_id, version, state,
            created_us, updated_us, expires_us
        FROM credential WHERE 1 = 1",
    );
    for (wanted, condition) in [
        (&filter.tenant, " AND tenant = "),
        (&filter.principal, " AND principal = "),
        (&filter.server, " AND server = "),
        (&filter.issuer, " AND issuer = "),
        (&filter.kind, " AND kind = "),
        (&filter.key_id, " AND key_id = "),
        (&filter.after, " AND id > "),
    ] {
        if let Some(wanted) = wanted {
            query.push(condition).push_bind(text(wanted).to_string());
        }
    }
    if let Some(state) = filter.state {
        query.push(" AND state = ").push_bind(state.as_str());
    }
    if let Some(end) = filter.expires_by_us {
        query.push(" AND expires_us <= ").push_bind(end);
    }
    query.push(" ORDER BY id");
    if let Some(limit) = filter.limit {
        query
            .push(" LIMIT ")
            .push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
    }
    query
}

fn sealed(row: &Row) -> Result<SealedCredential, StoreError> {
    Ok(SealedCredential {
        record: record(row)?,
        sealed: Columns(row).read("sealed")?,
    })
}

fn record(row: &Row) -> Result<CredentialRecord, StoreError> {
    let row = Columns(row);
    let state: String = row.read("state")?;
    Ok(CredentialRecord {
        id: row.read("id")?,
        key: CredentialKey {
            tenant: row.read("tenant")?,
            principal: row.read("principal")?,
            server: row.read("server")?,
            issuer: row.read("issuer")?,
            kind: row.read("kind")?,
        },
        key_id: row.read("key_id")?,
        version: row.read("version")?,
        state: CredentialState::parse(&state).ok_or(StoreError::Corrupt { column: "state" })?,
        created_us: row.read("created_us")?,
        updated_us: row.read("updated_us")?,
        expires_us: row.read("expires_us")?,
    })
}

fn vault_key(row: &Row) -> Result<VaultKey, StoreError> {
    let row = Columns(row);
    Ok(VaultKey {
        id: row.read("id")?,
        provider: row.read("provider")?,
        wrapped: row.read("wrapped")?,
        created_us: row.read("created_us")?,
        retired_us: row.read("retired_us")?,
    })
}
