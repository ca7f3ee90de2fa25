//! Adding records, all of a batch in one statement: the way to the server and back costs more than
//! a row does.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::super::{actors, failure, plain, search, text};
use crate::{AuditRecord, Closed, Opened, StoreError};

/// The text columns that [`opened_cells`] and [`closed_cells`] fill, in their order.
const TEXTS: [&str; 32] = [
    "kind",
    "entry",
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
    "timings_us",
];
const NUMBERS: [&str; 3] = ["at_us", "bytes_in", "bytes_out"];

/// Takes each column as an array. Rows are added in the order of the arrays, so that `seq` is.
static STATEMENT: LazyLock<Arc<str>> = LazyLock::new(|| {
    let columns = [TEXTS.as_slice(), NUMBERS.as_slice()].concat().join(", ");
    let arrays: Vec<String> = (1..)
        .zip(TEXTS)
        .map(|(place, _)| format!("${place}::text[]"))
        .chain(
            (1..)
                .zip(NUMBERS)
                .map(|(place, _)| format!("${}::bigint[]", TEXTS.len() + place)),
        )
        .collect();
    format!(
        "INSERT INTO audit_record ({columns})
        SELECT {columns} FROM unnest({}) WITH ORDINALITY AS row ({columns}, place)
        ORDER BY place",
        arrays.join(", ")
    )
    .into()
});

type Text<'r> = Option<Cow<'r, str>>;
type Cells<'r> = ([Text<'r>; TEXTS.len()], [Option<i64>; NUMBERS.len()]);

/// Adds `records` in order, but for openings that are there already, word for word, and keeps
/// the list of unfinished entries. No other transaction adds any while this one lasts.
pub(super) async fn records(
    connection: &mut PgConnection,
    records: &[AuditRecord],
) -> Result<(), StoreError> {
    let new = unknown(connection, records).await?;
    if new.is_empty() {
        return Ok(());
    }
    let mut texts: [Vec<Text<'_>>; TEXTS.len()] = Default::default();
    let mut numbers: [Vec<Option<i64>>; NUMBERS.len()] = Default::default();
    for record in &new {
        let (row_texts, row_numbers) = match record {
            AuditRecord::Opened(opened) => opened_cells(opened),
            AuditRecord::Closed(closed) => closed_cells(closed),
        };
        for (column, cell) in texts.iter_mut().zip(row_texts) {
            column.push(cell);
        }
        for (column, cell) in numbers.iter_mut().zip(row_numbers) {
            column.push(cell);
        }
    }
    let mut query = sqlx::query(AssertSqlSafe(Arc::clone(&STATEMENT)));
    for column in texts {
        query = query.bind(column);
    }
    for column in numbers {
        query = query.bind(column);
    }
    query
        .execute(&mut *connection)
        .await
        .map_err(failure::translate)?;
    keep_unfinished(connection, &new).await
}

/// The records that the trail does not have.
async fn unknown<'r>(
    connection: &mut PgConnection,
    records: &'r [AuditRecord],
) -> Result<Vec<&'r AuditRecord>, StoreError> {
    let entries: HashSet<&str> = records.iter().map(AuditRecord::entry).collect();
    let entries: Vec<Cow<'_, str>> = entries.into_iter().map(text).collect();
    let stored: Vec<String> = sqlx::query_scalar(
        "SELECT entry FROM audit_record WHERE kind = 'opened' AND entry = ANY($1)",
    )
    .bind(entries)
    .fetch_all(&mut *connection)
    .await
    .map_err(failure::translate)?;
    let stored: HashSet<String> = stored.into_iter().map(plain).collect();

    let mut begun: HashMap<&str, &Opened> = HashMap::new();
    let mut new = Vec::with_capacity(records.len());
    for record in records {
        let entry = record.entry();
        match record {
            AuditRecord::Opened(opened) => {
                let same = match begun.get(entry) {
                    Some(first) => Some(*first == opened),
                    None if stored.contains(entry) => {
                        Some(stored_opening(connection, entry).await? == *opened)
                    }
                    None => None,
                };
                match same {
                    Some(true) => continue,
                    Some(false) => {
                        return Err(StoreError::DuplicateEntry {
                            entry: entry.to_owned(),
                        });
                    }
                    None => {
                        begun.insert(entry, opened);
                    }
                }
            }
            AuditRecord::Closed(_) => {
                if !begun.contains_key(entry) && !stored.contains(entry) {
                    return Err(StoreError::UnknownEntry {
                        entry: entry.to_owned(),
                    });
                }
            }
        }
        new.push(record);
    }
    Ok(new)
}

async fn stored_opening(connection: &mut PgConnection, entry: &str) -> Result<Opened, StoreError> {
    let row = sqlx::query("SELECT * FROM audit_record WHERE entry = $1 AND kind = 'opened'")
        .bind(text(entry))
        .fetch_one(connection)
        .await
        .map_err(failure::translate)?;
    search::opened(&row)
}

fn opened_cells(opened: &Opened) -> Cells<'_> {
    let texts = [
        Some(Cow::Borrowed("opened")),
        Some(text(&opened.entry)),
        optional(&opened.principal),
        optional(&opened.principal_kind),
        optional(&opened.authentication),
        optional(&opened.issuer),
        optional(&opened.application),
        actors::stored(&opened.actors).map(Cow::Owned),
        optional(&opened.token),
        optional(&opened.profile),
        optional(&opened.server),
        optional(&opened.target),
        optional(&opened.definition),
        optional(&opened.client),
        Some(text(&opened.transport)),
        optional(&opened.era),
        optional(&opened.protocol_version),
        Some(text(&opened.direction)),
        Some(text(&opened.method)),
        optional(&opened.rpc_id),
        optional(&opened.arguments_digest),
        optional(&opened.trace),
        optional(&opened.remote),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
    ];
    (texts, [Some(opened.at_us), None, None])
}

fn closed_cells(closed: &Closed) -> Cells<'_> {
    let texts = [
        Some(Cow::Borrowed("closed")),
        Some(text(&closed.entry)),
        optional(&closed.principal),
        optional(&closed.principal_kind),
        optional(&closed.authentication),
        optional(&closed.issuer),
        optional(&closed.application),
        actors::stored(&closed.actors).map(Cow::Owned),
        optional(&closed.token),
        optional(&closed.profile),
        optional(&closed.server),
        optional(&closed.target),
        optional(&closed.definition),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        Some(text(&closed.decision)),
        Some(serde_json::json!(closed.policies).to_string().into()),
        optional(&closed.policy_version),
        optional(&closed.reason),
        Some(text(&closed.outcome)),
        optional(&closed.verdict),
        Some(closed.findings.to_string().into()),
        optional(&closed.result_digest),
        Some(closed.timings_us.to_string().into()),
    ];
    let count = |bytes: u64| Some(i64::try_from(bytes).unwrap_or(i64::MAX));
    let numbers = [
        Some(closed.at_us),
        count(closed.bytes_in),
        count(closed.bytes_out),
    ];
    (texts, numbers)
}

fn optional(value: &Option<String>) -> Text<'_> {
    value.as_deref().map(text)
}

/// Notes what the batch changes in the list of unfinished entries. Most open and close in one.
async fn keep_unfinished(
    connection: &mut PgConnection,
    new: &[&AuditRecord],
) -> Result<(), StoreError> {
    let mut begun: HashMap<&str, i64> = HashMap::new();
    let mut ended: HashSet<&str> = HashSet::new();
    for record in new {
        match record {
            AuditRecord::Opened(opened) => {
                begun.insert(&opened.entry, opened.at_us);
            }
            AuditRecord::Closed(closed) => {
                if begun.remove(closed.entry.as_str()).is_none() {
                    ended.insert(&closed.entry);
                }
            }
        }
    }
    if !begun.is_empty() {
        let (entries, times): (Vec<Cow<'_, str>>, Vec<i64>) = begun
            .into_iter()
            .map(|(entry, at_us)| (text(entry), at_us))
            .unzip();
        sqlx::query(
            "INSERT INTO audit_unfinished (entry, at_us)
            SELECT * FROM unnest($1::text[], $2::bigint[])",
        )
        .bind(entries)
        .bind(times)
        .execute(&mut *connection)
        .await
        .map_err(failure::translate)?;
    }
    if !ended.is_empty() {
        let entries: Vec<Cow<'_, str>> = ended.into_iter().map(text).collect();
        sqlx::query("DELETE FROM audit_unfinished WHERE entry = ANY($1)")
            .bind(entries)
            .execute(connection)
            .await
            .map_err(failure::translate)?;
    }
    Ok(())
}
