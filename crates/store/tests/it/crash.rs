//! What a crash leaves behind. A copy of the files under a live writer is what the disk holds
//! at a sudden stop: the log is there, nothing was checkpointed or closed.

use std::fs;
use std::path::{Path, PathBuf};

use portcullis_store::{AuditFilter, AuditRecord, AuditStore, Sqlite};

use crate::contract::audit::{closed, opened};

async fn count(path: &Path) -> usize {
    let store = Sqlite::open(path).await.unwrap();
    let all = AuditFilter {
        limit: usize::MAX,
        ..AuditFilter::default()
    };
    let entries = store.entries(&all).await.unwrap();
    assert_eq!(
        store.unfinished(i64::MAX).await.unwrap().len(),
        entries.len()
    );
    entries.len()
}

/// Copies database and log to a new folder, the log without its last `lost` bytes.
fn crash(path: &Path, folder: &Path, lost: usize) -> PathBuf {
    fs::create_dir(folder).unwrap();
    let copy = folder.join("store.db");
    fs::copy(path, &copy).unwrap();
    let log = fs::read(path.with_extension("db-wal")).unwrap();
    fs::write(copy.with_extension("db-wal"), &log[..log.len() - lost]).unwrap();
    copy
}

#[tokio::test]
async fn what_was_appended_survives_and_a_torn_batch_is_gone_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Sqlite::open(&path).await.unwrap();
    for batch in 0..5 {
        let records: Vec<_> = (0..10)
            .map(|record| AuditRecord::Opened(opened(&format!("{batch}-{record}"), batch)))
            .collect();
        store.append(&records).await.unwrap();
    }
    let whole = crash(&path, &folder.path().join("whole"), 0);
    let torn = crash(&path, &folder.path().join("torn"), 1);
    assert_eq!(count(&whole).await, 50);
    assert_eq!(count(&torn).await, 40);
}

#[tokio::test]
async fn an_append_that_is_given_up_leaves_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Sqlite::open(&path).await.unwrap();
    let batch: Vec<_> = (0..200)
        .map(|record| AuditRecord::Opened(opened(&format!("{record:03}"), record)))
        .collect();
    tokio::select! {
        biased;
        _ = store.append(&batch) => panic!("the append ended before it was given up"),
        () = async { for _ in 0..3 { tokio::task::yield_now().await } } => (),
    }
    // The next write waits for the roll-back of the one before.
    store
        .append(&[AuditRecord::Opened(opened("next", 1))])
        .await
        .unwrap();
    let left = count(&path).await;
    assert!(left == 1 || left == 201, "{left}");
}

#[tokio::test]
async fn a_closed_store_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Sqlite::open(&path).await.unwrap();
    store
        .append(&[AuditRecord::Opened(opened("a", 1))])
        .await
        .unwrap();
    store.close().await;
    assert!(
        store
            .append(&[AuditRecord::Closed(closed("a", "ok"))])
            .await
            .is_err()
    );

    let again = Sqlite::open(&path).await.unwrap();
    again
        .append(&[AuditRecord::Closed(closed("a", "ok"))])
        .await
        .unwrap();
    assert!(
        again.entries(&AuditFilter::default()).await.unwrap()[0]
            .closed
            .is_some()
    );
}
