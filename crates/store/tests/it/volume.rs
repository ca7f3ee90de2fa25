//! Ten thousand records, grouped as the gateway groups them, and every filter over them.

use std::sync::Arc;

use portcullis_store::{AuditFilter, AuditRecord, AuditStore, Closed, Opened, Sqlite};

use crate::contract::audit::{closed, opened};
use crate::server::database;

const ENTRIES: usize = 5_000;

fn records(number: usize) -> [AuditRecord; 2] {
    let entry = format!("{number:06}");
    let denied = number.is_multiple_of(10);
    let begun = Opened {
        principal: Some(format!("user-{}", number % 7)),
        issuer: Some(format!("issuer-{}", number % 2)),
        application: Some(format!("application-{}", number % 5)),
        actors: (0..number % 4)
            .map(|actor| format!("agent-{actor}"))
            .collect(),
        token: Some(format!("token-{}", number / 50)),
        profile: Some(format!("profile-{}", number % 3)),
        method: if number.is_multiple_of(2) {
            "tools/call"
        } else {
            "tools/list"
        }
        .to_owned(),
        ..opened(&entry, i64::try_from(number).unwrap())
    };
    let ended = Closed {
        decision: if denied { "deny" } else { "permit" }.to_owned(),
        reason: denied.then(|| format!("reason-{}", number % 20)),
        server: Some(format!("server-{}", number % 4)),
        target: Some(format!("tool-{}", number % 100)),
        ..closed(&entry, if denied { "refused" } else { "ok" })
    };
    [AuditRecord::Opened(begun), AuditRecord::Closed(ended)]
}

#[tokio::test]
async fn ten_thousand_records_in_a_file_answer_every_filter() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&folder.path().join("store.db")).await.unwrap();
    answers_every_filter(Arc::new(store)).await;
}

#[tokio::test]
async fn ten_thousand_records_in_postgres_answer_every_filter() {
    let Some(database) = database().await else {
        return;
    };
    answers_every_filter(Arc::new(database.open().await)).await;
}

async fn answers_every_filter(store: Arc<dyn AuditStore>) {
    let all: Vec<_> = (0..ENTRIES).flat_map(records).collect();
    assert_eq!(all.len(), 10_000);
    for batch in all.chunks(128) {
        store.append(batch).await.unwrap();
    }
    assert!(store.unfinished(i64::MAX).await.unwrap().is_empty());

    let check = async |set: fn(&mut AuditFilter), holds: fn(usize) -> bool| {
        let mut filter = AuditFilter {
            limit: usize::MAX,
            ..AuditFilter::default()
        };
        set(&mut filter);
        let expected: Vec<_> = (0..ENTRIES)
            .filter(|n| holds(*n))
            .map(|n| format!("{n:06}"))
            .collect();
        let found: Vec<_> = store
            .entries(&filter)
            .await
            .unwrap()
            .into_iter()
            .map(|e| e.opened.entry)
            .collect();
        assert!(!expected.is_empty(), "{filter:?} must select something");
        assert_eq!(found, expected, "{filter:?}");
    };
    check(|_| (), |_| true).await;
    check(|f| f.principal = Some("user-3".into()), |n| n % 7 == 3).await;
    check(|f| f.issuer = Some("issuer-1".into()), |n| n % 2 == 1).await;
    check(
        |f| f.application = Some("application-2".into()),
        |n| n % 5 == 2,
    )
    .await;
    check(|f| f.actor = Some("agent-1".into()), |n| n % 4 >= 2).await;
    check(|f| f.token = Some("token-7".into()), |n| n / 50 == 7).await;
    check(|f| f.profile = Some("profile-1".into()), |n| n % 3 == 1).await;
    check(|f| f.server = Some("server-2".into()), |n| n % 4 == 2).await;
    check(|f| f.method = Some("tools/list".into()), |n| n % 2 == 1).await;
    check(
        |f| f.target = Some("tool-4*".into()),
        |n| matches!(n % 100, 4 | 40..50),
    )
    .await;
    check(|f| f.decision = Some("deny".into()), |n| n % 10 == 0).await;
    check(|f| f.outcome = Some("ok".into()), |n| n % 10 != 0).await;
    check(|f| f.reason = Some("reason-10".into()), |n| n % 20 == 10).await;
    check(|f| f.entry = Some("0012*".into()), |n| n / 100 == 12).await;
    check(|f| f.since_us = Some(4_990), |n| n >= 4_990).await;
    check(|f| f.until_us = Some(10), |n| n < 10).await;
    check(
        |f| {
            f.principal = Some("user-*".into());
            f.method = Some("tools/call".into());
            f.decision = Some("deny".into());
            f.server = Some("server-0".into());
        },
        |n| n % 20 == 0,
    )
    .await;
}
