use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use portcullis_store::SessionStore;

type Store = Arc<dyn SessionStore>;

pub(crate) async fn an_ended_session_stays_ended_until_purged(store: Store) {
    assert!(!store.is_terminated("a").await.unwrap());
    store.terminate("b", 20).await.unwrap();
    store.terminate("a", 10).await.unwrap();
    assert!(store.is_terminated("a").await.unwrap());
    assert!(!store.is_terminated("A").await.unwrap());
    assert!(!store.is_terminated("%").await.unwrap());
    assert_eq!(
        store.terminated().await.unwrap(),
        [("a".into(), 10), ("b".into(), 20)]
    );

    assert_eq!(store.purge(9).await.unwrap(), 0);
    assert_eq!(store.purge(10).await.unwrap(), 1);
    assert!(!store.is_terminated("a").await.unwrap());
    assert_eq!(store.terminated().await.unwrap(), [("b".into(), 20)]);
}

pub(crate) async fn ending_again_keeps_the_later_expiry(store: Store) {
    for (expires_us, expected) in [(10, 10), (30, 30), (20, 30)] {
        store.terminate("a", expires_us).await.unwrap();
        assert_eq!(store.terminated().await.unwrap(), [("a".into(), expected)]);
    }
}

pub(crate) async fn a_secret_is_made_once(store: Store) {
    assert_eq!(
        store.secret("seal", &|| vec![0, 1, 255]).await.unwrap(),
        [0, 1, 255]
    );
    let made_again = || panic!("the stored secret is there");
    assert_eq!(
        store.secret("seal", &made_again).await.unwrap(),
        [0, 1, 255]
    );
    assert_eq!(store.secret("other", &|| vec![2]).await.unwrap(), [2]);
}

pub(crate) async fn secrets_of_a_race_agree(store: Store) {
    let made = Arc::new(AtomicU8::new(0));
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, made) = (store.clone(), made.clone());
            tokio::spawn(async move {
                let make = || vec![made.fetch_add(1, Ordering::Relaxed)];
                store.secret("seal", &make).await.unwrap()
            })
        })
        .collect();
    let mut values = Vec::new();
    for task in tasks {
        values.push(task.await.unwrap());
    }
    values.dedup();
    assert_eq!(values.len(), 1, "{values:?}");
}
