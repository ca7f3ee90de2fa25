use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::arbitrary;

#[test]
fn reads_a_page() {
    let text = r#"{"nextCursor":"c\n", "tools": [ {"description":"d","name":"t\u0031"}, {"name":"t2","x":1.0} ],"ttlMs":300,"cacheScope":"private"}"#;
    let page = page(ListKind::Tools, text).unwrap();
    let items: Vec<_> = page
        .items
        .iter()
        .map(|item| (&*item.identity, item.text, item.identity_span.of(item.text)))
        .collect();
    assert_eq!(
        items,
        [
            (
                "t1",
                r#"{"description":"d","name":"t\u0031"}"#,
                r#""t\u0031""#
            ),
            ("t2", r#"{"name":"t2","x":1.0}"#, r#""t2""#),
        ]
    );
    for item in &page.items {
        assert_eq!(item.span.of(text), item.text);
    }
    assert_eq!(page.next_cursor.as_deref(), Some("c\n"));
    assert_eq!(
        (page.ttl_ms, page.cache_scope.as_deref()),
        (Some(300), Some("private"))
    );
}

#[test]
fn every_kind_has_its_identity() {
    for (kind, text) in [
        (ListKind::Tools, r#"{"tools":[{"name":"i"}]}"#),
        (ListKind::Prompts, r#"{"prompts":[{"name":"i"}]}"#),
        (
            ListKind::Resources,
            r#"{"resources":[{"uri":"i","name":"n"}]}"#,
        ),
        (
            ListKind::ResourceTemplates,
            r#"{"resourceTemplates":[{"uriTemplate":"i","name":"n"}]}"#,
        ),
    ] {
        let found = page(kind, text).unwrap();
        assert_eq!(found.items[0].identity, "i", "{kind:?}");
        assert!(
            found.next_cursor.is_none() && found.ttl_ms.is_none() && found.cache_scope.is_none()
        );
        for other in ListKind::ALL.iter().filter(|other| **other != kind) {
            assert!(page(*other, text).is_err(), "{other:?}");
        }
    }
}

#[test]
fn pages_that_do_not_fit_are_refused() {
    let check = |text: &str, member: &'static str, fault: Fault| {
        let error = page(ListKind::Tools, text).unwrap_err();
        assert_eq!(error, WireError::Result { member, fault }, "{text}");
        assert_eq!(error.code(), -32603);
    };
    check("[]", "result", Fault::Expected(JsonKind::Object));
    check("{}", "tools", Fault::Missing);
    check(r#"{"tools":{}}"#, "tools", Fault::Expected(JsonKind::Array));
    check(
        r#"{"tools":null}"#,
        "tools",
        Fault::Expected(JsonKind::Array),
    );
    check(
        r#"{"tools":[1]}"#,
        "tools",
        Fault::Expected(JsonKind::Object),
    );
    check(r#"{"tools":[{}]}"#, "name", Fault::Missing);
    check(
        r#"{"tools":[{"name":1}]}"#,
        "name",
        Fault::Expected(JsonKind::String),
    );
    check(
        r#"{"tools":[{"name":"a","NAME":"b"}]}"#,
        "name",
        Fault::Ambiguous,
    );
    check(
        r#"{"tools":[],"Tools":[{"name":"b"}]}"#,
        "tools",
        Fault::Ambiguous,
    );
    check(
        r#"{"tools":[],"nextCursor":1}"#,
        "nextCursor",
        Fault::Expected(JsonKind::String),
    );
    check(
        r#"{"tools":[],"ttlMs":"1"}"#,
        "ttlMs",
        Fault::Expected(JsonKind::Number),
    );
}

#[test]
fn null_stands_for_absent() {
    let page = page(
        ListKind::Tools,
        r#"{"tools":[],"nextCursor":null,"ttlMs":null,"cacheScope":null}"#,
    )
    .unwrap();
    assert!(page.next_cursor.is_none() && page.ttl_ms.is_none() && page.cache_scope.is_none());
}

#[test]
fn odd_lifetimes_are_not_cached() {
    for (raw, expected) in [
        ("0", 0),
        ("5.9", 5),
        ("-1", 0),
        ("1e3", 0),
        ("99999999999999999999999", 0),
        ("-0", 0),
    ] {
        let text = format!(r#"{{"tools":[],"ttlMs":{raw}}}"#);
        assert_eq!(
            page(ListKind::Tools, &text).unwrap().ttl_ms,
            Some(expected),
            "{raw}"
        );
    }
}

#[test]
fn reads_what_a_server_says_about_itself() {
    let text = r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s"},"instructions":"i\u0021"}"#;
    let result = initialize_result(text).unwrap();
    assert_eq!(
        result,
        InitializeResult {
            protocol_version: "2025-06-18".into(),
            capabilities: r#"{"tools":{}}"#,
            server_info: Some(r#"{"name":"s"}"#),
            instructions: Some("i!".into()),
        }
    );
    let text = r#"{"resultType":"complete","supportedVersions":["2026-07-28","x"],"capabilities":{},"instructions":"i","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}}}"#;
    let result = discover_result(text).unwrap();
    assert_eq!(
        result,
        DiscoverResult {
            supported_versions: vec!["2026-07-28".into(), "x".into()],
            capabilities: "{}",
            server_info: Some(r#"{"name":"s"}"#),
            instructions: Some("i".into()),
        }
    );
    assert_eq!(
        discover_result(r#"{"supportedVersions":[],"capabilities":{}}"#)
            .unwrap()
            .server_info,
        None
    );
    for text in [
        "1",
        "{}",
        r#"{"protocolVersion":"x"}"#,
        r#"{"capabilities":{}}"#,
        r#"{"protocolVersion":1,"capabilities":{}}"#,
        r#"{"protocolVersion":"x","capabilities":[]}"#,
        r#"{"protocolVersion":"x","capabilities":{},"instructions":{}}"#,
        r#"{"protocolVersion":"x","capabilities":{},"serverInfo":"s"}"#,
        r#"{"protocolVersion":"x","capabilities":{},"Instructions":"s"}"#,
    ] {
        assert!(initialize_result(text).is_err(), "{text}");
    }
    for text in [
        "1",
        "{}",
        r#"{"supportedVersions":["x"]}"#,
        r#"{"capabilities":{}}"#,
        r#"{"supportedVersions":"x","capabilities":{}}"#,
        r#"{"supportedVersions":[1],"capabilities":{}}"#,
        r#"{"supportedVersions":[],"capabilities":{},"_meta":1}"#,
        r#"{"supportedVersions":[],"capabilities":{},"_meta":{"io.modelcontextprotocol/serverInfo":1}}"#,
    ] {
        assert!(discover_result(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_result_is_viewed_or_refused(value in arbitrary::value(), mut style in arbitrary::style()) {
        let text = arbitrary::render(&value, &mut style);
        drop((initialize_result(&text), discover_result(&text)));
        for kind in ListKind::ALL {
            let list = arbitrary::render(&Value::Array(vec![value.clone()]), &mut style);
            let text = format!(r#"{{"{}":{list}}}"#, kind.member());
            let fits = value.get(kind.identity()).is_some_and(Value::is_string);
            prop_assert!(page(*kind, &text).is_err() || fits);
        }
    }
}

#[test]
fn results_say_what_they_are() {
    let check = |text: &str, expected| {
        let object = Object::parse(text).unwrap();
        assert_eq!(result_type(&object), expected, "{text}");
    };
    check("{}", Ok(ResultType::Complete));
    check(r#"{"resultType":"complete"}"#, Ok(ResultType::Complete));
    check(
        r#"{"resultType":"input\u005frequired"}"#,
        Ok(ResultType::InputRequired),
    );
    check(r#"{"resultType":"task"}"#, Ok(ResultType::Task));
    check(r#"{"resultType":"Task"}"#, Ok(ResultType::Other));
    for (text, fault) in [
        (r#"{"resultType":null}"#, Fault::Expected(JsonKind::String)),
        (
            r#"{"resultType":"complete","resulttype":"task"}"#,
            Fault::Ambiguous,
        ),
        (r#"{"ResultType":"task"}"#, Fault::Ambiguous),
    ] {
        let member = "resultType";
        check(text, Err(WireError::Result { member, fault }));
    }
}
