//! The definition registry. Compiled for each database, see `sqlite.rs` and `postgres.rs`.

use async_trait::async_trait;

use super::rows::Columns;
use super::{Backend, Connection, Row, failure, plain, text};
use crate::{
    Decided, Decision, DefinitionKey, DefinitionRecord, Observation, RegistryStore, State,
    StoreError,
};

/// The last sight of a known version is written at most this often.
const LAST_SEEN_STEP_US: i64 = 60_000_000;

#[async_trait]
impl RegistryStore for Backend {
    async fn load(&self) -> Result<Vec<DefinitionRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM definition_version
            ORDER BY server, kind, name, first_seen_us, hash",
        )
        .fetch_all(&self.readers)
        .await
        .map_err(failure::translate)?;
        rows.iter().map(record).collect()
    }

    async fn observe(&self, seen: &[Observation], at_us: i64) -> Result<(), StoreError> {
        if seen.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let mut grown = false;
        for observation in seen {
            match insert_version(&mut transaction, observation, at_us).await? {
                Some(state) => {
                    let first = Change {
                        by: None,
                        from: None,
                        to: state,
                        at_us,
                        note: None,
                    };
                    append_history(&mut transaction, &observation.key, &observation.hash, first)
                        .await?;
                    grown = true;
                }
                None => touch_version(&mut transaction, observation, at_us).await?,
            }
        }
        if grown {
            next_generation(&mut transaction).await?;
        }
        transaction.commit().await.map_err(failure::translate)
    }

    async fn decide(
        &self,
        key: &DefinitionKey,
        hash: &str,
        state: State,
        by: &str,
        at_us: i64,
        note: Option<&str>,
    ) -> Result<Decided, StoreError> {
        let mut transaction = self.begin().await?;
        let previous = state_of(&mut transaction, key, hash)
            .await?
            .ok_or(StoreError::UnknownDefinition)?;
        let mut withdrawn = None;
        if state == State::Approved {
            withdrawn = approved_beside(&mut transaction, key, hash).await?;
            if let Some(other) = &withdrawn {
                let change = Change {
                    from: Some(State::Approved),
                    to: State::Withdrawn,
                    by: Some(by),
                    at_us,
                    note,
                };
                set_state(&mut transaction, key, other, change).await?;
            }
        }
        let change = Change {
            from: Some(previous),
            to: state,
            by: Some(by),
            at_us,
            note,
        };
        set_state(&mut transaction, key, hash, change).await?;
        let generation = next_generation(&mut transaction).await?;
        transaction.commit().await.map_err(failure::translate)?;
        Ok(Decided {
            previous,
            withdrawn,
            generation,
        })
    }

    async fn history(&self, key: &DefinitionKey) -> Result<Vec<Decision>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM definition_history
            WHERE server = $1 AND kind = $2 AND name = $3 ORDER BY seq",
        )
        .bind(text(&key.server))
        .bind(text(&key.kind))
        .bind(text(&key.name))
        .fetch_all(&self.readers)
        .await
        .map_err(failure::translate)?;
        rows.iter().map(decision).collect()
    }

    async fn generation(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT generation FROM definition_generation")
            .fetch_one(&self.readers)
            .await
            .map_err(failure::translate)
    }
}

/// One step in a version's life.
#[derive(Clone, Copy)]
struct Change<'a> {
    from: Option<State>,
    to: State,
    by: Option<&'a str>,
    at_us: i64,
    note: Option<&'a str>,
}

/// Stores a version that is new; returns the state it got, `None` for a known version.
async fn insert_version(
    connection: &mut Connection,
    observation: &Observation,
    at_us: i64,
) -> Result<Option<State>, StoreError> {
    let Observation {
        key,
        hash,
        text: definition,
        state,
        findings,
    } = observation;
    let approved_other = match state {
        State::Approved => approved_beside(&mut *connection, key, hash).await?,
        _ => None,
    };
    let state = if approved_other.is_some() {
        State::Quarantined
    } else {
        *state
    };
    let inserted = sqlx::query(
        "INSERT INTO definition_version
            (server, kind, name, hash, text, state, first_seen_us, last_seen_us, findings)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (server, kind, name, hash) DO NOTHING",
    )
    .bind(text(&key.server))
    .bind(text(&key.kind))
    .bind(text(&key.name))
    .bind(text(hash))
    .bind(text(definition))
    .bind(state.as_str())
    .bind(at_us)
    .bind(at_us)
    .bind(findings.to_string())
    .execute(connection)
    .await
    .map_err(failure::translate)?;
    Ok((inserted.rows_affected() == 1).then_some(state))
}

async fn touch_version(
    connection: &mut Connection,
    observation: &Observation,
    at_us: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE definition_version SET last_seen_us = $1
        WHERE server = $2 AND kind = $3 AND name = $4 AND hash = $5 AND last_seen_us <= $6",
    )
    .bind(at_us)
    .bind(text(&observation.key.server))
    .bind(text(&observation.key.kind))
    .bind(text(&observation.key.name))
    .bind(text(&observation.hash))
    .bind(at_us.saturating_sub(LAST_SEEN_STEP_US))
    .execute(connection)
    .await
    .map(drop)
    .map_err(failure::translate)
}

async fn state_of(
    connection: &mut Connection,
    key: &DefinitionKey,
    hash: &str,
) -> Result<Option<State>, StoreError> {
    let row = sqlx::query(
        "SELECT state FROM definition_version
        WHERE server = $1 AND kind = $2 AND name = $3 AND hash = $4",
    )
    .bind(text(&key.server))
    .bind(text(&key.kind))
    .bind(text(&key.name))
    .bind(text(hash))
    .fetch_optional(connection)
    .await
    .map_err(failure::translate)?;
    row.map(|row| Columns(&row).state("state")).transpose()
}

/// The hash of the approved version of `key`, if that is another than `hash`.
async fn approved_beside(
    connection: &mut Connection,
    key: &DefinitionKey,
    hash: &str,
) -> Result<Option<String>, StoreError> {
    sqlx::query_scalar(
        "SELECT hash FROM definition_version
        WHERE server = $1 AND kind = $2 AND name = $3 AND hash <> $4 AND state = 'approved'",
    )
    .bind(text(&key.server))
    .bind(text(&key.kind))
    .bind(text(&key.name))
    .bind(text(hash))
    .fetch_optional(connection)
    .await
    .map(|found| found.map(plain))
    .map_err(failure::translate)
}

async fn set_state(
    connection: &mut Connection,
    key: &DefinitionKey,
    hash: &str,
    change: Change<'_>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE definition_version
        SET state = $1, decided_by = $2, decided_at_us = $3, note = $4
        WHERE server = $5 AND kind = $6 AND name = $7 AND hash = $8",
    )
    .bind(change.to.as_str())
    .bind(change.by.map(text))
    .bind(change.at_us)
    .bind(change.note.map(text))
    .bind(text(&key.server))
    .bind(text(&key.kind))
    .bind(text(&key.name))
    .bind(text(hash))
    .execute(&mut *connection)
    .await
    .map_err(failure::translate)?;
    append_history(connection, key, hash, change).await
}

async fn append_history(
    connection: &mut Connection,
    key: &DefinitionKey,
    hash: &str,
    change: Change<'_>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO definition_history
            (server, kind, name, hash, state_before, state_after, decided_by, at_us, note)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(text(&key.server))
    .bind(text(&key.kind))
    .bind(text(&key.name))
    .bind(text(hash))
    .bind(change.from.map(State::as_str))
    .bind(change.to.as_str())
    .bind(change.by.map(text))
    .bind(change.at_us)
    .bind(change.note.map(text))
    .execute(connection)
    .await
    .map(drop)
    .map_err(failure::translate)
}

async fn next_generation(connection: &mut Connection) -> Result<i64, StoreError> {
    sqlx::query_scalar(
        "UPDATE definition_generation SET generation = generation + 1 RETURNING generation",
    )
    .fetch_one(connection)
    .await
    .map_err(failure::translate)
}

fn record(row: &Row) -> Result<DefinitionRecord, StoreError> {
    let row = Columns(row);
    Ok(DefinitionRecord {
        key: key(&row)?,
        hash: row.read("hash")?,
        text: row.read("text")?,
        state: row.state("state")?,
        first_seen_us: row.read("first_seen_us")?,
        last_seen_us: row.read("last_seen_us")?,
        decided_by: row.read("decided_by")?,
        decided_at_us: row.read("decided_at_us")?,
        findings: row.json("findings")?,
        note: row.read("note")?,
    })
}

fn decision(row: &Row) -> Result<Decision, StoreError> {
    let row = Columns(row);
    Ok(Decision {
        seq: row.read("seq")?,
        key: key(&row)?,
        hash: row.read("hash")?,
        from: row.optional_state("state_before")?,
        to: row.state("state_after")?,
        by: row.read("decided_by")?,
        at_us: row.read("at_us")?,
        note: row.read("note")?,
    })
}

fn key(row: &Columns<'_>) -> Result<DefinitionKey, StoreError> {
    Ok(DefinitionKey {
        server: row.read("server")?,
        kind: row.read("kind")?,
        name: row.read("name")?,
    })
}
