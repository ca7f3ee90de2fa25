use std::sync::Arc;

use portcullis_store::{
    AuditEntry, AuditFilter, AuditRecord, AuditStore, Closed, Opened, StoreError,
};
use serde_json::json;

type Store = Arc<dyn AuditStore>;

pub(crate) fn opened(entry: &str, at_us: i64) -> Opened {
    Opened {
        entry: entry.to_owned(),
        at_us,
        transport: "http".to_owned(),
        direction: "client".to_owned(),
        method: "tools/call".to_owned(),
        ..Opened::default()
    }
}

pub(crate) fn closed(entry: &str, outcome: &str) -> Closed {
    Closed {
        entry: entry.to_owned(),
        at_us: 1,
        decision: "permit".to_owned(),
        outcome: outcome.to_owned(),
        ..Closed::default()
    }
}

async fn append(store: &Store, records: impl IntoIterator<Item = AuditRecord>) {
    store
        .append(&records.into_iter().collect::<Vec<_>>())
        .await
        .unwrap();
}

async fn all(store: &Store) -> Vec<AuditEntry> {
    store.entries(&AuditFilter::default()).await.unwrap()
}

fn ids(entries: &[AuditEntry]) -> Vec<&str> {
    entries
        .iter()
        .map(|entry| entry.opened.entry.as_str())
        .collect()
}

pub(crate) async fn an_entry_reads_as_it_was_written(store: Store) {
    let some = |text: &str| Some(text.to_owned());
    let begun = Opened {
        entry: "01A".to_owned(),
        at_us: 1_700_000_000_123_456,
        principal: some("ada"),
        principal_kind: some("user"),
        authentication: some("token"),
        issuer: some("company"),
        application: some("editor \u{0}\u{1a}"),
        actors: vec!["assistant".to_owned(), "plan\"ner\u{0}\u{1a}0".to_owned()],
        token: some("t-1"),
        client: some("host 1.0 'quoted' \u{202e}\u{0}"),
        profile: some("research"),
        transport: "stdio".to_owned(),
        era: some("modern"),
        protocol_version: some("2026-07-28"),
        direction: "server".to_owned(),
        method: "tools/call".to_owned(),
        rpc_id: some("1.0"),
        server: some("papers"),
        target: some("search"),
        definition: some("sha256:00"),
        arguments_digest: some("sha256:01"),
        trace: some("4bf92f3577b34da6a3ce929d0e0e4736"),
        remote: some("[::1]:40000"),
    };
    let ended = Closed {
        entry: "01A".to_owned(),
        at_us: 1_700_000_000_223_456,
        decision: "deny".to_owned(),
        policies: vec!["default-deny".to_owned(), "b".to_owned()],
        policy_version: some("sha256:02"),
        reason: some("not-permitted"),
        outcome: "refused".to_owned(),
        verdict: some("block"),
        findings: json!([{"rule": "zero-width", "span": [1, 2]}]),
        result_digest: some("sha256:03"),
        bytes_in: 17,
        bytes_out: 42,
        timings_us: json!({"authz": 12}),
        principal: some("ada"),
        principal_kind: some("user"),
        authentication: some("token"),
        issuer: some("company"),
        application: some("editor \u{0}\u{1a}"),
        actors: vec!["assistant".to_owned(), "plan\"ner\u{0}\u{1a}0".to_owned()],
        token: some("t-1"),
        profile: some("research"),
        server: some("papers"),
        target: some("search"),
        definition: some("sha256:00"),
    };
    append(&store, [AuditRecord::Opened(begun.clone())]).await;
    let open = all(&store).await;
    let seq = open[0].seq;
    assert_eq!(
        open,
        [AuditEntry {
            seq,
            opened: begun.clone(),
            closed: None
        }]
    );

    append(&store, [AuditRecord::Closed(ended.clone())]).await;
    assert_eq!(
        all(&store).await,
        [AuditEntry {
            seq,
            opened: begun,
            closed: Some(ended)
        }]
    );
}

pub(crate) async fn what_is_known_later_completes_the_beginning(store: Store) {
    let begun = Opened {
        server: Some("first".into()),
        ..opened("a", 1)
    };
    let ended = Closed {
        principal: Some("ada".into()),
        server: Some("second".into()),
        ..closed("a", "ok")
    };
    append(
        &store,
        [
            AuditRecord::Opened(begun),
            AuditRecord::Closed(ended.clone()),
        ],
    )
    .await;
    let entry = all(&store).await.remove(0);
    assert_eq!(entry.opened.principal.as_deref(), Some("ada"));
    assert_eq!(entry.opened.server.as_deref(), Some("second"));
    assert_eq!(entry.opened.profile, None);
    assert_eq!(entry.closed, Some(ended));

    let by = async |server: &str| {
        let filter = AuditFilter {
            server: Some(server.into()),
            ..AuditFilter::default()
        };
        store.entries(&filter).await.unwrap().len()
    };
    assert_eq!(by("second").await, 1);
    assert_eq!(by("first").await, 0);
}

pub(crate) async fn the_first_closing_that_says_what_happened_counts(store: Store) {
    for (entry, outcomes, expected) in [
        ("a", ["unknown", "ok"], "ok"),
        ("b", ["ok", "unknown"], "ok"),
        ("c", ["refused", "ok"], "refused"),
        ("d", ["unknown", "unknown"], "unknown"),
    ] {
        append(&store, [AuditRecord::Opened(opened(entry, 1))]).await;
        for outcome in outcomes {
            append(&store, [AuditRecord::Closed(closed(entry, outcome))]).await;
        }
        let filter = AuditFilter {
            entry: Some(entry.to_owned()),
            ..AuditFilter::default()
        };
        let found = store.entries(&filter).await.unwrap();
        assert_eq!(found.len(), 1, "{entry}");
        assert_eq!(
            found[0].closed.as_ref().unwrap().outcome,
            expected,
            "{entry}"
        );
    }
    // A closing that does not count does not make the entry match either.
    let unknown = AuditFilter {
        outcome: Some("unknown".into()),
        ..AuditFilter::default()
    };
    assert_eq!(ids(&store.entries(&unknown).await.unwrap()), ["d"]);
}

pub(crate) async fn a_batch_is_stored_whole_or_not_at_all(store: Store) {
    append(&store, []).await;
    append(&store, [AuditRecord::Opened(opened("a", 1))]).await;
    let batch = [
        AuditRecord::Opened(opened("b", 2)),
        AuditRecord::Closed(closed("a", "ok")),
        AuditRecord::Closed(closed("nobody", "ok")),
    ];
    store.append(&batch).await.unwrap_err();
    assert_eq!(ids(&all(&store).await), ["a"]);
    assert_eq!(all(&store).await[0].closed, None);
    assert_eq!(store.unfinished(i64::MAX).await.unwrap(), ["a"]);

    store.append(&batch[..2]).await.unwrap();
    assert_eq!(ids(&all(&store).await), ["a", "b"]);
}

pub(crate) async fn an_entry_opens_once_and_closes_only_if_opened(store: Store) {
    append(&store, [AuditRecord::Opened(opened("a", 1))]).await;
    let again = store.append(&[AuditRecord::Opened(opened("a", 2))]).await;
    assert!(
        matches!(&again, Err(StoreError::DuplicateEntry { entry }) if entry == "a"),
        "{again:?}"
    );
    let unopened = store
        .append(&[AuditRecord::Closed(closed("b", "ok"))])
        .await;
    assert!(
        matches!(&unopened, Err(StoreError::UnknownEntry { entry }) if entry == "b"),
        "{unopened:?}"
    );
}

pub(crate) async fn an_append_may_be_repeated(store: Store) {
    let batch = [
        AuditRecord::Opened(Opened {
            server: Some("first".into()),
            ..opened("a", 1)
        }),
        AuditRecord::Opened(opened("b", 2)),
        AuditRecord::Closed(Closed {
            server: Some("second".into()),
            ..closed("a", "ok")
        }),
    ];
    store.append(&batch).await.unwrap();
    let once = all(&store).await;
    store.append(&batch).await.unwrap();
    append(&store, [AuditRecord::Opened(opened("c", 3))]).await;
    let twice = all(&store).await;
    assert_eq!(twice[..2], once);
    assert_eq!(ids(&twice), ["a", "b", "c"]);
    assert_eq!(store.unfinished(i64::MAX).await.unwrap(), ["b", "c"]);
}

pub(crate) async fn unfinished_entries_are_found(store: Store) {
    for (entry, at_us) in [("c", 10), ("a", 20), ("b", 30)] {
        append(&store, [AuditRecord::Opened(opened(entry, at_us))]).await;
    }
    assert_eq!(store.unfinished(30).await.unwrap(), ["a", "c"]);
    append(&store, [AuditRecord::Closed(closed("c", "unknown"))]).await;
    assert_eq!(store.unfinished(30).await.unwrap(), ["a"]);
    assert_eq!(store.unfinished(31).await.unwrap(), ["a", "b"]);
    assert!(store.unfinished(20).await.unwrap().is_empty());
}

pub(crate) async fn each_filter_selects_its_entries(store: Store) {
    for (entry, at_us, who, method, target, decision, outcome, reason) in [
        (
            "1a",
            10,
            "ada",
            "tools/call",
            "search",
            "permit",
            "ok",
            None,
        ),
        (
            "1b",
            20,
            "bob",
            "tools/list",
            "Search",
            "deny",
            "refused",
            Some("not-permitted"),
        ),
        (
            "2a",
            30,
            "ada",
            "resources/read",
            "file:///x",
            "deny",
            "refused",
            Some("held"),
        ),
    ] {
        let begun = Opened {
            principal: Some(who.into()),
            profile: Some(format!("profile-of-{who}")),
            server: Some(format!("server-of-{who}")),
            method: method.into(),
            target: Some(target.into()),
            ..opened(entry, at_us)
        };
        let ended = Closed {
            decision: decision.into(),
            reason: reason.map(str::to_owned),
            ..closed(entry, outcome)
        };
        append(
            &store,
            [AuditRecord::Opened(begun), AuditRecord::Closed(ended)],
        )
        .await;
    }
    append(&store, [AuditRecord::Opened(opened("2b", 40))]).await;

    let check = async |set: fn(&mut AuditFilter), expected: &[&str]| {
        let mut filter = AuditFilter::default();
        set(&mut filter);
        let found = store.entries(&filter).await.unwrap();
        assert_eq!(ids(&found), expected, "{filter:?}");
    };
    check(|_| (), &["1a", "1b", "2a", "2b"]).await;
    check(|f| f.newest_first = true, &["2b", "2a", "1b", "1a"]).await;
    check(|f| f.limit = 2, &["1a", "1b"]).await;
    check(|f| f.limit = 0, &[]).await;
    check(|f| f.limit = usize::MAX, &["1a", "1b", "2a", "2b"]).await;
    check(|f| f.since_us = Some(20), &["1b", "2a", "2b"]).await;
    check(|f| f.until_us = Some(20), &["1a"]).await;
    check(|f| f.principal = Some("ada".into()), &["1a", "2a"]).await;
    check(|f| f.principal = Some("ad".into()), &[]).await;
    check(|f| f.principal = Some("b*".into()), &["1b"]).await;
    check(|f| f.principal = Some("*".into()), &["1a", "1b", "2a"]).await;
    check(|f| f.profile = Some("profile-of-bob".into()), &["1b"]).await;
    check(|f| f.server = Some("server-of-a*".into()), &["1a", "2a"]).await;
    check(|f| f.method = Some("tools/*".into()), &["1a", "1b", "2b"]).await;
    check(|f| f.method = Some("tools/list".into()), &["1b"]).await;
    check(|f| f.target = Some("search".into()), &["1a"]).await;
    check(|f| f.target = Some("Sea*".into()), &["1b"]).await;
    check(|f| f.decision = Some("deny".into()), &["1b", "2a"]).await;
    check(|f| f.outcome = Some("ok".into()), &["1a"]).await;
    check(|f| f.reason = Some("h*".into()), &["2a"]).await;
    check(|f| f.entry = Some("2a".into()), &["2a"]).await;
    check(|f| f.entry = Some("2*".into()), &["2a", "2b"]).await;
    check(
        |f| {
            f.principal = Some("ada".into());
            f.decision = Some("deny".into());
            f.since_us = Some(11);
        },
        &["2a"],
    )
    .await;
}

/// Who calls, through which application, for whom, with which token: four questions.
pub(crate) async fn user_agent_and_application_are_told_apart(store: Store) {
    let some = |text: &str| Some(text.to_owned());
    let shown = |entry: &str, application: &str, actors: &[&str], token: &str| Opened {
        principal: some("company:ada"),
        issuer: some("company"),
        application: some(application),
        actors: actors.iter().map(|actor| (*actor).to_owned()).collect(),
        token: some(token),
        // What the client says of itself does not count as any of them.
        client: some("editor"),
        ..opened(entry, 1)
    };
    let later = Closed {
        issuer: some("partner"),
        application: some("robot"),
        actors: vec!["agent-9".to_owned()],
        token: some("t-9"),
        ..closed("d", "ok")
    };
    append(
        &store,
        [
            AuditRecord::Opened(shown("a", "editor", &[], "t-1")),
            AuditRecord::Closed(closed("a", "ok")),
            AuditRecord::Opened(shown("b", "terminal", &["agent-1", "agent-2"], "t-2")),
            AuditRecord::Closed(closed("b", "ok")),
            AuditRecord::Opened(Opened {
                client: some("editor"),
                ..opened("c", 1)
            }),
            AuditRecord::Opened(shown("d", "editor", &["agent-1"], "t-1")),
            AuditRecord::Closed(later.clone()),
        ],
    )
    .await;

    let check = async |set: fn(&mut AuditFilter), expected: &[&str]| {
        let mut filter = AuditFilter::default();
        set(&mut filter);
        let found = store.entries(&filter).await.unwrap();
        assert_eq!(ids(&found), expected, "{filter:?}");
    };
    check(|f| f.issuer = Some("company".into()), &["a", "b"]).await;
    check(|f| f.issuer = Some("p*".into()), &["d"]).await;
    check(|f| f.application = Some("editor".into()), &["a"]).await;
    check(|f| f.application = Some("robot".into()), &["d"]).await;
    check(|f| f.application = Some("*".into()), &["a", "b", "d"]).await;
    check(|f| f.token = Some("t-1".into()), &["a"]).await;
    check(|f| f.token = Some("t-*".into()), &["a", "b", "d"]).await;
    check(|f| f.actor = Some("agent-1".into()), &["b"]).await;
    check(|f| f.actor = Some("agent-9".into()), &["d"]).await;
    check(
        |f| {
            f.application = Some("terminal".into());
            f.actor = Some("agent-2".into());
            f.token = Some("t-2".into());
            f.issuer = Some("company".into());
        },
        &["b"],
    )
    .await;

    let entries = all(&store).await;
    let [a, _, c, d] = entries.as_slice() else {
        panic!("{entries:?}");
    };
    assert_eq!(a.opened.application.as_deref(), Some("editor"));
    assert_eq!(
        (&c.opened.application, &c.opened.token),
        (&None, &None),
        "a hint is not an application"
    );
    assert_eq!(d.opened.issuer, later.issuer);
    assert_eq!(d.opened.application, later.application);
    assert_eq!(d.opened.actors, later.actors);
    assert_eq!(d.opened.token, later.token);
    assert_eq!(d.closed.as_ref(), Some(&later));
}

pub(crate) async fn an_actor_is_found_wherever_it_stands(store: Store) {
    let chains: [(&str, &[&str]); 8] = [
        ("0", &[]),
        ("1", &["ada"]),
        ("2", &["bob", "ada", "Ada"]),
        ("3", &["x\"ada", "[\"ada\"]", "ada\",\"bob"]),
        ("4", &["adam", "", "é"]),
        ("5", &["\u{0}", "\u{1a}", "\u{1a}0"]),
        ("6", &["%", "_da", "' OR '1'='1"]),
        ("7", &["null"]),
    ];
    for (entry, actors) in chains {
        let begun = Opened {
            actors: actors.iter().map(|actor| (*actor).to_owned()).collect(),
            ..opened(entry, 1)
        };
        append(&store, [AuditRecord::Opened(begun)]).await;
    }
    for (entry, read) in chains.iter().zip(all(&store).await) {
        assert_eq!(read.opened.actors, entry.1);
    }
    for (pattern, expected) in [
        ("ada", &["1", "2"][..]),
        ("ada*", &["1", "2", "3", "4"]),
        ("Ada", &["2"]),
        ("B*", &[]),
        ("x\"ada", &["3"]),
        ("\"ada\"", &[]),
        ("[*", &["3"]),
        ("", &["4"]),
        ("é", &["4"]),
        ("\u{0}", &["5"]),
        ("\u{0}*", &["5"]),
        ("\u{1a}", &["5"]),
        ("%", &["6"]),
        ("_*", &["6"]),
        ("'*", &["6"]),
        ("null", &["7"]),
        ("*", &["1", "2", "3", "4", "5", "6", "7"]),
    ] {
        let filter = AuditFilter {
            actor: Some(pattern.to_owned()),
            ..AuditFilter::default()
        };
        let found = store.entries(&filter).await.unwrap();
        assert_eq!(ids(&found), expected, "{pattern:?}");
    }
}

pub(crate) async fn filter_text_is_never_syntax(store: Store) {
    let targets = [
        "%",
        "_",
        "a%c",
        "abc",
        "a_c",
        "a*c",
        "'",
        "' OR '1'='1",
        "\"",
        "\\",
        "A%c",
        "é",
    ];
    for (target, at_us) in targets.into_iter().zip(1..) {
        let begun = Opened {
            target: Some(target.into()),
            ..opened(&format!("{at_us:02}"), at_us)
        };
        append(&store, [AuditRecord::Opened(begun)]).await;
    }
    let find = async |pattern: &str| {
        let filter = AuditFilter {
            target: Some(pattern.to_owned()),
            ..AuditFilter::default()
        };
        let found = store.entries(&filter).await.unwrap();
        found
            .into_iter()
            .map(|entry| entry.opened.target.unwrap())
            .collect::<Vec<_>>()
    };
    for target in targets {
        assert_eq!(find(target).await, [target]);
    }
    for (pattern, expected) in [
        ("%*", &["%"][..]),
        ("_*", &["_"]),
        ("a%*", &["a%c"]),
        ("a_*", &["a_c"]),
        ("a**", &["a*c"]),
        ("a*", &["a%c", "abc", "a_c", "a*c"]),
        ("'*", &["'", "' OR '1'='1"]),
        ("' OR 1=1 --", &[]),
        ("x' UNION SELECT * FROM audit_record --", &[]),
        ("\u{10ffff}*", &[]),
    ] {
        assert_eq!(find(pattern).await, expected, "{pattern}");
    }
    assert_eq!(find("*").await, targets);
}

pub(crate) async fn pages_follow_each_other(store: Store) {
    for entry in ["a", "b", "c", "d", "e"] {
        append(&store, [AuditRecord::Opened(opened(entry, 1))]).await;
    }
    let read = async |newest_first: bool| {
        let mut read = Vec::new();
        let mut filter = AuditFilter {
            limit: 2,
            newest_first,
            ..AuditFilter::default()
        };
        loop {
            let page = store.entries(&filter).await.unwrap();
            let Some(last) = page.last() else { return read };
            if newest_first {
                filter.before_seq = Some(last.seq);
            } else {
                filter.after_seq = Some(last.seq);
            }
            read.extend(page.into_iter().map(|entry| entry.opened.entry));
        }
    };
    assert_eq!(read(false).await, ["a", "b", "c", "d", "e"]);
    assert_eq!(read(true).await, ["e", "d", "c", "b", "a"]);
}

pub(crate) async fn huge_counts_are_limited(store: Store) {
    let ended = Closed {
        bytes_in: u64::MAX,
        bytes_out: 1 << 40,
        ..closed("a", "ok")
    };
    append(
        &store,
        [
            AuditRecord::Opened(opened("a", i64::MIN)),
            AuditRecord::Closed(ended),
        ],
    )
    .await;
    let entry = all(&store).await.remove(0);
    let ended = entry.closed.unwrap();
    assert_eq!(entry.opened.at_us, i64::MIN);
    assert_eq!(ended.bytes_in, i64::MAX as u64);
    assert_eq!(ended.bytes_out, 1 << 40);
}
