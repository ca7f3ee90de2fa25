use proptest::prelude::*;

use super::*;
use crate::arbitrary;
use crate::json::Limits;

#[test]
fn reads_what_is_asked_for() {
    let text = r#"{"requestState": "s\n", "resultType":"input_required","inputRequests":{ "who\u003f": {"method":"elicitation/create","params":{"message":"m","requestedSchema":{}}}, "roots":{"method":"roots/list"},"say":{"params":{"messages":[],"maxTokens":1},"method":"sampling\/createMessage","vendor":1}}}"#;
    let read = input_required(text).unwrap();
    let requests: Vec<_> = read
        .requests
        .iter()
        .map(|ask| (&*ask.key, ask.method, ask.params.map(|(raw, _)| raw)))
        .collect();
    assert_eq!(
        requests,
        [
            (
                "who?",
                Method::ElicitationCreate,
                Some(r#"{"message":"m","requestedSchema":{}}"#)
            ),
            ("roots", Method::RootsList, None),
            (
                "say",
                Method::SamplingCreateMessage,
                Some(r#"{"messages":[],"maxTokens":1}"#)
            ),
        ]
    );
    for ask in &read.requests {
        assert!(ask.span.of(text).starts_with('{') && ask.span.of(text).ends_with('}'));
        if let Some((raw, span)) = ask.params {
            assert_eq!(span.of(text), raw);
        }
    }
    assert_eq!(read.requests[1].span.of(text), r#"{"method":"roots/list"}"#);
    let (state, span) = read.request_state.unwrap();
    assert_eq!((&*state, span.of(text)), ("s\n", r#""s\n""#));
}

#[test]
fn state_alone_is_enough() {
    let read = input_required(r#"{"resultType":"input_required","requestState":""}"#).unwrap();
    assert!(read.requests.is_empty() && read.request_state.is_some());
}

#[test]
fn other_results_are_refused() {
    let check = |text: &str, member: &'static str, fault: Fault| {
        assert_eq!(
            input_required(text),
            Err(WireError::Result { member, fault }),
            "{text}"
        );
    };
    let object = Fault::Expected(JsonKind::Object);
    check("[]", "result", object);
    check("{}", "resultType", Fault::NotAllowed);
    check(
        r#"{"resultType":"complete","requestState":"s"}"#,
        "resultType",
        Fault::NotAllowed,
    );
    check(
        r#"{"resultType":"input_required","requestState":"s","requeststate":"t"}"#,
        "requestState",
        Fault::Ambiguous,
    );
    check(
        r#"{"resultType":"input_required","requestState":1}"#,
        "requestState",
        Fault::Expected(JsonKind::String),
    );
    for empty in ["", r#","inputRequests":{}"#, r#","inputRequests":null"#] {
        check(
            &format!(r#"{{"resultType":"input_required"{empty}}}"#),
            "inputRequests",
            Fault::Missing,
        );
    }
    let ask = |ask: &str, member, fault| {
        check(
            &format!(r#"{{"resultType":"input_required","inputRequests":{{"k":{ask}}}}}"#),
            member,
            fault,
        );
    };
    ask("[]", "inputRequests", object);
    ask("{}", "method", Fault::Missing);
    ask(r#"{"method":"ping"}"#, "method", Fault::NotAllowed);
    ask(r#"{"method":"tools/call"}"#, "method", Fault::NotAllowed);
    ask(r#"{"method":"made/up"}"#, "method", Fault::NotAllowed);
    ask(
        r#"{"method":"roots/list","Method":"ping"}"#,
        "method",
        Fault::Ambiguous,
    );
    ask(r#"{"method":"roots/list","params":[]}"#, "params", object);
    ask(
        r#"{"method":"elicitation/create","params":{"message":"m"}}"#,
        "requestedSchema",
        Fault::Missing,
    );
    ask(
        r#"{"method":"sampling/createMessage"}"#,
        "maxTokens",
        Fault::Missing,
    );
}

#[test]
fn writes_what_it_reads() {
    let asks = [
        ("a\"b", Method::RootsList, ""),
        (
            "c",
            Method::ElicitationCreate,
            r#"{"message":"m","requestedSchema":{}}"#,
        ),
    ];
    assert_eq!(
        write_input_required(&asks, Some("st\u{e4}te")),
        r#"{"resultType":"input_required","inputRequests":{"a\"b":{"method":"roots/list"},"c":{"method":"elicitation/create","params":{"message":"m","requestedSchema":{}}}},"requestState":"stäte"}"#
    );
    assert_eq!(
        write_input_required(&[], Some("s")),
        r#"{"resultType":"input_required","requestState":"s"}"#
    );
    assert_eq!(
        write_input_required(&asks[..1], None),
        r#"{"resultType":"input_required","inputRequests":{"a\"b":{"method":"roots/list"}}}"#
    );
}

#[test]
fn reads_answers() {
    let text = r#"{"a":{"action":"accept"}, "b\u0031":{ }}"#;
    let answers = input_responses(text).unwrap();
    assert_eq!(answers.len(), 2);
    assert_eq!((&*answers[1].0, answers[1].1.0), ("b1", "{ }"));
    for (_, (raw, span)) in &answers {
        assert_eq!(span.of(text), *raw);
    }
    assert!(input_responses("{}").unwrap().is_empty());
    for bad in ["[]", "null", r#"{"a":1}"#, r#"{"a":{},"b":null}"#] {
        assert_eq!(
            input_responses(bad),
            Err(WireError::Params {
                member: "inputResponses",
                fault: Fault::Expected(JsonKind::Object)
            }),
            "{bad}"
        );
    }
}

#[test]
fn reads_actions() {
    for action in ["accept", "decline", "cancel"] {
        let text = format!(r#"{{"content":{{}},"action":"{action}"}}"#);
        assert_eq!(elicit_action(&text).as_deref(), Ok(action));
    }
    for (text, fault) in [
        ("{}", Fault::Missing),
        (r#"{"action":"Accept"}"#, Fault::NotAllowed),
        (r#"{"action":true}"#, Fault::Expected(JsonKind::String)),
        (
            r#"{"action":"decline","ACTION":"accept"}"#,
            Fault::Ambiguous,
        ),
    ] {
        let member = "action";
        assert_eq!(
            elicit_action(text),
            Err(WireError::Result { member, fault }),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        keys in prop::collection::btree_set(arbitrary::text(), 0..4),
        state in proptest::option::of(arbitrary::text()),
    ) {
        let asks: Vec<_> = keys.iter().map(|key| (&**key, Method::RootsList, "{}")).collect();
        let text = write_input_required(&asks, state.as_deref());
        json::check(text.as_bytes(), &Limits::default()).unwrap();
        let read = input_required(&text);
        if keys.is_empty() && state.is_none() {
            prop_assert!(read.is_err());
        } else {
            let read = read.unwrap();
            let found: Vec<_> = read.requests.iter().map(|ask| &*ask.key).collect();
            prop_assert_eq!(found, keys.iter().map(|key| &**key).collect::<Vec<_>>());
            prop_assert_eq!(read.request_state.as_ref().map(|(text, _)| &**text), state.as_deref());
        }
    }
}
