//! Databases of other releases.

use std::fs;
use std::path::Path;

use portcullis_store::{
    AuditFilter, AuditRecord, AuditStore, RegistryStore, SessionStore, Sqlite, State, StoreError,
};
use sqlx::Row;

use crate::contract::audit::{closed, opened};
use crate::contract::registry::seen;
use crate::file::{raw, run};

/// A database as version 1 of the schema left it, with an open and a finished entry. Frozen:
/// it must not follow edits of the migrations.
const VERSION_1: &str = include_str!("../fixtures/version-1.sql");
const NEWEST: i64 = 8;

/// Names and definitions of everything in the schema.
async fn schema(path: &Path) -> Vec<(String, Option<String>)> {
    sqlx::query("SELECT name, sql FROM sqlite_schema ORDER BY name")
        .fetch_all(&mut raw(path).await)
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get("name"), row.get("sql")))
        .collect()
}

async fn version(path: &Path) -> i64 {
    let row = sqlx::query("SELECT max(version) AS version FROM schema_version")
        .fetch_one(&mut raw(path).await)
        .await
        .unwrap();
    row.get("version")
}

#[tokio::test]
async fn version_1_is_brought_up_to_date_with_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old.db");
    run(&old, VERSION_1).await.unwrap();
    let refused = Sqlite::open_read_only(&old).await;
    assert!(
        matches!(
            refused,
            Err(StoreError::Outdated {
                found: 1,
                known: NEWEST
            })
        ),
        "{refused:?}"
    );

    let store = Sqlite::open(&old).await.unwrap();
    let entries = store.entries(&AuditFilter::default()).await.unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].opened.principal.as_deref(), Some("ada"));
    assert_eq!(
        entries[0].closed.as_ref().unwrap().policies,
        ["allow-search"]
    );
    assert_eq!(store.unfinished(i64::MAX).await.unwrap(), ["01B"]);

    store
        .append(&[AuditRecord::Closed(closed("01B", "unknown"))])
        .await
        .unwrap();
    store
        .append(&[AuditRecord::Opened(opened("01C", 1))])
        .await
        .unwrap();
    store
        .observe(&[seen("search", "1", State::Seen)], 1)
        .await
        .unwrap();
    store.terminate("session", 1).await.unwrap();
    store.close().await;
    assert_eq!(version(&old).await, NEWEST);

    let new = folder.path().join("new.db");
    Sqlite::open(&new).await.unwrap().close().await;
    assert_eq!(
        schema(&old).await,
        schema(&new).await,
        "a released migration was edited"
    );
}

#[tokio::test]
async fn opening_again_migrates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    Sqlite::open(&path).await.unwrap().close().await;
    let before = fs::read(&path).unwrap();
    Sqlite::open(&path).await.unwrap().close().await;
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_database_from_the_future_is_refused_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    Sqlite::open(&path).await.unwrap().close().await;
    run(
        &path,
        "INSERT INTO schema_version (version, name) VALUES (999, 'x')",
    )
    .await
    .unwrap();
    let before = fs::read(&path).unwrap();
    for refused in [
        Sqlite::open(&path).await,
        Sqlite::open_read_only(&path).await,
    ] {
        let refused = refused.unwrap_err();
        assert!(
            matches!(
                refused,
                StoreError::FromTheFuture {
                    found: 999,
                    known: NEWEST
                }
            ),
            "{refused:?}"
        );
        assert_eq!(
            refused.to_string(),
            format!("the database has schema version 999, this release knows up to {NEWEST}")
        );
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}
