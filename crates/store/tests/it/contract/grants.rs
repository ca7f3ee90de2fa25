use std::sync::Arc;

use portcullis_store::{Consent, ConsentKey, GrantStore};

type Store = Arc<dyn GrantStore>;

fn consent(principal: &str, client: &str, scopes: &[&str]) -> Consent {
    Consent {
        key: ConsentKey {
            principal: principal.into(),
            client: client.into(),
            redirect: "http://127.0.0.1/callback".into(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        },
        granted: true,
        at_us: 1,
        expires_us: Some(100),
    }
}

pub(crate) async fn a_value_is_taken_once(store: Store) {
    let value: Vec<u8> = (0..=255).collect();
    assert_eq!(store.take("a", 0).await.unwrap(), None);
    assert!(store.put_once("a", &value, 10).await.unwrap());
    assert!(!store.put_once("a", b"other", 20).await.unwrap());
    assert!(store.put_once("b", b"", 10).await.unwrap());
    assert_eq!(store.take("A", 0).await.unwrap(), None);
    assert_eq!(store.take("a", 9).await.unwrap(), Some(value));
    assert_eq!(store.take("a", 9).await.unwrap(), None);
    assert_eq!(store.take("b", 9).await.unwrap(), Some(Vec::new()));
}

pub(crate) async fn an_expired_value_is_not_given(store: Store) {
    assert!(store.put_once("a", b"x", 10).await.unwrap());
    assert_eq!(store.take("a", 10).await.unwrap(), None);
    assert_eq!(store.take("a", 0).await.unwrap(), None, "it came back");

    assert!(store.put_once("b", b"x", 10).await.unwrap());
    assert!(store.put_once("c", b"x", 11).await.unwrap());
    assert_eq!(store.purge_grants(9).await.unwrap(), 0);
    assert_eq!(store.purge_grants(10).await.unwrap(), 1);
    assert_eq!(store.take("b", 0).await.unwrap(), None);
    assert_eq!(store.take("c", 0).await.unwrap(), Some(b"x".to_vec()));
}

pub(crate) async fn of_many_takers_one_gets_it(store: Store) {
    for round in 0..4 {
        let key = format!("round-{round}");
        assert!(store.put_once(&key, b"x", 10).await.unwrap());
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (store, key) = (store.clone(), key.clone());
                tokio::spawn(async move { store.take(&key, 0).await.unwrap() })
            })
            .collect();
        let mut taken = Vec::new();
        for task in tasks {
            taken.extend(task.await.unwrap());
        }
        assert_eq!(taken, [b"x"]);
    }
}

pub(crate) async fn of_many_putters_one_is_first(store: Store) {
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.put_once("jti", b"", 10).await.unwrap() })
        })
        .collect();
    let mut first = 0;
    for task in tasks {
        first += u32::from(task.await.unwrap());
    }
    assert_eq!(first, 1, "a replay was not seen");
}

pub(crate) async fn a_consent_is_for_exactly_what_was_asked(store: Store) {
    let given = consent("ada", "client", &["a", "b"]);
    store.put_consent(&given).await.unwrap();
    assert_eq!(
        store.consent(&given.key, 0).await.unwrap(),
        Some(given.clone())
    );
    for other in [
        consent("bob", "client", &["a", "b"]).key,
        consent("ada", "Client", &["a", "b"]).key,
        consent("ada", "client", &["a"]).key,
        consent("ada", "client", &["a", "b", "c"]).key,
        consent("ada", "client", &["a,b"]).key,
        consent("ada", "client", &[]).key,
        ConsentKey {
            redirect: "http://127.0.0.1/callback/".into(),
            ..given.key.clone()
        },
    ] {
        assert_eq!(store.consent(&other, 0).await.unwrap(), None, "{other:?}");
    }
    assert_eq!(store.consent(&given.key, 100).await.unwrap(), None);
}

pub(crate) async fn the_last_decision_counts(store: Store) {
    let given = consent("ada", "client", &["a"]);
    let taken_back = Consent {
        granted: false,
        at_us: 2,
        expires_us: None,
        ..given.clone()
    };
    store.put_consent(&given).await.unwrap();
    store.put_consent(&taken_back).await.unwrap();
    assert_eq!(
        store.consent(&given.key, 1_000).await.unwrap(),
        Some(taken_back)
    );
}

pub(crate) async fn consents_are_listed_and_forgotten(store: Store) {
    let odd = consent("ada", "\u{0}'", &["\u{0}", "é"]);
    let stored = [
        odd.clone(),
        consent("ada", "client", &["a"]),
        consent("ada", "client", &["b"]),
        Consent {
            expires_us: None,
            ..consent("bob", "client", &["a"])
        },
    ];
    for consent in stored.iter().rev() {
        store.put_consent(consent).await.unwrap();
    }
    assert_eq!(store.consents(None).await.unwrap(), stored);
    assert_eq!(store.consents(Some("ada")).await.unwrap(), stored[..3]);
    assert_eq!(store.delete_consents("ada", "client").await.unwrap(), 2);
    assert_eq!(store.delete_consents("ada", "client").await.unwrap(), 0);
    assert_eq!(
        store.consents(Some("ada")).await.unwrap(),
        std::slice::from_ref(&odd)
    );
    assert_eq!(store.purge_grants(100).await.unwrap(), 1);
    assert_eq!(store.consents(None).await.unwrap(), stored[3..]);
}
