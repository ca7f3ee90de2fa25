//! What a crash leaves behind. A copy of the files under a live writer is what the disk holds
//! at a sudden stop: the log is there, nothing was checkpointed or closed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    for patience_us in [0, 300, 1_000, 3_000, 10_000] {
        let batch: Vec<_> = (0..200)
            .map(|record| AuditRecord::Opened(opened(&format!("{patience_us}-{record}"), 1)))
            .collect();
        let patience = Duration::from_micros(patience_us);
        let ended = tokio::time::timeout(patience, store.append(&batch)).await;

        // The next write waits for the roll-back of the one before.
        let next = AuditRecord::Opened(opened(&format!("next-{patience_us}"), 1));
        store.append(&[next]).await.unwrap();
        let filter = AuditFilter {
            entry: Some(format!("{patience_us}-*")),
            limit: usize::MAX,
            ..AuditFilter::default()
        };
        let left = store.entries(&filter).await.unwrap().len();
        match ended {
            Ok(appended) => {
                appended.unwrap();
                assert_eq!(left, 200);
            }
            Err(_) => assert!(left == 0 || left == 200, "{left}"),
        }
    }
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
