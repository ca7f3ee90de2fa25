//! Two handles on one file stand for two processes: they share nothing but the file.

use std::path::PathBuf;

use portcullis_store::{
    AuditFilter, AuditRecord, AuditStore, RegistryStore, SessionStore, Sqlite, State, StoreError,
};

use crate::contract::audit::{closed, opened};
use crate::contract::registry::{key, seen};

async fn two_handles() -> (tempfile::TempDir, PathBuf, Sqlite, Sqlite) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let one = Sqlite::open(&path).await.unwrap();
    let two = Sqlite::open(&path).await.unwrap();
    (folder, path, one, two)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_file_may_be_opened_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let opening: Vec<_> = (0..8_u8)
        .map(|process| {
            let path = path.clone();
            tokio::spawn(async move {
                let store = Sqlite::open(&path).await.unwrap();
                store.secret("seal", &|| vec![process]).await.unwrap()
            })
        })
        .collect();
    let mut secrets = Vec::new();
    for opened in opening {
        secrets.push(opened.await.unwrap());
    }
    secrets.dedup();
    assert_eq!(secrets.len(), 1, "{secrets:?}");
}

#[tokio::test]
async fn a_decision_is_visible_to_the_other() {
    let (_folder, _path, one, two) = two_handles().await;
    one.observe(&[seen("search", "1", State::Quarantined)], 1)
        .await
        .unwrap();
    let before = two.generation().await.unwrap();
    assert_eq!(two.load().await.unwrap()[0].state, State::Quarantined);

    one.decide(&key("search"), "1", State::Approved, "ada", 2, None)
        .await
        .unwrap();
    assert!(two.generation().await.unwrap() > before);
    assert_eq!(two.load().await.unwrap()[0].state, State::Approved);

    two.terminate("session", 1).await.unwrap();
    assert!(one.is_terminated("session").await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_wait_for_each_other() {
    let (_folder, _path, one, two) = two_handles().await;
    let writing: Vec<_> = [("a", one.clone()), ("b", two.clone())]
        .into_iter()
        .map(|(name, store)| {
            tokio::spawn(async move {
                for turn in 0..50 {
                    let entry = format!("{name}{turn:02}");
                    let records = [
                        AuditRecord::Opened(opened(&entry, turn)),
                        AuditRecord::Closed(closed(&entry, "ok")),
                    ];
                    store.append(&records).await.unwrap();
                }
            })
        })
        .collect();
    for written in writing {
        written.await.unwrap();
    }
    let all = AuditFilter {
        limit: 1_000,
        ..AuditFilter::default()
    };
    for store in [&one, &two] {
        let entries = store.entries(&all).await.unwrap();
        assert_eq!(entries.len(), 100);
        assert!(entries.is_sorted_by_key(|entry| entry.seq));
    }
}

#[tokio::test]
async fn a_reader_reads_beside_the_writer_and_writes_nothing() {
    let (_folder, path, writer, _other) = two_handles().await;
    let reader = Sqlite::open_read_only(&path).await.unwrap();
    writer
        .append(&[AuditRecord::Opened(opened("a", 1))])
        .await
        .unwrap();
    writer
        .observe(&[seen("search", "1", State::Seen)], 1)
        .await
        .unwrap();
    writer.secret("seal", &|| vec![7]).await.unwrap();
    assert_eq!(
        reader.entries(&AuditFilter::default()).await.unwrap().len(),
        1
    );
    assert_eq!(reader.unfinished(2).await.unwrap(), ["a"]);
    assert_eq!(reader.load().await.unwrap().len(), 1);
    assert_eq!(reader.secret("seal", &|| vec![8]).await.unwrap(), [7]);

    let refusals = [
        reader.append(&[AuditRecord::Opened(opened("b", 1))]).await,
        reader.observe(&[seen("search", "2", State::Seen)], 1).await,
        reader
            .decide(&key("search"), "1", State::Approved, "ada", 1, None)
            .await
            .map(drop),
        reader.terminate("a", 1).await,
        reader.purge(1).await.map(drop),
        reader.secret("other", &|| vec![8]).await.map(drop),
    ];
    for refused in refusals {
        assert!(matches!(refused, Err(StoreError::ReadOnly)), "{refused:?}");
    }
    assert_eq!(writer.load().await.unwrap().len(), 1);
}

#[tokio::test]
async fn reading_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let refused = Sqlite::open_read_only(&path).await;
    assert!(
        matches!(refused, Err(StoreError::Open { .. })),
        "{refused:?}"
    );
    assert!(!path.exists());
}
