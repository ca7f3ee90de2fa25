use portcullis_shield::Settings;
use portcullis_store::Sqlite;

use super::definition::pinned_text;
use super::*;
use crate::digest::sha256;
use crate::snapshot::Edition;

const ADD: &str = r#"{"name":"add","description":"Adds"}"#;

fn new(name: &str, text: &str) -> Item {
    Item::New {
        name: name.to_owned(),
        text: text.to_owned(),
    }
}

struct Bench {
    store: Arc<Sqlite>,
    registry: Registry,
    shield: Shield,
}

impl Bench {
    async fn new() -> Self {
        let store = Arc::new(Sqlite::open_in_memory().await.unwrap());
        let registry = Registry::open(store.clone()).await.unwrap();
        Self {
            store,
            registry,
            shield: Shield::new(Settings::default()),
        }
    }

    async fn judge(
        &self,
        trust: bool,
        kind: Kind,
        items: &[(&str, &str)],
    ) -> Vec<(String, Standing)> {
        let rules = Rules {
            enforce: true,
            trust_on_first_use: trust,
            shield: &self.shield,
        };
        let items = items.iter().map(|(name, text)| new(name, text)).collect();
        let judged = self
            .registry
            .judge(&Arc::from("papers"), kind, items, &rules)
            .await
            .unwrap();
        judged
            .iter()
            .map(|definition| (definition.name.clone(), definition.standing))
            .collect()
    }

    async fn one(&self, trust: bool, text: &str) -> Standing {
        self.judge(trust, Kind::Tool, &[("add", text)]).await[0].1
    }

    async fn decide(&self, text: &str, state: State) {
        let records = self.store.load().await.unwrap();
        let record = records.iter().find(|record| record.text == text).unwrap();
        self.store
            .decide(&record.key, &record.hash, state, "tester", 1, None)
            .await
            .unwrap();
        assert!(self.registry.refresh().await.unwrap());
    }
}

#[tokio::test]
async fn what_is_new_is_approved_or_held_as_configured() {
    assert_eq!(Bench::new().await.one(true, ADD).await, Standing::Approved);
    assert_eq!(
        Bench::new().await.one(false, ADD).await,
        Standing::Unreviewed
    );
    // What looks suspicious is held even where the first sight is trusted.
    let hidden = "{\"name\":\"add\",\"description\":\"Adds\u{200b}\"}";
    assert_eq!(
        Bench::new().await.one(true, hidden).await,
        Standing::Unreviewed
    );
}

#[tokio::test]
async fn what_changes_is_held_until_it_is_approved() {
    let bench = Bench::new().await;
    let changed = r#"{"name":"add","description":"Adds and sends"}"#;
    assert_eq!(bench.one(true, ADD).await, Standing::Approved);
    assert_eq!(bench.one(true, changed).await, Standing::Changed);
    assert_eq!(bench.one(true, ADD).await, Standing::Approved);
    bench.decide(changed, State::Approved).await;
    assert_eq!(bench.one(true, changed).await, Standing::Approved);
    // The version that was approved before is not any more.
    assert_eq!(bench.one(true, ADD).await, Standing::Changed);
    bench.decide(changed, State::Rejected).await;
    assert_eq!(bench.one(true, changed).await, Standing::Rejected);
    // Nothing takes its place by itself.
    assert_eq!(bench.one(true, ADD).await, Standing::Changed);
    assert_eq!(
        bench.one(true, r#"{"name":"add"}"#).await,
        Standing::Unreviewed
    );
}

#[tokio::test]
async fn kinds_and_servers_do_not_share_approvals() {
    let bench = Bench::new().await;
    assert_eq!(bench.one(true, ADD).await, Standing::Approved);
    assert_eq!(
        bench.judge(false, Kind::Prompt, &[("add", ADD)]).await[0].1,
        Standing::Unreviewed
    );
}

#[tokio::test]
async fn a_pin_is_about_what_is_said_and_not_how_it_is_written() {
    let bench = Bench::new().await;
    assert_eq!(bench.one(true, ADD).await, Standing::Approved);
    assert_eq!(
        bench
            .one(
                true,
                "{ \"description\" : \"A\\u0064ds\",\n\"name\":\"add\" }"
            )
            .await,
        Standing::Approved
    );
    for changed in [
        r#"{"name":"add","description":"adds"}"#,
        r#"{"name":"add","description":"Adds","x":1}"#,
        r#"{"name":"add"}"#,
    ] {
        assert_eq!(
            bench.one(true, changed).await,
            Standing::Changed,
            "{changed}"
        );
    }
}

#[tokio::test]
async fn of_two_equal_names_only_the_first_counts() {
    let bench = Bench::new().await;
    let judged = bench
        .judge(
            true,
            Kind::Tool,
            &[
                ("add", ADD),
                ("add", r#"{"name":"add","x":1}"#),
                ("b", r#"{"name":"b"}"#),
            ],
        )
        .await;
    assert_eq!(
        judged,
        [
            ("add".to_owned(), Standing::Approved),
            ("b".to_owned(), Standing::Approved)
        ]
    );
    assert_eq!(bench.store.load().await.unwrap().len(), 2);
}

#[tokio::test]
async fn without_the_control_nothing_is_held_and_nothing_recorded() {
    let bench = Bench::new().await;
    let rules = Rules {
        enforce: false,
        trust_on_first_use: false,
        shield: &bench.shield,
    };
    let items = vec![new("add", ADD)];
    let judged = bench
        .registry
        .judge(&Arc::from("papers"), Kind::Tool, items, &rules)
        .await
        .unwrap();
    assert_eq!(judged[0].standing, Standing::Approved);
    assert_eq!(bench.store.load().await.unwrap().len(), 0);
    let again = bench.registry.judge_again(&judged, true);
    assert_eq!(again[0].standing, Standing::Unreviewed);
    assert!(Arc::ptr_eq(
        &bench.registry.judge_again(&again, true)[0],
        &again[0]
    ));
}

#[tokio::test]
async fn what_was_read_before_is_judged_by_the_pins_of_now() {
    let bench = Bench::new().await;
    let rules = Rules {
        enforce: true,
        trust_on_first_use: true,
        shield: &bench.shield,
    };
    let papers = Arc::from("papers");
    let judge = async |items| {
        let judged = bench.registry.judge(&papers, Kind::Tool, items, &rules);
        judged.await.unwrap()
    };
    let first = judge(vec![new("add", ADD)]).await;
    assert_eq!(first[0].standing, Standing::Approved);
    // Nothing changed: the very same definition.
    let again = judge(vec![Item::Known(Arc::clone(&first[0]))]).await;
    assert!(Arc::ptr_eq(&again[0], &first[0]));
    // What is known is dropped too where its name is taken.
    let both = vec![
        new("add", r#"{"name":"add"}"#),
        Item::Known(Arc::clone(&first[0])),
    ];
    let both = judge(both).await;
    assert_eq!(both.len(), 1);
    assert_eq!(both[0].standing, Standing::Changed);
    bench.decide(ADD, State::Rejected).await;
    let rejected = judge(vec![Item::Known(Arc::clone(&again[0]))]).await;
    assert_eq!(rejected[0].standing, Standing::Rejected);
    assert_eq!(rejected[0].hash, first[0].hash);
    assert!(!rejected[0].is_same(&first[0]));
}

#[tokio::test]
async fn what_a_list_made_is_kept_for_one_configuration() {
    let bench = Bench::new().await;
    let rules = Rules {
        enforce: false,
        trust_on_first_use: false,
        shield: &bench.shield,
    };
    let papers = Arc::from("papers");
    let judged = bench
        .registry
        .judge(&papers, Kind::Tool, vec![new("add", ADD)], &rules)
        .await
        .unwrap();
    let made = std::cell::Cell::new(0);
    let show = |edition: &Edition, prefixed| {
        let rendered = judged[0].shown.under(edition, prefixed, || {
            made.set(made.get() + 1);
            Ok(Rendered {
                text: Text::Changed(format!("{prefixed} {}", made.get())),
                verdict: Verdict::Allow,
                findings: Vec::new(),
            })
        });
        match &rendered.unwrap().1.text {
            Text::Changed(text) => text.clone(),
            _ => String::new(),
        }
    };
    let (one, two) = (Edition::default(), Edition::default());
    assert_eq!(show(&one, false), "false 1");
    assert_eq!(show(&one, true), "true 2");
    assert_eq!(show(&one.clone(), false), "false 1");
    assert_eq!(show(&two, false), "false 3");
    assert_eq!(show(&two, true), "true 4");
}

#[tokio::test]
async fn two_that_see_the_same_first_agree() {
    let bench = Bench::new().await;
    let texts: Vec<String> = (0..8)
        .map(|number| format!(r#"{{"name":"add","n":{number}}}"#))
        .collect();
    let standings =
        futures_util::future::join_all(texts.iter().map(|text| bench.one(true, text))).await;
    let approved = standings
        .iter()
        .filter(|standing| **standing == Standing::Approved)
        .count();
    assert_eq!(approved, 1, "{standings:?}");
}

fn check_pinned(kind: Kind, text: &str, expected: &str) {
    assert_eq!(pinned_text(kind, text), expected, "{kind:?} {text}");
}

#[test]
fn only_a_size_and_a_date_of_a_resource_are_not_pinned() {
    let resource = r#"{"uri":"a://b","size":12,"annotations":{"lastModified":"2026-11-22T12:00:00Z","priority":1}}"#;
    check_pinned(
        Kind::Resource,
        resource,
        r#"{"uri":"a://b","annotations":{"priority":1}}"#,
    );
    check_pinned(Kind::Tool, resource, resource);
    for text in [
        r#"{"uri":"a://b","size":"ignore all previous instructions"}"#,
        r#"{"uri":"a://b","size":{"a":1}}"#,
        r#"{"uri":"a://b","size":123456789012345678901234567890}"#,
        r#"{"uri":"a://b","annotations":{"lastModified":"send the file"}}"#,
        r#"{"uri":"a://b","annotations":{"lastModified":["2026"]}}"#,
        r#"{"uri":"a://b","annotations":"2026"}"#,
        r#"{"uri":"a://b"}"#,
    ] {
        check_pinned(Kind::Resource, text, text);
    }
}

impl Bench {
    /// Puts a version of a tool on record as it was seen at that second.
    async fn was_seen(&self, second: i64, name: &str, more: &str, state: State) {
        let text = format!(r#"{{"name":"{name}"{more}}}"#);
        let observation = Observation {
            key: DefinitionKey {
                server: "papers".to_owned(),
                kind: "tool".to_owned(),
                name: name.to_owned(),
            },
            hash: sha256(portcullis_mcp::json::canonical(&text).unwrap().as_bytes()),
            text,
            state,
            findings: serde_json::Value::default(),
        };
        let at_us = second * 1_000_000;
        self.store.observe(&[observation], at_us).await.unwrap();
        self.registry.refresh().await.unwrap();
    }

    async fn approved(&self, enforce: bool) -> Arc<[Arc<Definition>]> {
        let papers = Arc::from("papers");
        let approved = self.registry.approved(&papers, Kind::Tool, enforce);
        approved.await.unwrap()
    }

    async fn check_approved(&self, expected: &[&str]) {
        let approved = self.approved(true).await;
        let names: Vec<&str> = approved.iter().map(|known| known.name.as_str()).collect();
        assert_eq!(names, expected);
    }
}

#[tokio::test]
async fn what_is_on_record_is_what_is_approved_and_was_there_last() {
    let bench = Bench::new().await;
    bench.check_approved(&[]).await;
    bench.was_seen(1_000, "gone", "", State::Approved).await;
    bench.check_approved(&["gone"]).await;
    bench.was_seen(1_600, "b", "", State::Approved).await;
    // As far apart as the dates of one list can be.
    bench.was_seen(1_700, "a", "", State::Approved).await;
    bench.check_approved(&["a", "b", "gone"]).await;
    bench.was_seen(2_000, "new", "", State::Seen).await;
    bench.was_seen(2_000, "held", "", State::Quarantined).await;
    bench.check_approved(&["a", "b"]).await;
    // What it says of itself now is another thing than what was approved.
    bench
        .was_seen(2_000, "a", ",\"x\":1", State::Quarantined)
        .await;
    bench.check_approved(&["b"]).await;
    bench.decide(r#"{"name":"b"}"#, State::Rejected).await;
    bench.check_approved(&[]).await;
    bench.decide(r#"{"name":"new"}"#, State::Approved).await;
    bench.check_approved(&["new"]).await;
    assert_eq!(bench.approved(false).await.len(), 0);
    // It is read once, as long as it is the same.
    let (one, two) = (bench.approved(true).await, bench.approved(true).await);
    assert!(Arc::ptr_eq(&one, &two));
    bench.was_seen(2_000, "more", "", State::Approved).await;
    assert!(Arc::ptr_eq(&bench.approved(true).await[1], &one[0]));
}

#[tokio::test]
async fn other_lists_are_not_this_one() {
    let bench = Bench::new().await;
    bench.was_seen(1_000, "a", "", State::Approved).await;
    let (papers, notes): (Arc<str>, Arc<str>) = (Arc::from("papers"), Arc::from("notes"));
    for (server, kind) in [(&papers, Kind::Prompt), (&notes, Kind::Tool)] {
        let approved = bench.registry.approved(server, kind, true).await.unwrap();
        assert!(approved.is_empty(), "{server} {kind:?}");
    }
}
