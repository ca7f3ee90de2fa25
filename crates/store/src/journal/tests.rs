use std::fs::{self, File, OpenOptions};

use sqlx::ConnectOptions;

use super::*;
use crate::{AuditEntry, AuditFilter, AuditStore, Closed, Opened, Sqlite};

fn opened(entry: &str) -> AuditRecord {
    AuditRecord::Opened(Opened {
        entry: entry.to_owned(),
        transport: "http".to_owned(),
        direction: "client".to_owned(),
        method: "tools/call".to_owned(),
        ..Opened::default()
    })
}

fn closed(entry: &str) -> AuditRecord {
    AuditRecord::Closed(Closed {
        entry: entry.to_owned(),
        decision: "permit".to_owned(),
        outcome: "ok".to_owned(),
        findings: serde_json::json!([]),
        timings_us: serde_json::json!({"authz": 12}),
        ..Closed::default()
    })
}

fn in_a_folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("store.db");
    (folder, database)
}

fn journals(database: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(database.parent().unwrap())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.to_str().unwrap().contains(".db.trail-"))
        .collect();
    found.sort();
    found
}

/// The process stops: its locks go, its files stay.
fn stop(journal: Journal) {
    drop(journal);
}

async fn entries(store: &Sqlite) -> Vec<AuditEntry> {
    let all = AuditFilter {
        limit: usize::MAX,
        ..AuditFilter::default()
    };
    store.entries(&all).await.unwrap()
}

async fn ids(store: &Sqlite) -> Vec<String> {
    entries(store)
        .await
        .into_iter()
        .map(|entry| entry.opened.entry)
        .collect()
}

#[tokio::test]
async fn what_a_stopped_process_left_is_in_the_database_when_it_opens() {
    let (_folder, database) = in_a_folder();
    let mut journal = Journal::new(&database);
    assert!(
        journals(&database).is_empty(),
        "no file before it is needed"
    );
    assert_eq!(journal.append(&[opened("a"), opened("b")]).unwrap(), 0);
    assert_eq!(journal.append(&[closed("b"), opened("c")]).unwrap(), 1);
    stop(journal);
    let store = Sqlite::open(&database).await.unwrap();
    assert_eq!(ids(&store).await, ["a", "b", "c"]);
    assert_eq!(store.unfinished(i64::MAX).await.unwrap(), ["a", "c"]);
    assert!(journals(&database).is_empty());
}

#[tokio::test]
async fn who_reads_sees_what_a_stopped_process_left() {
    let (_folder, database) = in_a_folder();
    Sqlite::open(&database).await.unwrap().close().await;
    let mut journal = Journal::new(&database);
    journal.append(&[opened("a")]).unwrap();
    let beside = Sqlite::open_read_only(&database).await.unwrap();
    assert!(
        ids(&beside).await.is_empty(),
        "a living process moves its own"
    );
    stop(journal);
    let after = Sqlite::open_read_only(&database).await.unwrap();
    assert_eq!(ids(&after).await, ["a"]);
}

#[tokio::test]
async fn a_living_process_keeps_its_journal() {
    let (_folder, database) = in_a_folder();
    let (mut one, mut two) = (Journal::new(&database), Journal::new(&database));
    one.append(&[opened("one")]).unwrap();
    two.append(&[opened("two")]).unwrap();
    let store = Sqlite::open(&database).await.unwrap();
    assert_eq!(recover(&database, &store).await.unwrap(), 0);
    assert_eq!(journals(&database).len(), 4);
    stop(one);
    assert_eq!(recover(&database, &store).await.unwrap(), 1);
    assert_eq!(ids(&store).await, ["one"]);
    two.append(&[opened("three")]).unwrap();
    stop(two);
    assert_eq!(recover(&database, &store).await.unwrap(), 2);
    assert_eq!(ids(&store).await, ["one", "two", "three"]);
    assert!(journals(&database).is_empty());
}

#[tokio::test]
async fn taking_over_again_changes_nothing() {
    let (_folder, database) = in_a_folder();
    let store = Sqlite::open(&database).await.unwrap();
    let mut journal = Journal::new(&database);
    journal
        .append(&[opened("a"), closed("a"), opened("b")])
        .unwrap();
    // The database got the first two, then the process was stopped.
    store.append(&[opened("a"), closed("a")]).await.unwrap();
    let before = entries(&store).await;
    let copies: Vec<(PathBuf, Vec<u8>)> = journals(&database)
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    stop(journal);
    assert_eq!(recover(&database, &store).await.unwrap(), 3);
    let once = entries(&store).await;
    assert_eq!((&once[..1], once.len()), (&before[..], 2));
    for (path, bytes) in copies {
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(recover(&database, &store).await.unwrap(), 3);
    assert_eq!(entries(&store).await, once);
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&database)
        .connect()
        .await
        .unwrap();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_record")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(rows, 3, "no row is stored twice");
}

#[tokio::test]
async fn files_take_turns_and_the_order_is_kept() {
    let (_folder, database) = in_a_folder();
    let mut journal = Journal::new(&database);
    let mut expected = Vec::new();
    let big = "x".repeat(100_000);
    for round in 0..45 {
        let entry = format!("{round:03}-{big}");
        let number = journal.append(&[opened(&entry)]).unwrap();
        assert_eq!(number, round);
        expected.push(entry);
        // The database has all but the latest few.
        if let Some(moved) = number.checked_sub(4) {
            journal.moved(moved);
        }
    }
    let files = journals(&database);
    assert_eq!(files.len(), 2, "{files:?}");
    let sizes: Vec<u64> = files
        .iter()
        .map(|path| fs::metadata(path).unwrap().len())
        .collect();
    assert!(sizes.iter().all(|size| *size <= 2 << 20), "{sizes:?}");
    // What was moved goes to the database again: it is known there.
    let store = Sqlite::open(&database).await.unwrap();
    stop(journal);
    recover(&database, &store).await.unwrap();
    let left = ids(&store).await;
    assert!(
        left.len() >= 4 && expected.ends_with(&left),
        "{}",
        left.len()
    );
}

#[tokio::test]
async fn nothing_is_left_once_the_database_has_everything() {
    let (_folder, database) = in_a_folder();
    let mut journal = Journal::new(&database);
    journal.append(&[opened("a")]).unwrap();
    let last = journal.append(&[opened("b")]).unwrap();
    journal.moved(last - 1);
    journal.rest();
    assert_eq!(journals(&database).len(), 2, "the last group is not moved");
    journal.moved(last);
    journal.rest();
    assert!(journals(&database).is_empty());
    journal.append(&[opened("c")]).unwrap();
    stop(journal);
    let store = Sqlite::open(&database).await.unwrap();
    assert_eq!(ids(&store).await, ["c"]);
}

#[tokio::test]
async fn a_torn_end_is_cut_and_damage_before_it_refuses() {
    let (folder, database) = in_a_folder();
    let mut journal = Journal::new(&database);
    for entry in ["a", "b", "c"] {
        journal.append(&[opened(entry)]).unwrap();
    }
    let files = journals(&database);
    let active = files[0].clone();
    let whole = fs::read(&active).unwrap();
    stop(journal);
    let place = |entry: &str| {
        let text = format!("\"entry\":\"{entry}\"");
        let found = whole
            .windows(text.len())
            .position(|window| window == text.as_bytes());
        found.unwrap() + 9
    };
    for (entry, expected) in [("c", Some(vec!["a", "b"])), ("b", None), ("a", None)] {
        let mut bytes = whole.clone();
        bytes[place(entry)] = b'?';
        fs::write(&active, &bytes).unwrap();
        let copy = folder.path().join(format!("{entry}.db"));
        for file in &files {
            let name = file.file_name().unwrap().to_str().unwrap();
            let name = name.replace("store.db", &format!("{entry}.db"));
            fs::copy(file, folder.path().join(name)).unwrap();
        }
        match (Sqlite::open(&copy).await, expected) {
            (Ok(store), Some(expected)) => assert_eq!(ids(&store).await, expected),
            (Err(StoreError::JournalDamaged { path, offset }), None) => {
                assert!(
                    path.to_str()
                        .unwrap()
                        .contains(&format!("{entry}.db.trail-"))
                );
                assert!(offset < place(entry) as u64 && offset > 0);
                // Reading goes on, without what the journal holds; nothing is thrown away.
                let store = Sqlite::open_read_only(&copy).await.unwrap();
                assert!(ids(&store).await.is_empty());
                assert!(path.exists());
            }
            (other, expected) => panic!("{entry}: {other:?}, expected {expected:?}"),
        }
    }
}

#[tokio::test]
async fn a_record_that_contradicts_the_trail_does_not_keep_the_others_out() {
    let (_folder, database) = in_a_folder();
    let mut journal = Journal::new(&database);
    journal
        .append(&[opened("a"), closed("nobody"), opened("b")])
        .unwrap();
    stop(journal);
    let store = Sqlite::open(&database).await.unwrap();
    assert_eq!(ids(&store).await, ["a", "b"]);
}

#[tokio::test]
async fn a_failed_write_costs_nothing_that_was_promised() {
    let (_folder, database) = in_a_folder();
    let mut journal = Journal::new(&database);
    journal.append(&[opened("a")]).unwrap();
    // A device that is always full takes the file's place.
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let files = journal.files.as_mut().unwrap();
    let good: File = files.active.replace_file(full());
    let refused = journal.append(&[opened("b")]);
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    // The other file takes over.
    journal.append(&[opened("c")]).unwrap();
    // With both failed, nothing is taken until the database has what they hold.
    let files = journal.files.as_mut().unwrap();
    let good_too: File = files.active.replace_file(full());
    assert!(matches!(
        journal.append(&[opened("d")]),
        Err(StoreError::Full)
    ));
    assert!(matches!(
        journal.append(&[opened("d")]),
        Err(StoreError::Journal { .. })
    ));
    let files = journal.files.as_mut().unwrap();
    files.active.replace_file(good_too);
    files.spare.replace_file(good);
    let refused = journal.append(&[opened("d")]);
    assert!(
        matches!(refused, Err(StoreError::Journal { .. })),
        "{refused:?}"
    );
    let copies: Vec<_> = journals(&database)
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    journal.moved(2);
    journal.append(&[opened("d")]).unwrap();
    stop(journal);
    let store = Sqlite::open(&database).await.unwrap();
    // What was moved stays in its file until that is used again; the database knows it.
    assert_eq!(ids(&store).await, ["c", "d"]);
    for (path, bytes) in copies {
        fs::write(path, bytes).unwrap();
    }
    recover(&database, &store).await.unwrap();
    assert_eq!(ids(&store).await, ["c", "d", "a"]);
}

#[test]
fn a_journal_that_cannot_be_made_is_made_when_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("later/store.db");
    let mut journal = Journal::new(&database);
    let refused = journal.append(&[opened("a")]);
    assert!(
        matches!(refused, Err(StoreError::Journal { .. })),
        "{refused:?}"
    );
    fs::create_dir(folder.path().join("later")).unwrap();
    journal.append(&[opened("a")]).unwrap();
    assert_eq!(journals(&database).len(), 2);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read() {
    use std::os::unix::fs::PermissionsExt;

    let (_folder, database) = in_a_folder();
    let mut journal = Journal::new(&database);
    journal.append(&[opened("a")]).unwrap();
    for file in journals(&database) {
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
}
