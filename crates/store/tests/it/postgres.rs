//! Postgres keeps every promise of the contract, and what else its database must do.

use std::sync::Arc;
use std::time::Duration;

use portcullis_store::journal::Journal;
use portcullis_store::{
    AuditFilter, AuditRecord, AuditStore, Postgres, RegistryStore, RevocationKind, RevocationStore,
    SessionStore, State, StoreError, VaultStore,
};
use sqlx::Row;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::contract::audit::{closed, opened};
use crate::contract::registry::{key, seen};
use crate::contract::vault::credential;
use crate::contract::{audit, every_promise, grants, registry, revocations, sessions, vault};
use crate::server::database;

/// One test per promise.
macro_rules! promises {
    ($($area:ident: $($promise:ident),+;)+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let Some(database) = database().await else { return };
                $area::$promise(Arc::new(database.open().await)).await;
            }
        )+)+
    };
}

mod promises {
    use super::*;
    every_promise!(promises);
}

#[tokio::test]
async fn another_programs_database_is_left_alone() {
    for sql in [
        "CREATE TABLE bookmark (url TEXT)",
        "CREATE TABLE schema_version (version BIGINT)",
        "CREATE SEQUENCE numbers",
        "CREATE VIEW one AS SELECT 1",
    ] {
        let Some(database) = database().await else {
            return;
        };
        database.run(sql).await.unwrap();
        let folder = database.folder.path();
        for refused in [
            Postgres::open(&database.address, folder).await,
            Postgres::open_read_only(&database.address, folder).await,
        ] {
            assert!(
                matches!(refused, Err(StoreError::Foreign { .. })),
                "{sql}: {refused:?}"
            );
        }
        let tables =
            "SELECT count(*) AS n FROM pg_class WHERE relnamespace = 'public'::regnamespace";
        let row = sqlx::query(tables)
            .fetch_one(&mut database.raw().await)
            .await
            .unwrap();
        assert_eq!(row.get::<i64, _>("n"), 1, "{sql}");
    }
}

#[tokio::test]
async fn a_database_from_the_future_is_refused() {
    let Some(database) = database().await else {
        return;
    };
    let folder = database.folder.path();
    let empty = Postgres::open_read_only(&database.address, folder).await;
    assert!(
        matches!(empty, Err(StoreError::Outdated { found: 0, known: 8 })),
        "{empty:?}"
    );
    database.open().await.close().await;
    database
        .run("INSERT INTO schema_version (version, name) VALUES (999, 'x')")
        .await
        .unwrap();
    for refused in [
        Postgres::open(&database.address, folder).await,
        Postgres::open_read_only(&database.address, folder).await,
    ] {
        assert!(
            matches!(
                refused,
                Err(StoreError::FromTheFuture {
                    found: 999,
                    known: 8
                })
            ),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn records_cannot_be_changed_or_removed() {
    let Some(database) = database().await else {
        return;
    };
    let store = database.open().await;
    let records = [
        AuditRecord::Opened(opened("a", 1)),
        AuditRecord::Closed(closed("a", "ok")),
    ];
    store.append(&records).await.unwrap();
    store
        .observe(&[seen("search", "1", State::Seen)], 1)
        .await
        .unwrap();
    store.add_credential(&credential("c", "ada")).await.unwrap();
    store.revoke_credential("c", 1).await.unwrap();
    let everything = AuditFilter::default();
    let entries = store.entries(&everything).await.unwrap();
    let history = store.history(&key("search")).await.unwrap();

    let row = "(seq, kind, entry, at_us, transport, direction, method) OVERRIDING SYSTEM VALUE
        VALUES (1, 'opened', 'z', 1, 'http', 'client', 'm')";
    let taken = "(kind, entry, at_us, transport, direction, method)
        VALUES ('opened', 'a', 1, 'http', 'client', 'm')";
    let unopened = "(kind, entry, at_us, decision, policies, outcome, findings, bytes_in,
        bytes_out, timings_us) VALUES ('closed', 'z', 1, 'permit', '[]', 'ok', '[]', 0, 0, '{}')";
    for sql in [
        "UPDATE audit_record SET at_us = 0".to_owned(),
        "DELETE FROM audit_record".to_owned(),
        "DELETE FROM audit_record WHERE seq = 2".to_owned(),
        "TRUNCATE audit_record".to_owned(),
        format!("INSERT INTO audit_record {row}"),
        format!("INSERT INTO audit_record {row} ON CONFLICT (seq) DO UPDATE SET at_us = 0"),
        format!("INSERT INTO audit_record {taken}"),
        format!("INSERT INTO audit_record {unopened}"),
        "UPDATE definition_history SET state_after = 'approved'".to_owned(),
        "DELETE FROM definition_history".to_owned(),
        "TRUNCATE definition_history".to_owned(),
        "UPDATE credential SET state = 'active'".to_owned(),
    ] {
        assert!(database.run(&sql).await.is_err(), "{sql}");
        assert_eq!(store.entries(&everything).await.unwrap(), entries, "{sql}");
        let read = store.history(&key("search")).await.unwrap();
        assert_eq!(read, history, "{sql}");
    }
}

#[tokio::test]
async fn a_failure_shows_no_stored_value() {
    let Some(database) = database().await else {
        return;
    };
    let store = database.open().await;
    store
        .append(&[AuditRecord::Opened(opened("CANARY", 1))])
        .await
        .unwrap();
    // As if another program had written past the store.
    database
        .run("ALTER TABLE audit_record DISABLE TRIGGER USER; DELETE FROM audit_record")
        .await
        .unwrap();
    let refused = store
        .append(&[AuditRecord::Opened(opened("CANARY", 1))])
        .await
        .unwrap_err();
    let source = std::error::Error::source(&refused).unwrap().to_string();
    assert!(source.contains("SQLSTATE 23505"), "{source}");
    assert!(!format!("{refused:?} {refused} {source}").contains("CANARY"));
    assert!(format!("{store:?}").contains("Postgres"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let password = secrecy::SecretString::from("CANARY");
    let missing = format!(
        "postgres:///p?host={}&user=u",
        folder.path().join("none").display()
    );
    let address = portcullis_store::PostgresAddress::parse(&missing, Some(&password)).unwrap();
    let refused = Postgres::open(&address, folder.path()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Open { .. }), "{refused:?}");
    let shown = format!("{refused:?} {refused}");
    assert!(shown.contains("none"), "{shown}");
    assert!(!shown.contains("CANARY"), "{shown}");
}

/// Whoever answers in the place of a server on another machine, and offers no TLS, learns neither
/// user nor password.
#[tokio::test]
async fn a_server_without_tls_is_told_nothing() {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let impostor = tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.unwrap();
        let mut asked = [0; 8];
        stream.read_exact(&mut asked).await.unwrap();
        stream.write_all(b"N").await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        (asked, rest)
    });
    let password = secrecy::SecretString::from("CANARY");
    // As the store asks of every server on another machine, see `PostgresAddress`.
    let url = format!("postgres://ada@127.0.0.1:{port}/p?sslmode=verify-full");
    let address = portcullis_store::PostgresAddress::parse(&url, Some(&password)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let refused = Postgres::open(&address, folder.path()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Open { .. }), "{refused:?}");
    let (asked, rest) = impostor.await.unwrap();
    // The message SSLRequest: its length, and a number.
    assert_eq!(asked, [0, 0, 0, 8, 4, 210, 22, 47]);
    assert!(rest.is_empty(), "{rest:?}");
}

/// A connection that the server ends is a failed call, not a broken store.
#[tokio::test]
async fn a_store_outlives_its_connections() {
    let Some(database) = database().await else {
        return;
    };
    let store = database.open().await;
    store.terminate("a", 1).await.unwrap();
    database
        .run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await
        .unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        match store.is_terminated("a").await {
            Ok(ended) => return assert!(ended),
            Err(error) => assert!(matches!(error, StoreError::Io(_)), "{error:?}"),
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "it does not recover"
        );
    }
}

#[tokio::test]
async fn an_append_that_is_given_up_leaves_all_or_nothing() {
    let Some(database) = database().await else {
        return;
    };
    let store = database.open().await;
    for patience_us in [0, 300, 1_000, 3_000, 10_000] {
        let batch: Vec<_> = (0..200)
            .map(|record| AuditRecord::Opened(opened(&format!("{patience_us}-{record:03}"), 1)))
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
        let left = store.entries(&filter).await.unwrap();
        match ended {
            Ok(appended) => {
                appended.unwrap();
                assert_eq!(left.len(), 200);
            }
            Err(_) => assert!(left.is_empty() || left.len() == 200, "{}", left.len()),
        }
        assert!(left.is_sorted_by_key(|entry| entry.opened.entry.clone()));
    }
}

/// The journal stands in front of Postgres as it does in front of SQLite.
#[tokio::test]
async fn what_a_process_left_in_its_journal_is_taken_over() {
    let Some(database) = database().await else {
        return;
    };
    let store = database.open().await;
    let beside = store.journal_beside().unwrap().to_owned();
    assert_eq!(beside.parent(), Some(database.folder.path()));
    let mut journal = Journal::new(&beside);
    let records = |entry: &str| {
        [
            AuditRecord::Opened(opened(entry, 1)),
            AuditRecord::Closed(closed(entry, "ok")),
        ]
    };
    journal.append(&records("in-both")).unwrap();
    journal.append(&records("in-the-journal")).unwrap();
    store.append(&records("in-both")).await.unwrap();
    // Its owner lives: nobody takes it.
    let other = database.open().await;
    assert_eq!(
        other.entries(&AuditFilter::default()).await.unwrap().len(),
        1
    );
    drop(journal);

    let reader = Postgres::open_read_only(&database.address, database.folder.path())
        .await
        .unwrap();
    let entries = reader.entries(&AuditFilter::default()).await.unwrap();
    let ids: Vec<&str> = entries.iter().map(|e| e.opened.entry.as_str()).collect();
    assert_eq!(ids, ["in-both", "in-the-journal"]);
    assert!(entries.iter().all(|entry| entry.closed.is_some()));
    assert_eq!(database.folder.path().read_dir().unwrap().count(), 0);
}

/// Another database's journals in the same folder are not for this one.
#[tokio::test]
async fn journals_of_two_databases_are_kept_apart() {
    let (Some(one), Some(two)) = (database().await, database().await) else {
        return;
    };
    let first = one.open().await;
    let mut journal = Journal::new(first.journal_beside().unwrap());
    let record = AuditRecord::Opened(opened("a", 1));
    journal.append([&record]).unwrap();
    drop(journal);
    let second = Postgres::open(&two.address, one.folder.path())
        .await
        .unwrap();
    let everything = AuditFilter::default();
    assert!(second.entries(&everything).await.unwrap().is_empty());
    assert_eq!(
        one.open().await.entries(&everything).await.unwrap().len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_heard_of_at_once() {
    let Some(database) = database().await else {
        return;
    };
    let (one, two) = (database.open().await, database.open().await);
    let patience = Duration::from_secs(30);
    for turn in 0..3 {
        let heard = tokio::spawn({
            let two = two.clone();
            async move { two.changed().await }
        });
        // It may not listen yet, so the change comes again until it is heard.
        let deadline = tokio::time::Instant::now() + patience;
        let mut at_us = 0;
        while !heard.is_finished() {
            at_us += 1;
            one.revoke(&revocations::revocation(RevocationKind::User, "ada", at_us))
                .await
                .unwrap();
            assert!(tokio::time::Instant::now() < deadline, "turn {turn}");
        }
        heard.await.unwrap().unwrap();
    }
    // A handle that is closed ends the wait of whoever listens on it.
    let waiting = tokio::spawn({
        let two = two.clone();
        async move { while two.changed().await.is_ok() {} }
    });
    tokio::time::timeout(patience, two.close()).await.unwrap();
    tokio::time::timeout(patience, waiting)
        .await
        .unwrap()
        .unwrap();
}
