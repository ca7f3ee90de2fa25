use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use portcullis_store::journal::recover;
use portcullis_store::{AuditEntry, AuditFilter, AuditStore, Sqlite, StoreError};
use tokio::sync::Semaphore;

use super::*;
use crate::arrival::{Headers, Selector, Transport};

/// A store that fails when told to and counts what it is asked.
struct Store {
    inner: Sqlite,
    journal: Option<PathBuf>,
    gate: Semaphore,
    failing: AtomicBool,
    appends: AtomicUsize,
}

#[async_trait]
impl AuditStore for Store {
    async fn append(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        let _open = self.gate.acquire().await.unwrap();
        if self.failing.load(Ordering::SeqCst) {
            return Err(StoreError::Full);
        }
        self.inner.append(records).await
    }

    async fn entries(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        self.inner.entries(filter).await
    }

    async fn unfinished(&self, opened_before: i64) -> Result<Vec<String>, StoreError> {
        self.inner.unfinished(opened_before).await
    }

    fn journal_beside(&self) -> Option<&Path> {
        self.journal.as_deref()
    }
}

async fn trail() -> (Trail, Arc<Store>) {
    trail_with(None).await
}

/// A trail whose journal is to stand in `folder`.
async fn journaled(folder: &Path) -> (Trail, Arc<Store>) {
    trail_with(Some(folder.join("trail.db"))).await
}

async fn trail_with(journal: Option<PathBuf>) -> (Trail, Arc<Store>) {
    let inner = Sqlite::open_in_memory().await.unwrap();
    let store = Arc::new(Store {
        inner,
        journal,
        gate: Semaphore::new(1),
        failing: AtomicBool::new(false),
        appends: AtomicUsize::new(0),
    });
    let (trail, _writer) = Trail::start(store.clone());
    (trail, store)
}

fn facts() -> Facts {
    Facts {
        transport: Transport::Http,
        remote: Some("192.0.2.7:9".parse().unwrap()),
        certificate: None,
        forwarded: false,
        profile: Selector::Path("/".to_owned()),
        headers: Headers::default(),
        connection: None,
    }
}

async fn entries(trail: &Trail, store: &Store) -> Vec<AuditEntry> {
    let start = Instant::now();
    while trail.flush().await.is_err() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "the trail never recovers"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    store.entries(&AuditFilter::default()).await.unwrap()
}

#[tokio::test]
async fn an_entry_is_written_once_whatever_happens_to_it() {
    let (trail, store) = trail().await;
    let mut finished = Entry::begin(trail.clone(), &facts());
    let id = finished.id().to_owned();
    finished.describe(|opened| opened.method = "ping".to_owned());
    finished.decision(true, &["p".to_owned()], "v1");
    finished.received(7);
    finished.step("authn");
    finished.finish(Outcome::Ok, "{}");
    // What comes after the end changes nothing.
    finished.finish(Outcome::ToolError, "more");
    finished.refuse(&Refusal::new(Reason::Internal));
    assert_eq!(finished.id(), id, "the id can still be told");
    drop(finished);
    drop(Entry::begin(trail.clone(), &facts()));
    let mut refused = Entry::begin(trail.clone(), &facts());
    refused.refuse(&Refusal::new(Reason::UpstreamTimeout));
    drop(refused);
    let entries = entries(&trail, &store).await;
    let ends: Vec<(&str, Option<&str>)> = entries
        .iter()
        .map(|entry| entry.closed.as_ref().unwrap())
        .map(|closed| (closed.outcome.as_str(), closed.reason.as_deref()))
        .collect();
    assert_eq!(
        ends,
        [
            ("ok", None),
            ("cancelled", None),
            ("upstream-failed", Some("upstream-timeout"))
        ]
    );
    let (opened, closed) = (&entries[0].opened, entries[0].closed.as_ref().unwrap());
    assert_eq!(
        (
            opened.entry.as_str(),
            opened.method.as_str(),
            opened.remote.as_deref()
        ),
        (id.as_str(), "ping", Some("192.0.2.7"))
    );
    assert_eq!(
        (
            closed.decision.as_str(),
            closed.policies.as_slice(),
            closed.policy_version.as_deref()
        ),
        ("permit", &["p".to_owned()][..], Some("v1"))
    );
    assert_eq!((closed.bytes_in, closed.bytes_out), (7, 2));
    assert_eq!(closed.result_digest, Some(sha256(b"{}")));
    assert!(closed.timings_us["authn"].is_u64() && closed.timings_us["close"].is_u64());
}

#[tokio::test]
async fn who_acts_for_whom_through_what_stands_in_the_entry() {
    let (trail, store) = trail().await;
    let mut signed_in = Entry::begin(trail.clone(), &facts());
    signed_in.principal(&crate::authn::tests::signed_in("company:ada", 1));
    // What the client says of itself is kept apart.
    signed_in.protocol("2026-07-28", Era::Modern, Some("someone else/1"));
    signed_in.finish(Outcome::Ok, "{}");
    let mut without_token = Entry::begin(trail.clone(), &facts());
    without_token.principal(&Principal::operator());
    without_token.finish(Outcome::Ok, "{}");
    let entries = entries(&trail, &store).await;

    let opened = &entries[0].opened;
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(opened.principal, some("company:ada"));
    assert_eq!(opened.issuer, some("company"));
    assert_eq!(opened.application, some("editor"));
    assert_eq!(opened.actors, ["assistant"]);
    assert_eq!(opened.token, some("token of company:ada"));
    assert_eq!(opened.client, some("someone else/1"));

    let opened = &entries[1].opened;
    assert_eq!(opened.principal, some("portcullis"));
    assert_eq!(
        (&opened.issuer, &opened.application, &opened.token),
        (&None, &None, &None)
    );
    assert!(opened.actors.is_empty(), "{:?}", opened.actors);
}

#[tokio::test]
async fn an_intent_is_on_disk_when_the_proof_is_there() {
    let (trail, store) = trail().await;
    let mut entry = Entry::begin(trail.clone(), &facts());
    let recorded = entry.intend("the call", true).await.unwrap();
    assert_eq!(recorded.into_inner(), "the call");
    let on_disk = store.entries(&AuditFilter::default()).await.unwrap();
    assert_eq!((on_disk.len(), on_disk[0].closed.is_none()), (1, true));
    drop(entry);
    assert_eq!(
        entries(&trail, &store).await[0]
            .closed
            .as_ref()
            .unwrap()
            .outcome,
        "cancelled"
    );
}

#[tokio::test]
async fn a_failing_store_gives_no_proof_and_loses_no_entry() {
    let (trail, store) = trail().await;
    store.failing.store(true, Ordering::SeqCst);
    // The first is noticed by the writer, the others are refused at the door.
    for changes in [true, true, false] {
        let mut entry = Entry::begin(trail.clone(), &facts());
        let refusal = entry.intend((), changes).await.unwrap_err();
        assert_eq!(refusal.reason(), Reason::AuditUnavailable);
        entry.refuse(&refusal);
    }
    store.failing.store(false, Ordering::SeqCst);
    let entries = entries(&trail, &store).await;
    assert_eq!(entries.len(), 3);
    assert!(
        entries
            .iter()
            .all(|entry| entry.closed.as_ref().unwrap().reason.as_deref()
                == Some("audit-unavailable"))
    );
    let mut entry = Entry::begin(trail.clone(), &facts());
    assert!(entry.intend((), true).await.is_ok());
}

#[tokio::test]
async fn a_record_that_contradicts_the_trail_holds_nobody_up() {
    let (trail, store) = trail().await;
    let stray = Closed {
        entry: "never-opened".to_owned(),
        decision: "none".to_owned(),
        outcome: "ok".to_owned(),
        ..Closed::default()
    };
    trail.soon(vec![AuditRecord::Closed(stray)]).unwrap();
    drop(Entry::begin(trail.clone(), &facts()));
    assert_eq!(entries(&trail, &store).await.len(), 1);
}

#[tokio::test]
async fn many_records_share_a_commit() {
    let (trail, store) = trail().await;
    for _ in 0..500 {
        drop(Entry::begin(trail.clone(), &facts()));
    }
    assert_eq!(
        entries(&trail, &store).await.len(),
        100,
        "the filter's limit"
    );
    assert!(store.appends.load(Ordering::SeqCst) < 50);
}

#[tokio::test]
async fn a_trail_that_is_off_records_nothing_and_permits_everything() {
    let mut entry = Entry::begin(Trail::off(), &facts());
    assert!(entry.intend((), true).await.is_ok());
    entry.finish(Outcome::Ok, "");
    assert!(Trail::off().flush().await.is_ok());
}

#[test]
fn the_strictest_verdict_of_both_directions_is_kept() {
    let mut entry = Entry::begin(Trail::off(), &facts());
    for (verdict, expected) in [
        (Verdict::Allow, "allow"),
        (Verdict::Redact, "redact"),
        (Verdict::Mark, "redact"),
        (Verdict::Block, "block"),
        (Verdict::Hold, "block"),
    ] {
        entry.screened(verdict, &[]);
        assert_eq!(entry.closed.verdict.as_deref(), Some(expected));
    }
}

/// What another process would find in `folder` if this one were stopped now.
async fn after_a_stop(folder: &Path) -> Vec<AuditEntry> {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let store = Sqlite::open_in_memory().await.unwrap();
    recover(&copy.path().join("trail.db"), &store)
        .await
        .unwrap();
    let all = AuditFilter {
        limit: usize::MAX,
        ..AuditFilter::default()
    };
    store.entries(&all).await.unwrap()
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// Waits until `holds`, for at most a while.
async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_intent_is_in_the_journal_when_the_proof_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (trail, store) = journaled(folder.path()).await;
    store.failing.store(true, Ordering::SeqCst);
    let mut ids = Vec::new();
    for _ in 0..20 {
        let mut entry = Entry::begin(trail.clone(), &facts());
        entry.intend((), true).await.unwrap();
        ids.push(entry.id().to_owned());
        let found: Vec<String> = after_a_stop(folder.path())
            .await
            .into_iter()
            .map(|entry| entry.opened.entry)
            .collect();
        assert_eq!(found, ids);
        entry.finish(Outcome::Ok, "{}");
    }
    // The database is behind, and says so to who asks for it.
    eventually("the failure is noticed", async || {
        trail.flush().await.is_err()
    })
    .await;
    store.failing.store(false, Ordering::SeqCst);
    let entries = entries(&trail, &store).await;
    assert!(entries.iter().map(|entry| &entry.opened.entry).eq(&ids));
    assert!(entries.iter().all(|entry| entry.closed.is_some()));
    assert_eq!(files(folder.path()), 0, "nothing is left in a journal");
}

#[tokio::test]
async fn the_database_has_every_record_soon_without_being_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (trail, store) = journaled(folder.path()).await;
    drop(Entry::begin(trail.clone(), &facts()));
    eventually("the entry is in the database", async || {
        let entries = store.entries(&AuditFilter::default()).await.unwrap();
        entries.len() == 1 && entries[0].closed.is_some()
    })
    .await;
    drop(trail);
    eventually("the journal is removed", async || files(folder.path()) == 0).await;
}

#[tokio::test]
async fn calls_are_refused_while_there_can_be_no_journal_and_pass_when_there_can() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("not/yet");
    let (trail, store) = journaled(&place).await;
    for changes in [true, true, false] {
        let mut entry = Entry::begin(trail.clone(), &facts());
        let refusal = entry.intend((), changes).await.unwrap_err();
        assert_eq!(refusal.reason(), Reason::AuditUnavailable);
        entry.refuse(&refusal);
    }
    std::fs::create_dir_all(&place).unwrap();
    let refused = entries(&trail, &store).await;
    assert_eq!(refused.len(), 3, "what was refused is on record");
    let mut entry = Entry::begin(trail.clone(), &facts());
    assert!(entry.intend((), true).await.is_ok());
}

#[tokio::test]
async fn callers_go_at_the_pace_of_a_database_that_is_far_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (trail, store) = journaled(folder.path()).await;
    let closed_gate = store.gate.acquire().await.unwrap();
    let burst: Vec<AuditRecord> = (0..12_000)
        .map(|number| {
            AuditRecord::Opened(Opened {
                entry: number.to_string(),
                transport: "http".to_owned(),
                direction: "client".to_owned(),
                method: "ping".to_owned(),
                ..Opened::default()
            })
        })
        .collect();
    trail.durable(burst).await.unwrap();
    let mut entry = Entry::begin(trail.clone(), &facts());
    let intended = entry.intend((), true);
    tokio::pin!(intended);
    let early = tokio::time::timeout(Duration::from_millis(300), &mut intended).await;
    assert!(early.is_err(), "nothing more is taken while 12,000 wait");
    drop(closed_gate);
    assert!(intended.await.is_ok());
}

#[tokio::test]
async fn many_calls_share_a_write_and_a_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let (trail, store) = journaled(folder.path()).await;
    let calls = (0..200).map(|_| {
        let mut entry = Entry::begin(trail.clone(), &facts());
        async move { entry.intend((), true).await.is_ok() }
    });
    let taken = futures_util::future::join_all(calls).await;
    assert!(taken.iter().all(|taken| *taken));
    trail.flush().await.unwrap();
    let transactions = store.appends.load(Ordering::SeqCst);
    assert!(transactions < 20, "{transactions}");
}
