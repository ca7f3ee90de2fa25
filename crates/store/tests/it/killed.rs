//! A process that is killed between the journal and the database.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use portcullis_store::journal::Journal;
use portcullis_store::{AuditFilter, AuditRecord, AuditStore, Sqlite};

use crate::contract::audit::{closed, opened};

/// Where the child finds the database. Unset, this is an ordinary test run.
const DATABASE: &str = "PORTCULLIS_TEST_KILLED_DATABASE";
const PROMISED: &str = "promised ";

/// The child: makes one record after the other durable and says so, until it is killed.
#[test]
fn writes_until_it_is_killed() {
    let Some(database) = env::var_os(DATABASE) else {
        return;
    };
    let mut journal = Journal::new(Path::new(&database));
    for number in 0_u64.. {
        let entry = format!("{number:06}");
        let records = [
            AuditRecord::Opened(opened(&entry, 1)),
            AuditRecord::Closed(closed(&entry, "ok")),
        ];
        let group = journal.append(&records).unwrap();
        println!("{PROMISED}{entry}");
        // As if the database had all but the last thousand, so that both files are in use.
        if let Some(moved) = group.checked_sub(1_000) {
            journal.moved(moved);
        }
    }
}

#[tokio::test]
async fn what_was_promised_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("store.db");
    let store = Sqlite::open(&database).await.unwrap();
    for promises in [1, 700] {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "killed::writes_until_it_is_killed",
                "--nocapture",
            ])
            .env(DATABASE, &database)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let promised: Vec<String> = output
            .lines()
            .map(Result::unwrap)
            .filter_map(|line| line.split_once(PROMISED).map(|(_, entry)| entry.to_owned()))
            .take(promises)
            .collect();
        // SIGKILL: the child cannot tidy up.
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(promised.len(), promises);

        let again = Sqlite::open(&database).await.unwrap();
        let all = AuditFilter {
            limit: usize::MAX,
            ..AuditFilter::default()
        };
        let found: Vec<String> = again
            .entries(&all)
            .await
            .unwrap()
            .into_iter()
            .filter(|entry| entry.closed.is_some())
            .map(|entry| entry.opened.entry)
            .collect();
        assert!(found.len() >= promises && found.starts_with(&promised));
        assert!(again.unfinished(i64::MAX).await.unwrap().is_empty());
    }
    drop(store);
}
