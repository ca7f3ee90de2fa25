//! The file itself: its mode, what refuses to open, what is append-only.

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use portcullis_store::{
    AuditFilter, AuditRecord, AuditStore, RegistryStore, SessionStore, Sqlite, State, StoreError,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions};

use crate::contract::audit::{closed, opened};
use crate::contract::registry::{key, seen};

/// A connection that knows nothing of the store.
pub(crate) async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .connect()
        .await
        .unwrap()
}

pub(crate) async fn run(path: &Path, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = raw(path).await;
    let done = sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await;
    sqlx::Connection::close(connection).await.unwrap();
    done.map(drop)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn only_the_owner_can_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/deep/store.db");
    let store = Sqlite::open(&path).await.unwrap();
    store.terminate("a", 1).await.unwrap();
    for file in ["store.db", "store.db-wal", "store.db-shm"] {
        assert_eq!(mode(&path.with_file_name(file)), 0o600, "{file}");
    }
    assert_eq!(mode(&folder.path().join("state")), 0o700);
    assert_eq!(mode(&folder.path().join("state/deep")), 0o700);
    store.close().await;

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    Sqlite::open(&path).await.unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn a_path_is_only_ever_a_path() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["file:x?mode=memory", ":memory:", "a b%41#?.db"] {
        let path = folder.path().join(name);
        Sqlite::open(&path)
            .await
            .unwrap()
            .terminate("a", 1)
            .await
            .unwrap();
        assert!(path.is_file(), "{name}");
        let again = Sqlite::open(&path).await.unwrap();
        assert!(again.is_terminated("a").await.unwrap(), "{name}");
    }
}

#[tokio::test]
async fn what_is_no_database_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    let notes = "these are notes ".repeat(100);
    fs::write(&text, &notes).unwrap();
    for path in [
        text.as_path(),
        folder.path(),
        &text.join("below"),
        Path::new(""),
    ] {
        let refused = Sqlite::open(path).await.unwrap_err();
        assert!(
            matches!(&refused, StoreError::Open { path: p, .. } if p == path),
            "{refused:?}"
        );
        let source = refused.source().unwrap().to_string();
        assert!(!refused.to_string().contains(&source), "{refused}");
    }
    assert_eq!(fs::read_to_string(&text).unwrap(), notes);
}

#[tokio::test]
async fn another_programs_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sql) in [
        ("tables.db", "CREATE TABLE bookmark (url TEXT)"),
        (
            "same-name.db",
            "CREATE TABLE schema_version (version INTEGER)",
        ),
        (
            "marked.db",
            "PRAGMA application_id = 42; CREATE TABLE t (a); DROP TABLE t",
        ),
    ] {
        let path = folder.path().join(name);
        run(&path, sql).await.unwrap();
        let before = fs::read(&path).unwrap();
        for refused in [
            Sqlite::open(&path).await,
            Sqlite::open_read_only(&path).await,
        ] {
            assert!(
                matches!(refused, Err(StoreError::Foreign { .. })),
                "{name}: {refused:?}"
            );
        }
        assert_eq!(fs::read(&path).unwrap(), before, "{name}");
    }
}

#[tokio::test]
async fn records_cannot_be_changed_or_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Sqlite::open(&path).await.unwrap();
    let records = [
        AuditRecord::Opened(opened("a", 1)),
        AuditRecord::Closed(closed("a", "ok")),
    ];
    store.append(&records).await.unwrap();
    store
        .observe(&[seen("search", "1", State::Seen)], 1)
        .await
        .unwrap();
    let everything = AuditFilter::default();
    let entries = store.entries(&everything).await.unwrap();
    let history = store.history(&key("search")).await.unwrap();

    let opened_again = "(seq, kind, entry, at_us, transport, direction, method)
        VALUES (1, 'opened', 'z', 1, 'http', 'client', 'm')";
    let taken_entry = "(kind, entry, at_us, transport, direction, method)
        VALUES ('opened', 'a', 1, 'http', 'client', 'm')";
    let history_again = "(seq, server, kind, name, hash, state_after, at_us)
        VALUES (1, 's', 'tool', 'n', 'h', 'approved', 1)";
    for sql in [
        "UPDATE audit_record SET at_us = 0".to_owned(),
        "UPDATE OR REPLACE audit_record SET seq = 1 WHERE seq = 2".to_owned(),
        "DELETE FROM audit_record".to_owned(),
        "DELETE FROM audit_record WHERE seq = 2".to_owned(),
        format!("INSERT OR REPLACE INTO audit_record {opened_again}"),
        format!("REPLACE INTO audit_record {taken_entry}"),
        "UPDATE definition_history SET state_after = 'approved'".to_owned(),
        "DELETE FROM definition_history".to_owned(),
        format!("REPLACE INTO definition_history {history_again}"),
    ] {
        let refused = run(&path, &sql).await;
        assert!(refused.is_err(), "{sql}");
        assert_eq!(store.entries(&everything).await.unwrap(), entries, "{sql}");
        assert_eq!(
            store.history(&key("search")).await.unwrap(),
            history,
            "{sql}"
        );
    }
}

#[tokio::test]
async fn a_damaged_value_is_named_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Sqlite::open(&path).await.unwrap();
    store
        .append(&[AuditRecord::Opened(opened("a", 1))])
        .await
        .unwrap();
    run(
        &path,
        "INSERT INTO audit_record (kind, entry, at_us, decision, policies, outcome, findings,
            bytes_in, bytes_out, timings_us)
        VALUES ('closed', 'a', 2, 'permit', '[]', 'ok', 'CANARY', 0, 0, '{}')",
    )
    .await
    .unwrap();
    let refused = store.entries(&AuditFilter::default()).await.unwrap_err();
    assert!(
        matches!(refused, StoreError::Corrupt { column: "findings" }),
        "{refused:?}"
    );
    assert!(!format!("{refused:?} {refused}").contains("CANARY"));
}

#[tokio::test]
async fn secrets_do_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&folder.path().join("store.db")).await.unwrap();
    store.secret("seal", &|| b"CANARY".to_vec()).await.unwrap();
    let shown = format!("{store:?}");
    assert!(shown.contains("store.db"), "{shown}");
    assert!(
        !shown.contains("CANARY") && !shown.contains("67, 65"),
        "{shown}"
    );
}
