//! From an [`AuditFilter`] to SQL, and from rows to [`AuditEntry`]s. Compiled for each database,
//! see `sqlite.rs` and `postgres.rs`.

use sqlx::QueryBuilder;

use super::rows::Columns;
use super::{ACTORS, CLOSING, Db, Row, actors, text};
use crate::{AuditEntry, AuditFilter, Closed, Opened, StoreError};

/// An opened row `o` beside the closing `c` that counts ([`CLOSING`]): the first that says what
/// became of the message, else one that says `unknown`.
const SELECT: &str = "
SELECT
    o.seq, o.entry, o.at_us,
    coalesce(c.principal, o.principal) AS principal,
    coalesce(c.principal_kind, o.principal_kind) AS principal_kind,
    coalesce(c.authentication, o.authentication) AS authentication,
    coalesce(c.issuer, o.issuer) AS issuer,
    coalesce(c.application, o.application) AS application,
    coalesce(c.actors, o.actors) AS actors,
    coalesce(c.token, o.token) AS token,
    coalesce(c.profile, o.profile) AS profile,
    coalesce(c.server, o.server) AS server,
    coalesce(c.target, o.target) AS target,
    coalesce(c.definition, o.definition) AS definition,
    o.client, o.transport, o.era, o.protocol_version, o.direction, o.method, o.rpc_id,
    o.arguments_digest, o.trace, o.remote,
    c.entry AS closed_entry, c.at_us AS closed_at_us,
    c.decision, c.policies, c.policy_version, c.reason, c.outcome, c.verdict, c.findings,
    c.result_digest, c.bytes_in, c.bytes_out, c.timings_us,
    c.principal AS closed_principal, c.principal_kind AS closed_principal_kind,
    c.authentication AS closed_authentication, c.issuer AS closed_issuer,
    c.application AS closed_application, c.actors AS closed_actors, c.token AS closed_token,
    c.profile AS closed_profile,
    c.server AS closed_server, c.target AS closed_target, c.definition AS closed_definition
FROM audit_record AS o";

/// The query that answers `filter`. Every value of the filter is a bound parameter.
pub(super) fn query(filter: &AuditFilter) -> QueryBuilder<Db> {
    let mut query = QueryBuilder::new(SELECT);
    query.push(CLOSING).push(" WHERE o.kind = 'opened'");
    // Entries are stored about in the order of their time, but not exactly: the index on time
    // bounds the positions to read, the second condition decides. The `+ 0` keeps the database
    // from looking for the least position row by row.
    if let Some(since) = filter.since_us {
        query
            .push(" AND o.seq >= (SELECT min(seq + 0) FROM audit_record WHERE kind = 'opened' AND at_us >= ")
            .push_bind(since)
            .push(") AND o.at_us >= ")
            .push_bind(since);
    }
    if let Some(until) = filter.until_us {
        query
            .push(" AND o.seq <= (SELECT max(seq + 0) FROM audit_record WHERE kind = 'opened' AND at_us < ")
            .push_bind(until)
            .push(") AND o.at_us < ")
            .push_bind(until);
    }
    for (bound, condition) in [
        (filter.after_seq, " AND o.seq > "),
        (filter.before_seq, " AND o.seq < "),
    ] {
        if let Some(bound) = bound {
            query.push(condition).push_bind(bound);
        }
    }
    for (pattern, column) in [(&filter.entry, "o.entry"), (&filter.method, "o.method")] {
        if let Some(pattern) = pattern {
            push_match(query.push(" AND "), column, pattern);
        }
    }
    for (pattern, value, indexed) in [
        (
            &filter.principal,
            "coalesce(c.principal, o.principal)",
            Some(("principal", None)),
        ),
        (&filter.issuer, "coalesce(c.issuer, o.issuer)", None),
        (
            &filter.application,
            "coalesce(c.application, o.application)",
            Some(("application", None)),
        ),
        (
            &filter.token,
            "coalesce(c.token, o.token)",
            Some(("token", None)),
        ),
        (&filter.profile, "coalesce(c.profile, o.profile)", None),
        (&filter.server, "coalesce(c.server, o.server)", None),
        (
            &filter.target,
            "coalesce(c.target, o.target)",
            Some(("target", None)),
        ),
        (
            &filter.decision,
            "c.decision",
            Some(("decision", Some("permit"))),
        ),
        (&filter.outcome, "c.outcome", Some(("outcome", Some("ok")))),
        (&filter.reason, "c.reason", Some(("reason", None))),
    ] {
        let Some(pattern) = pattern else { continue };
        push_match(query.push(" AND "), value, pattern);
        if let Some((column, unless)) = indexed {
            push_index(&mut query, column, unless, pattern);
        }
    }
    if let Some(pattern) = &filter.actor {
        query
            .push(" AND EXISTS (SELECT 1 FROM ")
            .push(ACTORS)
            .push(" WHERE ");
        push_match(&mut query, "actor.value", pattern);
        query.push(")");
    }
    query.push(if filter.newest_first {
        " ORDER BY o.seq DESC"
    } else {
        " ORDER BY o.seq"
    });
    query
        .push(" LIMIT ")
        .push_bind(i64::try_from(filter.limit).unwrap_or(i64::MAX));
    query
}

/// Narrows a query by the index on `column`, where it has what `pattern` asks for.
///
/// The value may stand in a row other than the opened one, out of reach of an index on it. So
/// this only says which entries may match, and another condition decides. The index leaves out
/// the value `unless`, which most rows have.
fn push_index(
    query: &mut QueryBuilder<Db>,
    column: &'static str,
    unless: Option<&'static str>,
    pattern: &str,
) {
    let wide = |common: &str| match pattern.strip_suffix('*') {
        Some(prefix) => common.starts_with(prefix),
        None => common == pattern,
    };
    if unless.is_some_and(wide) {
        return;
    }
    query.push(" AND o.entry IN (SELECT entry FROM audit_record WHERE ");
    push_match(query, column, pattern);
    if let Some(common) = unless {
        // A database takes a partial index only where its condition stands in the query.
        query
            .push(" AND ")
            .push(column)
            .push(" <> '")
            .push(common)
            .push("'");
    }
    query.push(")");
}

/// Reads a row of [`query`].
pub(super) fn entry(row: &Row) -> Result<AuditEntry, StoreError> {
    let columns = Columns(row);
    let closed = match columns.read::<Option<String>>("closed_entry")? {
        Some(entry) => Some(closed(&columns, entry)?),
        None => None,
    };
    Ok(AuditEntry {
        seq: columns.read("seq")?,
        opened: opened(row)?,
        closed,
    })
}

/// Reads the beginning from a row of [`query`], or as it was written from an opened row.
pub(super) fn opened(row: &Row) -> Result<Opened, StoreError> {
    let row = Columns(row);
    Ok(Opened {
        entry: row.read("entry")?,
        at_us: row.read("at_us")?,
        principal: row.read("principal")?,
        principal_kind: row.read("principal_kind")?,
        authentication: row.read("authentication")?,
        issuer: row.read("issuer")?,
        application: row.read("application")?,
        actors: actors::read(&row, "actors")?,
        token: row.read("token")?,
        client: row.read("client")?,
        profile: row.read("profile")?,
        transport: row.read("transport")?,
        era: row.read("era")?,
        protocol_version: row.read("protocol_version")?,
        direction: row.read("direction")?,
        method: row.read("method")?,
        rpc_id: row.read("rpc_id")?,
        server: row.read("server")?,
        target: row.read("target")?,
        definition: row.read("definition")?,
        arguments_digest: row.read("arguments_digest")?,
        trace: row.read("trace")?,
        remote: row.read("remote")?,
    })
}

fn closed(row: &Columns<'_>, entry: String) -> Result<Closed, StoreError> {
    Ok(Closed {
        entry,
        at_us: row.read("closed_at_us")?,
        decision: row.read("decision")?,
        policies: row.json("policies")?,
        policy_version: row.read("policy_version")?,
        reason: row.read("reason")?,
        outcome: row.read("outcome")?,
        verdict: row.read("verdict")?,
        findings: row.json("findings")?,
        result_digest: row.read("result_digest")?,
        bytes_in: row.count("bytes_in")?,
        bytes_out: row.count("bytes_out")?,
        timings_us: row.json("timings_us")?,
        principal: row.read("closed_principal")?,
        principal_kind: row.read("closed_principal_kind")?,
        authentication: row.read("closed_authentication")?,
        issuer: row.read("closed_issuer")?,
        application: row.read("closed_application")?,
        actors: actors::read(row, "closed_actors")?,
        token: row.read("closed_token")?,
        profile: row.read("closed_profile")?,
        server: row.read("closed_server")?,
        target: row.read("closed_target")?,
        definition: row.read("closed_definition")?,
    })
}

/// Pushes `value matches pattern`; a `*` at the pattern's end makes the rest a prefix.
///
/// A prefix becomes a range instead of `LIKE`: nothing in it needs escaping, case counts, and
/// an index serves it.
fn push_match(query: &mut QueryBuilder<Db>, value: &'static str, pattern: &str) {
    let Some(prefix) = pattern.strip_suffix('*') else {
        query
            .push(value)
            .push(" = ")
            .push_bind(text(pattern).to_string());
        return;
    };
    let prefix = text(prefix).to_string();
    query.push(value).push(" >= ").push_bind(prefix.clone());
    if let Some(end) = end_of_prefix(&prefix) {
        query.push(" AND ").push(value).push(" < ").push_bind(end);
    }
}

/// The least text that is greater than every text starting with `prefix`, in the order of
/// code points (which is the order of UTF-8 bytes, the databases' own). `None` if there is none.
pub(super) fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        if let Some(next) = successor(last) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

/// The next code point, past the surrogates, which are no characters.
fn successor(character: char) -> Option<char> {
    match character {
        '\u{d7ff}' => Some('\u{e000}'),
        _ => char::from_u32(u32::from(character).checked_add(1)?),
    }
}
