use proptest::prelude::*;
use sqlx::Row;

use sqlx::QueryBuilder;

use super::search::{end_of_prefix, query};
use super::*;
use crate::Sqlite;

proptest! {
    /// The range of a prefix holds the texts that start with it and no others.
    #[test]
    fn a_prefix_is_a_range(
        prefix in "[a%_*'\u{d7ff}\u{e000}\u{10ffff}]{0,3}",
        text in "[ab%_*'\u{d7ff}\u{e000}\u{10ffff}]{0,4}",
    ) {
        let end = end_of_prefix(&prefix);
        let inside = text >= prefix && end.as_ref().is_none_or(|end| text < *end);
        prop_assert_eq!(inside, text.starts_with(&prefix), "{:?} {:?}", prefix, end);
    }

    /// The SQL depends on the form of a filter's text, never on the text (but for the two values
    /// that no index has, see `push_index`).
    #[test]
    fn text_is_only_ever_bound(text in "\\PC{1,8}") {
        let form = match text.strip_suffix('*') {
            None => "x",
            Some(prefix) if end_of_prefix(prefix).is_some() => "x*",
            Some(_) => "*",
        };
        let prefix = text.strip_suffix('*').unwrap_or(&text);
        prop_assume!(!"permit".starts_with(prefix) && !"ok".starts_with(prefix) || form == "*");
        prop_assert_eq!(sql_for(&text), sql_for(form));
    }
}

/// The SQL of a filter with `text` in every text field.
fn sql_for(text: &str) -> String {
    let text = || Some(text.to_owned());
    let filter = AuditFilter {
        principal: text(),
        issuer: text(),
        application: text(),
        actor: text(),
        token: text(),
        profile: text(),
        server: text(),
        method: text(),
        target: text(),
        decision: text(),
        outcome: text(),
        reason: text(),
        entry: text(),
        ..AuditFilter::default()
    };
    query(&filter).sql().as_str().to_owned()
}

/// What selects few entries of a long trail is served by the index made for it.
#[tokio::test]
async fn every_filter_has_its_index() {
    let store = Sqlite::open_in_memory().await.unwrap();
    let check = async |set: fn(&mut AuditFilter), index: &str| {
        let mut filter = AuditFilter::default();
        set(&mut filter);
        let mut explained = QueryBuilder::<sqlx::Sqlite>::new("EXPLAIN QUERY PLAN ");
        explained.push(query(&filter).sql().as_str());
        let rows = explained.build().fetch_all(&store.readers).await.unwrap();
        let plan: Vec<String> = rows
            .iter()
            .map(|row| row.try_get("detail").unwrap())
            .collect();
        let plan = plan.join("\n");
        assert!(plan.contains(index), "{index} is not used:\n{plan}");
        assert!(
            !plan.contains("SCAN"),
            "{index}: the whole trail is read:\n{plan}"
        );
    };
    check(|f| f.entry = Some("x".into()), "audit_record_opened").await;
    check(|f| f.entry = Some("x*".into()), "audit_record_opened").await;
    check(|f| f.principal = Some("x".into()), "audit_record_principal").await;
    check(
        |f| f.application = Some("x".into()),
        "audit_record_application",
    )
    .await;
    check(|f| f.token = Some("x".into()), "audit_record_token").await;
    check(|f| f.token = Some("x*".into()), "audit_record_token").await;
    check(|f| f.target = Some("x".into()), "audit_record_target").await;
    check(|f| f.target = Some("x*".into()), "audit_record_target").await;
    check(|f| f.decision = Some("x".into()), "audit_record_decision").await;
    check(|f| f.outcome = Some("x".into()), "audit_record_outcome").await;
    check(|f| f.reason = Some("x".into()), "audit_record_reason").await;
    check(|f| f.since_us = Some(1), "audit_record_at_us").await;
    check(|f| f.until_us = Some(1), "audit_record_at_us").await;
    check(|f| f.after_seq = Some(1), "PRIMARY KEY").await;
}
