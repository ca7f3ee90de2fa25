//! Two handles on one database stand for two processes: they share nothing else.

use std::sync::Arc;

use portcullis_store::{
    AuditFilter, AuditRecord, Revocation, RevocationKind, State, Store, StoreError,
};

use super::audit::{closed, opened};
use super::registry::{key, seen};
use super::vault::{self, credential, resealed};

type Handle = Arc<dyn Store>;

pub(crate) async fn a_decision_is_visible_to_the_other(one: Handle, two: Handle) {
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

    let before = two.revocation_generation().await.unwrap();
    let revocation = Revocation {
        kind: RevocationKind::User,
        key: "ada".into(),
        at_us: 1,
        reason: "left".into(),
        by: "bob".into(),
        expires_us: None,
    };
    one.revoke(&revocation).await.unwrap();
    assert!(two.revocation_generation().await.unwrap() > before);
    assert_eq!(two.revocations(0).await.unwrap(), [revocation]);
}

pub(crate) async fn writers_wait_for_each_other(one: Handle, two: Handle) {
    let writing = [("a", &one), ("b", &two)].map(|(name, store)| {
        let store = Arc::clone(store);
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
    });
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

/// Positions become visible in their order: whoever reads what comes after the last position seen
/// reads everything.
pub(crate) async fn a_follower_misses_nothing(one: Handle, two: Handle) {
    const EACH: usize = 60;
    let writing = [("a", &one), ("b", &two), ("c", &one), ("d", &two)].map(|(name, store)| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            for turn in 0..EACH {
                // Batches of different sizes take differently long.
                let records: Vec<_> = (0..=turn % 7)
                    .map(|part| AuditRecord::Opened(opened(&format!("{name}{turn:02}-{part}"), 1)))
                    .collect();
                store.append(&records).await.unwrap();
            }
        })
    });
    let expected = 4 * (0..EACH).map(|turn| turn % 7 + 1).sum::<usize>();
    let mut filter = AuditFilter {
        after_seq: Some(0),
        limit: 10_000,
        ..AuditFilter::default()
    };
    let mut followed = 0;
    loop {
        // Asked before the page is read: what was written by then is in it.
        let done = writing.iter().all(tokio::task::JoinHandle::is_finished);
        let page = two.entries(&filter).await.unwrap();
        followed += page.len();
        if let Some(last) = page.last() {
            filter.after_seq = Some(last.seq);
        } else if done {
            break;
        }
    }
    for written in writing {
        written.await.unwrap();
    }
    assert_eq!(followed, expected);
}

/// Two replicas that see a definition first at the same time: one pins it, the other's different
/// version is held.
pub(crate) async fn of_two_first_sights_one_is_pinned(one: Handle, two: Handle) {
    for round in 0..10 {
        let name = format!("tool-{round}");
        let sights = [(&one, "1"), (&two, "2")].map(|(store, hash)| {
            let (store, seen) = (Arc::clone(store), seen(&name, hash, State::Approved));
            tokio::spawn(async move { store.observe(&[seen], 1).await })
        });
        for sight in sights {
            sight.await.unwrap().unwrap();
        }
        let mut states: Vec<State> = one
            .load()
            .await
            .unwrap()
            .into_iter()
            .filter(|record| record.key == key(&name))
            .map(|record| record.state)
            .collect();
        states.sort();
        assert_eq!(states, [State::Quarantined, State::Approved]);
    }
}

/// The race that a refresh token must not lose: both have read version 1, one may replace it.
pub(crate) async fn of_two_renewals_one_counts(one: Handle, two: Handle) {
    for round in 0..10_u8 {
        let id = format!("credential-{round}");
        let mut sealed = credential(&id, &id);
        sealed.record.key = vault::key(&id);
        assert!(one.add_credential(&sealed).await.unwrap());
        let renewals = [(&one, 1), (&two, 2)].map(|(store, content)| {
            let (store, id) = (Arc::clone(store), id.clone());
            tokio::spawn(async move {
                let read = store.credential_by_id(&id).await.unwrap().unwrap();
                let version = read.record.version;
                let new = resealed(content);
                (version, store.replace_credential(&id, version, &new).await)
            })
        });
        let mut won = 0;
        for renewal in renewals {
            let (version, replaced) = renewal.await.unwrap();
            won += i64::from(replaced.unwrap());
            assert!((1..=2).contains(&version));
        }
        let read = two.credential_by_id(&id).await.unwrap().unwrap();
        assert_eq!(read.record.version, 1 + won, "a renewal was lost");
        assert!(won >= 1);
    }
}

pub(crate) async fn a_revocation_wins_against_a_renewal(one: Handle, two: Handle) {
    for round in 0..10_u8 {
        let id = format!("credential-{round}");
        assert!(one.add_credential(&credential(&id, &id)).await.unwrap());
        let renewing = {
            let (store, id) = (Arc::clone(&one), id.clone());
            tokio::spawn(async move { store.replace_credential(&id, 1, &resealed(1)).await })
        };
        assert!(two.revoke_credential(&id, 9).await.unwrap());
        renewing.await.unwrap().unwrap();
        assert_eq!(one.credential(&vault::key(&id)).await.unwrap(), None);
        let read = one.credential_by_id(&id).await.unwrap().unwrap();
        assert!(read.sealed.is_empty());
    }
}

/// What `reader` must refuse, after `writer` has written something to read.
pub(crate) async fn a_reader_writes_nothing(writer: Handle, reader: Handle) {
    writer
        .append(&[AuditRecord::Opened(opened("a", 1))])
        .await
        .unwrap();
    writer
        .observe(&[seen("search", "1", State::Seen)], 1)
        .await
        .unwrap();
    writer.secret("seal", &|| vec![7]).await.unwrap();
    let entries = reader.entries(&AuditFilter::default()).await.unwrap();
    assert_eq!(entries.len(), 1);
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
        reader
            .add_credential(&credential("a", "ada"))
            .await
            .map(drop),
        reader.lease("a", "me", 1, 2).await.map(drop),
        reader.put_once("a", b"x", 1).await.map(drop),
        reader.take("a", 1).await.map(drop),
    ];
    for refused in refusals {
        assert!(matches!(refused, Err(StoreError::ReadOnly)), "{refused:?}");
    }
    assert_eq!(writer.load().await.unwrap().len(), 1);
}

pub(crate) async fn secrets_of_many_openers_agree<F>(open: impl Fn() -> F)
where
    F: Future<Output = Handle> + Send + 'static,
{
    let opening: Vec<_> = (0..8_u8)
        .map(|process| {
            let opening = open();
            tokio::spawn(async move {
                let store = opening.await;
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
