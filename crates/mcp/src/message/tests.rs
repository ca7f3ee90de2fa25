use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::arbitrary;
use crate::json::JsonError;

fn parse(text: &str) -> Result<Message, WireError> {
    Message::parse(text.as_bytes().to_vec(), &Limits::default())
}

#[test]
fn reads_a_request_byte_for_byte() {
    let text = r#" { "params" : {"b":1.0,"a":12345678901234567890123, "z":[]} , "x-new":{"k":0}, "id":1.0,"jsonrpc":"2.0" ,"method":"tools\/call"} "#;
    let message = parse(text).unwrap();
    assert_eq!(message.as_str(), text);
    assert_eq!(message.kind(), Kind::Request);
    assert_eq!(message.id(), Some("1.0"));
    assert_eq!(message.method_name(), Some("tools/call"));
    assert_eq!(message.method(), Some(Method::ToolsCall));
    assert_eq!(
        message.params(),
        Some(r#"{"b":1.0,"a":12345678901234567890123, "z":[]}"#)
    );
    assert_eq!(
        message.params_span().map(|span| span.of(text)),
        message.params()
    );
    assert_eq!(
        (message.result(), message.error(), message.result_span()),
        (None, None, None)
    );
    assert_eq!(message.into_string(), text);
}

#[test]
fn reads_the_other_kinds() {
    let message = parse(r#"{"jsonrpc":"2.0","method":"x/unknown"}"#).unwrap();
    assert_eq!(
        (message.kind(), message.id(), message.params()),
        (Kind::Notification, None, None)
    );
    assert_eq!(
        (message.method_name(), message.method()),
        (Some("x/unknown"), None)
    );

    let message = parse(r#"{"jsonrpc":"2.0","id":"\u0031","result":{"a": 1}}"#).unwrap();
    assert_eq!(
        (message.kind(), message.id()),
        (Kind::Response, Some(r#""\u0031""#))
    );
    assert_eq!(
        (message.result(), message.method()),
        (Some(r#"{"a": 1}"#), None)
    );

    let text = r#"{"jsonrpc":"2.0","id":99999999999999999999,"error":{"code":-32602,"message":"n\u006f","data":[1.0]}}"#;
    let message = parse(text).unwrap();
    assert_eq!(
        (message.kind(), message.id()),
        (Kind::Error, Some("99999999999999999999"))
    );
    let expected = RpcError {
        code: -32602,
        message: "no".into(),
        data: Some("[1.0]"),
    };
    assert_eq!(message.error(), Some(expected));

    for text in [
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":""}}"#,
        r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":""}}"#,
    ] {
        let message = parse(text).unwrap();
        assert_eq!((message.kind(), message.id()), (Kind::Error, None));
    }
}

#[test]
fn refuses_what_is_no_message() {
    use Fault::{Ambiguous, Expected, ExpectedToken, Missing, NotAllowed};
    let check = |text: &str, member: &'static str, fault: Fault, id: Option<&str>| {
        let error = parse(text).unwrap_err();
        assert_eq!(
            error,
            WireError::Envelope {
                member,
                fault,
                id: id.map(Into::into)
            },
            "{text}"
        );
        assert_eq!((error.code(), error.id()), (-32600, id), "{text}");
    };
    check("1", "message", Expected(JsonKind::Object), None);
    check("null", "message", Expected(JsonKind::Object), None);
    check(r#"{"id":1,"method":"ping"}"#, "jsonrpc", Missing, Some("1"));
    check(
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        "jsonrpc",
        NotAllowed,
        Some("1"),
    );
    check(
        r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#,
        "jsonrpc",
        NotAllowed,
        Some("1"),
    );
    for id in ["null", "{}", "[1]", "true"] {
        check(
            &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#),
            "id",
            ExpectedToken,
            None,
        );
        check(
            &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#),
            "id",
            ExpectedToken,
            None,
        );
    }
    check(r#"{"jsonrpc":"2.0","result":{}}"#, "id", Missing, None);
    check(
        r#"{"jsonrpc":"2.0","id":[],"error":{"code":1,"message":""}}"#,
        "id",
        ExpectedToken,
        None,
    );
    for method in ["1", "null", "[]"] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":"a","method":{method}}}"#);
        check(&text, "method", Expected(JsonKind::String), Some(r#""a""#));
    }
    for other in ["1", "null", "[]", r#""x""#] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{other}}}"#);
        check(&text, "params", Expected(JsonKind::Object), Some("1"));
        check(
            &format!(r#"{{"jsonrpc":"2.0","id":1,"result":{other}}}"#),
            "result",
            Expected(JsonKind::Object),
            Some("1"),
        );
        check(
            &format!(r#"{{"jsonrpc":"2.0","id":1,"error":{other}}}"#),
            "error",
            Expected(JsonKind::Object),
            Some("1"),
        );
    }
    let error = |error: &str, member, fault| {
        check(
            &format!(r#"{{"jsonrpc":"2.0","id":1,"error":{error}}}"#),
            member,
            fault,
            Some("1"),
        );
    };
    error(r#"{"message":""}"#, "code", Missing);
    error(
        r#"{"code":"1","message":""}"#,
        "code",
        Expected(JsonKind::Number),
    );
    error(
        r#"{"code":1.5,"message":""}"#,
        "code",
        Expected(JsonKind::Number),
    );
    error(r#"{"code":1}"#, "message", Missing);
    error(
        r#"{"code":1,"message":null}"#,
        "message",
        Expected(JsonKind::String),
    );
    error(r#"{"code":1,"Code":2,"message":""}"#, "code", Ambiguous);
}

#[test]
fn refuses_members_that_differ_only_by_case() {
    for (text, member) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#,
            "method",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","PARAMS":{}}"#,
            "params",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","param\u017f":{}}"#,
            "params",
        ),
        (r#"{"jsonrpc":"2.0","Id":1,"method":"ping"}"#, "id"),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{},"Error":{}}"#,
            "error",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert!(
            matches!(error, WireError::Envelope { member: found, fault: Fault::Ambiguous, .. } if found == member),
            "{text}: {error:?}"
        );
    }
}

#[test]
fn refuses_mixed_and_unknown_kinds() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"params":{}}"#,
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(
            error,
            WireError::UnknownKind {
                id: Some("1".into())
            },
            "{text}"
        );
        assert_eq!(error.code(), -32600);
    }
    assert!(matches!(
        parse("{}"),
        Err(WireError::Envelope {
            member: "jsonrpc",
            ..
        })
    ));
}

#[test]
fn refuses_what_is_not_strict_json() {
    let code = |text: &str| parse(text).unwrap_err().code();
    assert_eq!(code("{"), -32700);
    assert_eq!(code(""), -32700);
    assert_eq!(
        Message::parse(b"\"\xff\"".to_vec(), &Limits::default())
            .unwrap_err()
            .code(),
        -32700
    );
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":{"b":1,"\u0062":2}}}"#;
    assert!(matches!(
        parse(twice),
        Err(WireError::Json(JsonError::DuplicateKey { .. }))
    ));
    assert_eq!(code(twice), -32600);
    let limits = Limits {
        max_bytes: 10,
        max_depth: 64,
    };
    assert_eq!(
        Message::parse(vec![b' '; 11], &limits).unwrap_err(),
        WireError::Json(JsonError::TooLarge { limit: 10 })
    );
}

#[test]
fn batches() {
    let batch = |text: &str| Message::parse_batch(text.as_bytes().to_vec(), &Limits::default());
    let text = r#" [ {"jsonrpc":"2.0","id":1,"method":"ping"} ,{"jsonrpc":"2.0","method":"notifications/initialized"}] "#;
    assert_eq!(parse(text).unwrap_err(), WireError::Batch);
    let messages = batch(text).unwrap();
    assert_eq!(
        messages.iter().map(Message::kind).collect::<Vec<_>>(),
        [Kind::Request, Kind::Notification]
    );
    assert_eq!(
        messages[0].as_str(),
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#
    );
    assert_eq!(
        batch(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#)
            .unwrap()
            .len(),
        1
    );
    assert_eq!(batch("[]").unwrap_err(), WireError::EmptyBatch);
    assert!(batch(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},1]"#).is_err());
    assert!(batch(r#"[[{"jsonrpc":"2.0","id":1,"method":"ping"}]]"#).is_err());
}

#[test]
fn debug_shows_no_content() {
    let shown = format!(
        "{:?}",
        parse(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"secret"}}"#)
    );
    assert_eq!(
        shown,
        r#"Ok(Message { kind: Request, method: Some("tools/call"), id: Some("7"), len: 73 })"#
    );
    let shown = format!("{:?}", parse(r#"{"jsonrpc":"2.0","method":"secret"}"#));
    assert!(!shown.contains("secret"), "{shown}");
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        arbitrary::text().prop_map(|text| json::quote(&text)),
        (arbitrary::text(), arbitrary::style()).prop_map(|(text, mut style)| arbitrary::render(
            &Value::String(text),
            &mut style
        )
        .trim()
        .to_owned()),
        r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
    ]
}

proptest! {
    #[test]
    fn what_is_built_reads_back_verbatim(
        id in id(),
        method in arbitrary::text(),
        body in arbitrary::object(),
        mut style in arbitrary::style(),
        code in any::<i64>(),
        words in arbitrary::text(),
    ) {
        let body = arbitrary::render(&Value::Object(body), &mut style).trim().to_owned();

        let message = parse(&request(&id, &method, Some(&body))).unwrap();
        prop_assert_eq!(message.kind(), Kind::Request);
        prop_assert_eq!(message.id(), Some(&*id));
        prop_assert_eq!(message.method_name(), Some(&*method));
        prop_assert_eq!(message.params(), Some(&*body));
        prop_assert_eq!(message.method(), Method::parse(&method));

        let message = parse(&request(&id, &method, None)).unwrap();
        prop_assert_eq!((message.id(), message.params()), (Some(&*id), None));

        let message = parse(&notification(&method, Some(&body))).unwrap();
        prop_assert_eq!((message.kind(), message.id(), message.params()), (Kind::Notification, None, Some(&*body)));
        let message = parse(&notification(&method, None)).unwrap();
        prop_assert_eq!(message.method_name(), Some(&*method));

        let message = parse(&response(&id, &body)).unwrap();
        prop_assert_eq!((message.kind(), message.id(), message.result()), (Kind::Response, Some(&*id), Some(&*body)));

        let message = parse(&error_response(Some(&id), code, &words, Some(&body))).unwrap();
        let expected = RpcError { code, message: words.as_str().into(), data: Some(&body) };
        prop_assert_eq!((message.kind(), message.id(), message.error()), (Kind::Error, Some(&*id), Some(expected)));
        let message = parse(&error_response(None, code, &words, None)).unwrap();
        prop_assert_eq!((message.id(), message.error().unwrap().data), (None, None));
    }

    #[test]
    fn any_json_is_read_or_refused(value in arbitrary::value(), mut style in arbitrary::style()) {
        let text = arbitrary::render(&value, &mut style);
        drop(parse(&text));
        drop(Message::parse_batch(text.into_bytes(), &Limits::default()));
    }
}
