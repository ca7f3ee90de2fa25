use std::sync::Arc;

use portcullis_store::{
    Decided, DefinitionKey, DefinitionRecord, Observation, RegistryStore, State, StoreError,
};
use serde_json::json;

type Store = Arc<dyn RegistryStore>;

const MINUTE_US: i64 = 60_000_000;

pub(crate) fn key(name: &str) -> DefinitionKey {
    DefinitionKey {
        server: "papers".into(),
        kind: "tool".into(),
        name: name.into(),
    }
}

pub(crate) fn seen(name: &str, hash: &str, state: State) -> Observation {
    Observation {
        key: key(name),
        hash: hash.into(),
        text: format!(r#"{{"name":"{name}"}}"#),
        state,
        findings: json!([]),
    }
}

/// The states of all versions of one definition, by hash.
async fn states(store: &Store, name: &str) -> Vec<(String, State)> {
    let mut states: Vec<_> = store
        .load()
        .await
        .unwrap()
        .into_iter()
        .filter(|record| record.key == key(name))
        .map(|record| (record.hash, record.state))
        .collect();
    states.sort();
    states
}

pub(crate) async fn a_version_reads_as_it_was_observed(store: Store) {
    assert!(store.load().await.unwrap().is_empty());
    let text = "{\"name\": \"search\", \"n\": 1.0, \"description\": \"\u{200b}'\"}";
    let observation = Observation {
        text: text.into(),
        findings: json!([{"rule": "zero-width"}]),
        ..seen("search", "sha256:1", State::Quarantined)
    };
    store
        .observe(std::slice::from_ref(&observation), 7)
        .await
        .unwrap();
    let expected = DefinitionRecord {
        key: key("search"),
        hash: "sha256:1".into(),
        text: text.into(),
        state: State::Quarantined,
        first_seen_us: 7,
        last_seen_us: 7,
        decided_by: None,
        decided_at_us: None,
        findings: observation.findings,
        note: None,
    };
    assert_eq!(store.load().await.unwrap(), [expected]);
}

pub(crate) async fn a_known_version_keeps_its_state(store: Store) {
    store
        .observe(&[seen("search", "1", State::Quarantined)], 1)
        .await
        .unwrap();
    let again = Observation {
        text: "other".into(),
        ..seen("search", "1", State::Approved)
    };
    store.observe(&[again], 10 * MINUTE_US).await.unwrap();
    let record = store.load().await.unwrap().remove(0);
    assert_eq!(record.state, State::Quarantined);
    assert_ne!(record.text, "other");
}

pub(crate) async fn the_last_sight_moves_at_most_once_a_minute(store: Store) {
    let start = 1_000 * MINUTE_US;
    for (at_us, expected) in [
        (start, start),
        (start + MINUTE_US - 1, start),
        (start + MINUTE_US, start + MINUTE_US),
        // A clock that steps back does not undo a sight.
        (start, start + MINUTE_US),
    ] {
        store
            .observe(&[seen("search", "1", State::Seen)], at_us)
            .await
            .unwrap();
        let record = store.load().await.unwrap().remove(0);
        assert_eq!(
            (record.first_seen_us, record.last_seen_us),
            (start, expected)
        );
    }
}

pub(crate) async fn approval_withdraws_the_version_approved_before(store: Store) {
    let versions = ["1", "2"].map(|hash| seen("search", hash, State::Quarantined));
    store.observe(&versions, 1).await.unwrap();
    store
        .observe(&[seen("other", "1", State::Approved)], 1)
        .await
        .unwrap();

    let first = store
        .decide(&key("search"), "1", State::Approved, "ada", 2, None)
        .await
        .unwrap();
    assert_eq!(
        (first.previous, first.withdrawn),
        (State::Quarantined, None)
    );
    let second = store
        .decide(&key("search"), "2", State::Approved, "bob", 3, Some("fine"))
        .await
        .unwrap();
    let expected = Decided {
        previous: State::Quarantined,
        withdrawn: Some("1".into()),
        generation: store.generation().await.unwrap(),
    };
    assert_eq!(second, expected);
    assert_eq!(
        states(&store, "search").await,
        [
            ("1".into(), State::Withdrawn),
            ("2".into(), State::Approved)
        ]
    );
    assert_eq!(
        states(&store, "other").await,
        [("1".into(), State::Approved)]
    );

    let records = store.load().await.unwrap();
    let record = records
        .iter()
        .find(|r| r.key == key("search") && r.hash == "2")
        .unwrap();
    assert_eq!(record.decided_by.as_deref(), Some("bob"));
    assert_eq!(record.decided_at_us, Some(3));
    assert_eq!(record.note.as_deref(), Some("fine"));

    // Any other decision leaves the approved version alone.
    store
        .decide(&key("search"), "1", State::Rejected, "ada", 4, None)
        .await
        .unwrap();
    assert_eq!(
        states(&store, "search").await,
        [("1".into(), State::Rejected), ("2".into(), State::Approved)]
    );
}

pub(crate) async fn sight_never_displaces_an_approval(store: Store) {
    let both = ["1", "2"].map(|hash| seen("search", hash, State::Approved));
    store.observe(&both, 1).await.unwrap();
    assert_eq!(
        states(&store, "search").await,
        [
            ("1".into(), State::Approved),
            ("2".into(), State::Quarantined)
        ]
    );
    store
        .observe(&[seen("search", "3", State::Approved)], 2)
        .await
        .unwrap();
    assert_eq!(
        states(&store, "search").await[2],
        ("3".into(), State::Quarantined)
    );
}

pub(crate) async fn an_unknown_version_cannot_be_decided(store: Store) {
    store
        .observe(&[seen("search", "1", State::Approved)], 1)
        .await
        .unwrap();
    let before = store.generation().await.unwrap();
    for (name, hash) in [("search", "2"), ("other", "1")] {
        let refused = store
            .decide(&key(name), hash, State::Approved, "ada", 2, None)
            .await;
        assert!(
            matches!(refused, Err(StoreError::UnknownDefinition)),
            "{refused:?}"
        );
    }
    assert_eq!(
        states(&store, "search").await,
        [("1".into(), State::Approved)]
    );
    assert_eq!(store.generation().await.unwrap(), before);
}

pub(crate) async fn the_generation_grows_with_every_change(store: Store) {
    let start = store.generation().await.unwrap();
    store.observe(&[], 1).await.unwrap();
    assert_eq!(store.generation().await.unwrap(), start);

    store
        .observe(&[seen("search", "1", State::Quarantined)], 1)
        .await
        .unwrap();
    let observed = store.generation().await.unwrap();
    assert!(observed > start);

    store
        .observe(&[seen("search", "1", State::Quarantined)], 5 * MINUTE_US)
        .await
        .unwrap();
    assert_eq!(
        store.generation().await.unwrap(),
        observed,
        "nothing new was seen"
    );

    let decided = store
        .decide(&key("search"), "1", State::Rejected, "ada", 2, None)
        .await
        .unwrap();
    assert!(decided.generation > observed);
    assert_eq!(store.generation().await.unwrap(), decided.generation);
}

pub(crate) async fn history_tells_every_step(store: Store) {
    let versions = [
        seen("search", "1", State::Approved),
        seen("search", "2", State::Approved),
    ];
    store.observe(&versions, 1).await.unwrap();
    store
        .observe(&[seen("other", "9", State::Seen)], 1)
        .await
        .unwrap();
    store
        .decide(
            &key("search"),
            "2",
            State::Approved,
            "ada",
            2,
            Some("newer"),
        )
        .await
        .unwrap();

    let history = store.history(&key("search")).await.unwrap();
    let told: Vec<_> = history
        .iter()
        .map(|d| {
            (
                d.hash.as_str(),
                d.from,
                d.to,
                d.by.as_deref(),
                d.at_us,
                d.note.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("1", None, State::Approved, None, 1, None),
            ("2", None, State::Quarantined, None, 1, None),
            (
                "1",
                Some(State::Approved),
                State::Withdrawn,
                Some("ada"),
                2,
                Some("newer")
            ),
            (
                "2",
                Some(State::Quarantined),
                State::Approved,
                Some("ada"),
                2,
                Some("newer")
            ),
        ]
    );
    assert!(history.is_sorted_by_key(|decision| decision.seq));
    assert!(history.iter().all(|decision| decision.key == key("search")));
    assert!(store.history(&key("unseen")).await.unwrap().is_empty());
}
