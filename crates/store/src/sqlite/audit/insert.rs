//! Adding records, many to a statement: the way to SQLite and back costs more than a row does.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{AssertSqlSafe, Sqlite};

use super::super::{actors, failure, search};
use crate::{AuditRecord, Closed, Opened, StoreError};

type Query = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

/// The columns that [`bind_opened`] and [`bind_closed`] fill, in their order.
const COLUMNS: [&str; 35] = [
    "kind",
    "entry",
    "at_us",
    "principal",
    "principal_kind",
    "authentication",
    "issuer",
    "application",
    "actors",
    "token",
    "profile",
    "server",
    "target",
    "definition",
    "client",
    "transport",
    "era",
    "protocol_version",
    "direction",
    "method",
    "rpc_id",
    "arguments_digest",
    "trace",
    "remote",
    "decision",
    "policies",
    "policy_version",
    "reason",
    "outcome",
    "verdict",
    "findings",
    "result_digest",
    "bytes_in",
    "bytes_out",
    "timings_us",
];

/// How many rows one statement adds: as many of the first as fit, then of the next. Few sizes,
/// so that every statement is prepared once.
static STATEMENTS: LazyLock<[(usize, Arc<str>); 3]> =
    LazyLock::new(|| [64, 8, 1].map(|rows| (rows, statement(rows))));

fn statement(rows: usize) -> Arc<str> {
    let row = format!("({})", ["?"; COLUMNS.len()].join(", "));
    let rows = vec![row; rows].join(", ");
    let columns = COLUMNS.join(", ");
    format!("INSERT INTO audit_record ({columns}) VALUES {rows}").into()
}

/// Adds `records` in order and keeps the list of unfinished entries.
pub(super) async fn records(
    connection: &mut SqliteConnection,
    records: &[AuditRecord],
) -> Result<(), StoreError> {
    let mut unfinished = Unfinished::default();
    let mut rest = records;
    while !rest.is_empty() {
        let fitting = STATEMENTS
            .iter()
            .find_map(|(rows, sql)| Some((rest.split_at_checked(*rows)?, sql)));
        let Some(((rows, behind), sql)) = fitting else {
            break;
        };
        insert(connection, rows, sql, &mut unfinished).await?;
        rest = behind;
    }
    unfinished.write(connection).await
}

async fn insert(
    connection: &mut SqliteConnection,
    rows: &[AuditRecord],
    sql: &Arc<str>,
    unfinished: &mut Unfinished,
) -> Result<(), StoreError> {
    match execute(connection, rows, sql).await {
        Ok(()) => {
            for record in rows {
                unfinished.note(record);
            }
            Ok(())
        }
        // A refused statement ends itself, not the transaction: row by row shows which it was.
        Err(StoreError::DuplicateEntry { .. } | StoreError::UnknownEntry { .. }) => {
            for record in rows {
                if insert_one(connection, record).await? {
                    unfinished.note(record);
                }
            }
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Inserts `record`, unless it is an opening that is there already, word for word. Says whether
/// it was inserted.
async fn insert_one(
    connection: &mut SqliteConnection,
    record: &AuditRecord,
) -> Result<bool, StoreError> {
    let [.., (_, sql)] = &*STATEMENTS;
    let inserted = execute(connection, std::slice::from_ref(record), sql).await;
    let (Err(StoreError::DuplicateEntry { entry }), AuditRecord::Opened(opened)) =
        (&inserted, record)
    else {
        return inserted.map(|()| true);
    };
    let stored = sqlx::query("SELECT * FROM audit_record WHERE entry = ? AND kind = 'opened'")
        .bind(entry.as_str())
        .fetch_one(connection)
        .await
        .map_err(failure::translate)?;
    if search::opened(&stored)? == *opened {
        Ok(false)
    } else {
        inserted.map(|()| true)
    }
}

async fn execute(
    connection: &mut SqliteConnection,
    rows: &[AuditRecord],
    sql: &Arc<str>,
) -> Result<(), StoreError> {
    let mut query = sqlx::query(AssertSqlSafe(Arc::clone(sql)));
    for record in rows {
        query = match record {
            AuditRecord::Opened(opened) => bind_opened(query, opened),
            AuditRecord::Closed(closed) => bind_closed(query, closed),
        };
    }
    let executed = query.execute(connection).await;
    executed.map(drop).map_err(|error| refused(error, rows))
}

/// The texts are those of the trigger in `0004_audit_cost.sql`. Which of several rows was
/// refused is not known; the error names the first.
fn refused(error: sqlx::Error, rows: &[AuditRecord]) -> StoreError {
    let entry = || rows.first().map_or("", AuditRecord::entry).to_owned();
    match failure::refusal(&error) {
        Some("audit entry is already open") => StoreError::DuplicateEntry { entry: entry() },
        Some("audit entry was never opened") => StoreError::UnknownEntry { entry: entry() },
        _ => failure::translate(error),
    }
}

fn bind_opened(query: Query, opened: &Opened) -> Query {
    let query = query
        .bind("opened")
        .bind(opened.entry.as_str())
        .bind(opened.at_us)
        .bind(opened.principal.as_deref())
        .bind(opened.principal_kind.as_deref())
        .bind(opened.authentication.as_deref())
        .bind(opened.issuer.as_deref())
        .bind(opened.application.as_deref())
        .bind(actors::stored(&opened.actors))
        .bind(opened.token.as_deref())
        .bind(opened.profile.as_deref())
        .bind(opened.server.as_deref())
        .bind(opened.target.as_deref())
        .bind(opened.definition.as_deref())
        .bind(opened.client.as_deref())
        .bind(opened.transport.as_str())
        .bind(opened.era.as_deref())
        .bind(opened.protocol_version.as_deref())
        .bind(opened.direction.as_str())
        .bind(opened.method.as_str())
        .bind(opened.rpc_id.as_deref())
        .bind(opened.arguments_digest.as_deref())
        .bind(opened.trace.as_deref())
        .bind(opened.remote.as_deref());
    bind_nulls(query, 11)
}

fn bind_closed(query: Query, closed: &Closed) -> Query {
    let query = query
        .bind("closed")
        .bind(closed.entry.as_str())
        .bind(closed.at_us)
        .bind(closed.principal.as_deref())
        .bind(closed.principal_kind.as_deref())
        .bind(closed.authentication.as_deref())
        .bind(closed.issuer.as_deref())
        .bind(closed.application.as_deref())
        .bind(actors::stored(&closed.actors))
        .bind(closed.token.as_deref())
        .bind(closed.profile.as_deref())
        .bind(closed.server.as_deref())
        .bind(closed.target.as_deref())
        .bind(closed.definition.as_deref());
    bind_nulls(query, 10)
        .bind(closed.decision.as_str())
        .bind(serde_json::json!(closed.policies).to_string())
        .bind(closed.policy_version.as_deref())
        .bind(closed.reason.as_deref())
        .bind(closed.outcome.as_str())
        .bind(closed.verdict.as_deref())
        .bind(closed.findings.to_string())
        .bind(closed.result_digest.as_deref())
        .bind(i64::try_from(closed.bytes_in).unwrap_or(i64::MAX))
        .bind(i64::try_from(closed.bytes_out).unwrap_or(i64::MAX))
        .bind(closed.timings_us.to_string())
}

fn bind_nulls(query: Query, count: usize) -> Query {
    (0..count).fold(query, |query, _| query.bind(None::<&str>))
}

/// What a batch changes in the list of unfinished entries.
#[derive(Default)]
struct Unfinished {
    opened: HashMap<String, i64>,
    closed: HashSet<String>,
}

impl Unfinished {
    fn note(&mut self, record: &AuditRecord) {
        match record {
            AuditRecord::Opened(opened) => {
                self.opened.insert(opened.entry.clone(), opened.at_us);
            }
            AuditRecord::Closed(closed) => {
                if self.opened.remove(&closed.entry).is_none() {
                    self.closed.insert(closed.entry.clone());
                }
            }
        }
    }

    async fn write(self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        if !self.opened.is_empty() {
            let opened: Vec<(String, i64)> = self.opened.into_iter().collect();
            sqlx::query(
                "INSERT INTO audit_unfinished (entry, at_us)
                SELECT value ->> 0, value ->> 1 FROM json_each(?)",
            )
            .bind(serde_json::json!(opened).to_string())
            .execute(&mut *connection)
            .await
            .map_err(failure::translate)?;
        }
        if !self.closed.is_empty() {
            sqlx::query(
                "DELETE FROM audit_unfinished WHERE entry IN (SELECT value FROM json_each(?))",
            )
            .bind(serde_json::json!(self.closed).to_string())
            .execute(connection)
            .await
            .map_err(failure::translate)?;
        }
        Ok(())
    }
}
