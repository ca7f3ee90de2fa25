use proptest::prelude::*;

use super::*;
use crate::json::Limits;

#[test]
fn encodes_as_the_specification_shows() {
    for (value, header) in [
        ("us-west1", "us-west1"),
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="),
        ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        ("", ""),
        ("a b\tc", "a b\tc"),
        ("=?BASE64?eA==?=", "=?BASE64?eA==?="),
        ("=?base64?eA==", "=?base64?eA=="),
    ] {
        assert_eq!(encode_value(value), header, "{value:?}");
        assert_eq!(decode_value(header).as_deref(), Ok(value), "{header:?}");
    }
    assert_eq!(decode_value("=?base64??=").as_deref(), Ok(""));
    assert_eq!(encode_value("=?base64?="), "=?base64?PT9iYXNlNjQ/PQ==?=");
}

#[test]
fn refuses_malformed_values() {
    for header in [
        "é",
        "a\nb",
        "a\rb",
        "a\0",
        " a",
        "a ",
        "\ta",
        "=?base64?=",
        "=?base64?eA?=",
        "=?base64?eA= =?=",
        "=?base64?!?=",
        "=?base64?/w==?=",
        "=?base64?eB==?=",
        "\u{7f}",
    ] {
        assert_eq!(
            decode_value(header),
            Err(HeaderProblem::Malformed),
            "{header:?}"
        );
    }
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(value in prop_oneof![any::<String>(), "=[?]base64[?].{0,5}[?]=", "[ -~]{0,9}"]) {
        let header = encode_value(&value);
        prop_assert!(is_plain(&header));
        let decoded = decode_value(&header);
        prop_assert_eq!(decoded.as_deref(), Ok(&*value));
    }

    #[test]
    fn any_header_is_decoded_or_refused(header in any::<String>()) {
        drop(decode_value(&header));
    }
}

#[test]
fn names_come_from_the_params() {
    for (method, params, name) in [
        (Method::ToolsCall, r#"{"name":"t\u006f"}"#, Some("to")),
        (Method::PromptsGet, r#"{"name":"p"}"#, Some("p")),
        (Method::ResourcesRead, r#"{"uri":"u:v"}"#, Some("u:v")),
        (Method::TasksGet, r#"{"taskId":"t"}"#, Some("t")),
        (
            Method::TasksUpdate,
            r#"{"taskId":"t","inputResponses":{}}"#,
            Some("t"),
        ),
        (Method::TasksCancel, r#"{"taskId":"t"}"#, Some("t")),
        (Method::ToolsList, r#"{"name":"t"}"#, None),
        (Method::ResourcesSubscribe, r#"{"uri":"u:v"}"#, None),
    ] {
        assert_eq!(
            name_of(method, Some(params)).unwrap().as_deref(),
            name,
            "{method}"
        );
    }
    assert!(name_of(Method::ToolsCall, Some("{}")).is_err());
    assert!(name_of(Method::ToolsCall, None).is_err());
}

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

fn message(text: &str) -> Message {
    Message::parse(text.replace("META", META).into_bytes(), &Limits::default()).unwrap()
}

#[test]
fn headers_and_body_agree() {
    use HeaderProblem::{Differs, Malformed, Missing};
    let call = message(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"caf\u00e9",META}}"#,
    );
    let check = |version, method, name, expected: Option<(&'static str, HeaderProblem)>| {
        let mismatch = agree(version, method, name, &call).err();
        let found = mismatch
            .as_ref()
            .map(|mismatch| (&*mismatch.header, mismatch.problem));
        assert_eq!(found, expected, "{version:?} {method:?} {name:?}");
    };
    let (v, m, n) = (
        Some("2026-07-28"),
        Some("tools/call"),
        Some("=?base64?Y2Fmw6k=?="),
    );
    check(v, m, n, None);
    check(None, m, n, Some((PROTOCOL_VERSION, Missing)));
    check(Some("2025-11-25"), m, n, Some((PROTOCOL_VERSION, Differs)));
    check(v, None, n, Some((METHOD, Missing)));
    check(v, Some("tools/list"), n, Some((METHOD, Differs)));
    check(v, Some("Tools/Call"), n, Some((METHOD, Differs)));
    check(v, m, None, Some((NAME, Missing)));
    check(v, m, Some("cafe"), Some((NAME, Differs)));
    check(v, m, Some("=?base64?Y2Fm?="), Some((NAME, Differs)));
    check(v, m, Some("=?base64?Y2Fmw6k?="), Some((NAME, Malformed)));
    check(v, m, Some("café"), Some((NAME, Malformed)));
}

#[test]
fn methods_without_a_name_need_none() {
    let list = message(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{META}}"#);
    assert_eq!(
        agree(Some("2026-07-28"), Some("tools/list"), None, &list),
        Ok(())
    );
    assert_eq!(
        agree(Some("2026-07-28"), Some("tools/list"), Some("x"), &list),
        Ok(())
    );
    let unknown = message(r#"{"jsonrpc":"2.0","id":1,"method":"x/y","params":{META}}"#);
    assert_eq!(
        agree(Some("2026-07-28"), Some("x/y"), None, &unknown),
        Ok(())
    );
    assert!(agree(Some("2026-07-28"), Some("x/z"), None, &unknown).is_err());
}

#[test]
fn a_body_that_says_nothing_agrees_with_nothing() {
    let bare =
        message(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":1,META}}"#);
    let found = agree(Some("2026-07-28"), Some("tools/call"), Some("1"), &bare).unwrap_err();
    assert_eq!(found.to_string(), "header Mcp-Name does not match the body");
    assert!(agree(Some("2026-07-28"), Some("tools/call"), None, &bare).is_err());
    let legacy = message(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    assert!(agree(Some("2026-07-28"), Some("ping"), None, &legacy).is_err());
}

#[test]
fn notifications_may_leave_headers_out() {
    let plain =
        message(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#);
    assert_eq!(agree(None, None, None, &plain), Ok(()));
    assert_eq!(
        agree(
            Some("2026-07-28"),
            Some("notifications/cancelled"),
            None,
            &plain
        ),
        Ok(())
    );
    assert!(agree(None, Some("tools/call"), None, &plain).is_err());
    let stamped = message(
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,META}}"#,
    );
    assert!(agree(Some("2025-11-25"), None, None, &stamped).is_err());
}

#[test]
fn an_incomplete_description_hides_no_disagreement() {
    let said = |meta: &str| {
        message(&format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"_meta":{meta}}}}}"#
        ))
    };
    let incomplete = said(r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#);
    let not_text = said(r#"{"io.modelcontextprotocol/protocolVersion":7}"#);
    let check = |version, message: &Message, expected: Result<(), HeaderProblem>| {
        let agreed = agree(version, None, None, message);
        assert_eq!(agreed.map_err(|mismatch| mismatch.problem), expected);
    };
    check(Some("2026-07-28"), &incomplete, Ok(()));
    check(None, &incomplete, Ok(()));
    check(Some("2026-07-29"), &incomplete, Err(HeaderProblem::Differs));
    check(Some("7"), &not_text, Err(HeaderProblem::Differs));
    check(Some("anything"), &said("{}"), Ok(()));
}
