use sqlx::raw_sql;

use super::*;
use crate::{AuditFilter, AuditRecord, AuditStore, Opened, SessionStore};

async fn in_a_folder() -> (tempfile::TempDir, Sqlite) {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&folder.path().join("store.db")).await.unwrap();
    (folder, store)
}

#[tokio::test]
async fn every_connection_is_durable_and_strict() {
    let (_folder, store) = in_a_folder().await;
    for (pragma, expected) in [
        ("PRAGMA journal_mode", "wal"),
        ("PRAGMA synchronous", "2"),
        ("PRAGMA fullfsync", "1"),
        ("PRAGMA foreign_keys", "1"),
        ("PRAGMA trusted_schema", "0"),
        ("PRAGMA busy_timeout", "5000"),
    ] {
        for pool in [&store.writer, &store.readers] {
            let row = sqlx::query(pragma).fetch_one(pool).await.unwrap();
            let value: String = sqlx::Row::get_unchecked(&row, 0);
            assert_eq!(value, expected, "{pragma}");
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_leaves_nothing_half_written() {
    let (_folder, store) = in_a_folder().await;
    // SQLite takes the database's present size for a limit below it.
    raw_sql("PRAGMA max_page_count = 1")
        .execute(&store.writer)
        .await
        .unwrap();
    let records: Vec<_> = (0..1_000)
        .map(|number| {
            AuditRecord::Opened(Opened {
                entry: format!("{number:04}"),
                ..Opened::default()
            })
        })
        .collect();
    let refused = store.append(&records).await;
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    let left = store.entries(&AuditFilter::default()).await.unwrap();
    assert!(left.is_empty());

    raw_sql("PRAGMA max_page_count = 100000")
        .execute(&store.writer)
        .await
        .unwrap();
    store.append(&records).await.unwrap();
}

#[tokio::test]
async fn a_lock_that_is_not_released_is_named() {
    let (_folder, store) = in_a_folder().await;
    let other = Sqlite::open(Path::new(&*store.name)).await.unwrap();
    let held = other.begin().await.unwrap();
    raw_sql("PRAGMA busy_timeout = 1")
        .execute(&store.writer)
        .await
        .unwrap();
    let refused = store.terminate("a", 1).await;
    assert!(matches!(refused, Err(StoreError::Busy)), "{refused:?}");
    assert!(!store.is_terminated("a").await.unwrap(), "readers go on");
    held.rollback().await.unwrap();
    store.terminate("a", 1).await.unwrap();
}
