use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::arbitrary;

const WHOLE: &str = r#"{"name":"n","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"a":{}},"io.modelcontextprotocol/clientInfo":{"name":"c"},"io.modelcontextprotocol/logLevel":"info","progressToken":1.0}}"#;

#[test]
fn reads_a_modern_description() {
    let meta = modern(Some(WHOLE)).unwrap().unwrap();
    assert_eq!(meta.protocol_version, "2026-07-28");
    assert_eq!(meta.client_capabilities, r#"{"a":{}}"#);
    assert_eq!(meta.client_info, Some(r#"{"name":"c"}"#));
    assert_eq!(meta.log_level.as_deref(), Some("info"));
    assert_eq!(progress_token(Some(WHOLE)), Some("1.0"));
    assert_eq!(member(WHOLE, LOG_LEVEL), Some(r#""info""#));
    let least = strip(WHOLE, |key| [CLIENT_INFO, LOG_LEVEL].contains(&key)).unwrap();
    let meta = modern(Some(&least)).unwrap().unwrap();
    assert_eq!((meta.client_info, meta.log_level), (None, None));
}

#[test]
fn without_a_version_it_is_not_modern() {
    for params in [
        None,
        Some("{}"),
        Some(r#"{"_meta":{}}"#),
        Some(r#"{"_meta":{"io.modelcontextprotocol/clientCapabilities":{}}}"#),
    ] {
        assert_eq!(modern(params), Ok(None), "{params:?}");
    }
    let without = strip(WHOLE, |key| key == PROTOCOL_VERSION).unwrap();
    assert_eq!(modern(Some(&without)), Ok(None));
}

#[test]
fn a_description_that_does_not_fit_is_refused() {
    let check = |entries: &[(&str, &str)], member: &'static str, fault: Fault| {
        let params = set(WHOLE, entries).unwrap();
        let error = modern(Some(&params)).unwrap_err();
        assert_eq!(error, WireError::Params { member, fault }, "{params}");
        assert_eq!(error.code(), -32602);
    };
    check(
        &[(PROTOCOL_VERSION, "1")],
        PROTOCOL_VERSION,
        Fault::Expected(JsonKind::String),
    );
    check(
        &[(PROTOCOL_VERSION, "null")],
        PROTOCOL_VERSION,
        Fault::Expected(JsonKind::String),
    );
    check(
        &[(CLIENT_CAPABILITIES, "[]")],
        CLIENT_CAPABILITIES,
        Fault::Expected(JsonKind::Object),
    );
    check(
        &[(CLIENT_INFO, "null")],
        CLIENT_INFO,
        Fault::Expected(JsonKind::Object),
    );
    check(
        &[(LOG_LEVEL, "1")],
        LOG_LEVEL,
        Fault::Expected(JsonKind::String),
    );
    check(&[(LOG_LEVEL, "\"loud\"")], LOG_LEVEL, Fault::NotAllowed);
    check(
        &[("io.modelcontextprotocol/ProtocolVersion", "\"2025-11-25\"")],
        PROTOCOL_VERSION,
        Fault::Ambiguous,
    );
    let without = strip(WHOLE, |key| key == CLIENT_CAPABILITIES).unwrap();
    let missing = WireError::Params {
        member: CLIENT_CAPABILITIES,
        fault: Fault::Missing,
    };
    assert_eq!(modern(Some(&without)), Err(missing));
    for params in [r#"{"_meta":1}"#, r#"{"_meta":null}"#, "[]", "{"] {
        assert!(modern(Some(params)).is_err(), "{params}");
    }
}

#[test]
fn progress_tokens_are_strings_or_numbers() {
    let token = |raw: &str| format!(r#"{{"_meta":{{"progressToken":{raw}}}}}"#);
    for raw in ["1", "1.0", "\"\\u0061\"", "12345678901234567890123"] {
        assert_eq!(progress_token(Some(&token(raw))), Some(raw));
    }
    for raw in ["null", "{}", "[]", "true"] {
        assert_eq!(progress_token(Some(&token(raw))), None);
    }
    assert_eq!(progress_token(None), None);
    assert_eq!(progress_token(Some("{}")), None);
}

#[test]
fn sets_and_strips() {
    let check = |holder: &str, entries: &[(&str, &str)], expected: &str| {
        assert_eq!(set(holder, entries).unwrap(), expected, "{holder}");
    };
    check("{ }", &[("k", "1")], r#"{"_meta":{"k":1} }"#);
    check(
        r#"{"a":1.0 }"#,
        &[("k", "1"), ("l", "2")],
        r#"{"a":1.0,"_meta":{"k":1,"l":2} }"#,
    );
    check(
        r#"{"_meta":{},"a":1.0}"#,
        &[("k", "1")],
        r#"{"_meta":{"k":1},"a":1.0}"#,
    );
    check(
        r#"{"_meta": {"k" : 0, "l":1e2}}"#,
        &[("k", "1"), ("m", "[]")],
        r#"{"_meta": {"k" : 1, "l":1e2,"m":[]}}"#,
    );
    check(r#"{"a":1}"#, &[], r#"{"a":1}"#);
    assert!(set("[]", &[("k", "1")]).is_err());
    assert!(set(r#"{"_meta":[]}"#, &[("k", "1")]).is_err());

    let check = |holder: &str, expected: &str| {
        assert_eq!(
            strip(holder, |key| key.starts_with("x/")).unwrap(),
            expected,
            "{holder}"
        );
    };
    check(
        r#"{"a":1,"_meta":{"x/a":1,"b":1.0,"x\/c":2} }"#,
        r#"{"a":1,"_meta":{"b":1.0} }"#,
    );
    check(r#"{"a":1, "_meta":{"x/a":1}}"#, r#"{"a":1}"#);
    check(r#"{"_meta":{"x/a":1,"x/b":1}, "a":1}"#, r#"{"a":1}"#);
    check(r#"{"_meta":{}}"#, "{}");
    check(r#"{"_meta":{"b":1}}"#, r#"{"_meta":{"b":1}}"#);
    check("{ }", "{ }");
    assert!(strip("1", |_| true).is_err());
    assert!(strip(r#"{"_meta":null}"#, |_| true).is_err());
}

proptest! {
    #[test]
    fn stripping_what_was_set_restores_every_byte(holder in arbitrary::object(), mut style in arbitrary::style(), value in arbitrary::value()) {
        let mut holder = holder;
        holder.remove("_meta");
        let text = arbitrary::render(&Value::Object(holder), &mut style);
        let value = arbitrary::render(&value, &mut style);
        let with = set(&text, &[("io.portcullis/receipt", &value), ("io.portcullis/other", "1")]).unwrap();
        prop_assert_eq!(member(&with, "io.portcullis/other"), Some("1"));
        prop_assert_eq!(member(&with, "io.portcullis/receipt"), Some(value.trim_matches([' ', '\t', '\r', '\n'])));
        let without = strip(&with, |key| key.starts_with(RECEIPT_PREFIX)).unwrap();
        prop_assert_eq!(&*without, &text);
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in any::<String>()) {
        drop((modern(Some(&text)), progress_token(Some(&text)), set(&text, &[("k", "1")]), strip(&text, |_| true)));
    }
}

#[test]
fn finds_the_subscription() {
    let check = |holder: Option<&str>, expected: Option<&str>| {
        assert_eq!(subscription_id(holder), expected, "{holder:?}");
    };
    let with =
        |id: &str| format!(r#"{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}"#);
    check(Some(&with("7")), Some("7"));
    check(Some(&with(r#""s\u0031""#)), Some(r#""s\u0031""#));
    check(Some(&with("{}")), None);
    check(Some(&with("null")), None);
    check(Some("{}"), None);
    check(Some(r#"{"_meta":[]}"#), None);
    check(None, None);
}
