use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::arbitrary;
use crate::error::{Fault, WireError};
use crate::json::{self, JsonKind};
use crate::method::Method;

/// The methods whose params hold nothing that is judged, but for `_meta`.
const PLAIN: &[Method] = &[
    Method::ServerDiscover,
    Method::Ping,
    Method::RootsList,
    Method::Initialized,
    Method::ToolsListChanged,
    Method::PromptsListChanged,
    Method::ResourcesListChanged,
    Method::RootsListChanged,
];

fn refuses(method: Method, params: &str, member: &'static str, fault: Fault) {
    assert_eq!(
        view(method, Some(params)),
        Err(WireError::Params { member, fault }),
        "{method} {params}"
    );
}

/// For every method: params that fit, and what else its members may not be.
const FITTING: &[(Method, &str)] = &[
    (
        Method::Initialize,
        r#"{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x"}}"#,
    ),
    (Method::ToolsList, r#"{"cursor":"c"}"#),
    (Method::PromptsList, r#"{"cursor":"c"}"#),
    (Method::ResourcesList, r#"{"cursor":"c"}"#),
    (Method::ResourceTemplatesList, r#"{"cursor":"c"}"#),
    (Method::TasksList, r#"{"cursor":"c"}"#),
    (
        Method::ToolsCall,
        r#"{"name":"n","arguments":{},"task":{},"inputResponses":{},"requestState":"s"}"#,
    ),
    (
        Method::ResourcesRead,
        r#"{"uri":"u:x","inputResponses":{},"requestState":"s"}"#,
    ),
    (Method::ResourcesSubscribe, r#"{"uri":"u:x"}"#),
    (Method::ResourcesUnsubscribe, r#"{"uri":"u:x"}"#),
    (Method::ResourcesUpdated, r#"{"uri":"u:x"}"#),
    (
        Method::PromptsGet,
        r#"{"name":"n","arguments":{"a":"b"},"inputResponses":{},"requestState":"s"}"#,
    ),
    (
        Method::CompletionComplete,
        r#"{"ref":{"type":"ref/prompt","name":"n"},"argument":{"name":"a","value":"v"},"context":{}}"#,
    ),
    (Method::LoggingSetLevel, r#"{"level":"info"}"#),
    (Method::Cancelled, r#"{"requestId":1,"reason":"r"}"#),
    (
        Method::Progress,
        r#"{"progressToken":1,"progress":0.5,"total":1,"message":"m"}"#,
    ),
    (
        Method::LogMessage,
        r#"{"level":"error","logger":"l","data":{}}"#,
    ),
    (Method::SubscriptionsListen, r#"{"notifications":{}}"#),
    (Method::SubscriptionsAcknowledged, r#"{"notifications":{}}"#),
    (Method::TasksGet, r#"{"taskId":"t"}"#),
    (Method::TasksResult, r#"{"taskId":"t"}"#),
    (Method::TasksCancel, r#"{"taskId":"t"}"#),
    (Method::TasksUpdate, r#"{"taskId":"t","inputResponses":{}}"#),
    (Method::TasksStatus, r#"{"taskId":"t","status":"working"}"#),
    (
        Method::TasksNotification,
        r#"{"taskId":"t","status":"working"}"#,
    ),
    (
        Method::SamplingCreateMessage,
        r#"{"messages":[],"maxTokens":1,"systemPrompt":"s","includeContext":"none","tools":[],"task":{}}"#,
    ),
    (
        Method::ElicitationCreate,
        r#"{"mode":"form","message":"m","requestedSchema":{},"task":{}}"#,
    ),
    (
        Method::ElicitationCreate,
        r#"{"mode":"url","message":"m","url":"https://x","elicitationId":"e"}"#,
    ),
    (Method::ElicitationComplete, r#"{"elicitationId":"e"}"#),
];

#[test]
fn every_method_is_either_judged_or_plain() {
    for method in Method::ALL {
        let judged = FITTING.iter().any(|(other, _)| other == method);
        assert_ne!(judged, PLAIN.contains(method), "{method}");
    }
    for method in PLAIN {
        assert_eq!(view(*method, None), Ok(Params::Other), "{method}");
        assert_eq!(
            view(*method, Some(r#"{"_meta":{"progressToken":"p"},"x":1}"#)),
            Ok(Params::Other),
            "{method}"
        );
    }
    for (method, params) in FITTING {
        let view = view(*method, Some(params));
        assert!(
            view.is_ok_and(|view| view != Params::Other),
            "{method} {params}"
        );
    }
}

/// Each judged member, one by one: another kind, `null`, or another letter case beside it is refused.
#[test]
fn a_member_of_another_kind_is_refused() {
    for (method, params) in FITTING {
        let object = json::Object::parse(params).unwrap();
        for member in object.members() {
            let anything = (*method, &*member.key) == (Method::LogMessage, "data");
            let token = matches!(&*member.key, "requestId" | "progressToken");
            for other in ["null", "true", "{}", "[]", "[1]", "\"\"", "0"] {
                let fits = anything
                    || json::kind(other) == json::kind(member.value)
                    || token && matches!(json::kind(other), JsonKind::String | JsonKind::Number);
                if !fits {
                    let mut changed = (*params).to_owned();
                    changed.replace_range(member.value_span.start..member.value_span.end, other);
                    assert!(view(*method, Some(&changed)).is_err(), "{method} {changed}");
                }
            }
            let upper = member.key.to_uppercase();
            let beside = format!(
                "{{{}:{},{}",
                json::quote(&upper),
                member.value,
                params.strip_prefix('{').unwrap()
            );
            let error = view(*method, Some(&beside)).unwrap_err();
            assert!(
                matches!(
                    error,
                    WireError::Params {
                        fault: Fault::Ambiguous,
                        ..
                    }
                ),
                "{method} {beside}"
            );
        }
    }
}

#[test]
fn required_members_are_required() {
    let required: &[(Method, &[&str])] = &[
        (Method::Initialize, &["protocolVersion", "capabilities"]),
        (Method::ToolsCall, &["name"]),
        (Method::ResourcesRead, &["uri"]),
        (Method::ResourcesSubscribe, &["uri"]),
        (Method::ResourcesUnsubscribe, &["uri"]),
        (Method::ResourcesUpdated, &["uri"]),
        (Method::PromptsGet, &["name"]),
        (Method::CompletionComplete, &["ref", "argument"]),
        (Method::LoggingSetLevel, &["level"]),
        (Method::Cancelled, &["requestId"]),
        (Method::Progress, &["progressToken", "progress"]),
        (Method::LogMessage, &["level", "data"]),
        (Method::SubscriptionsListen, &["notifications"]),
        (Method::SubscriptionsAcknowledged, &["notifications"]),
        (Method::TasksGet, &["taskId"]),
        (Method::TasksResult, &["taskId"]),
        (Method::TasksCancel, &["taskId"]),
        (Method::TasksUpdate, &["taskId", "inputResponses"]),
        (Method::TasksStatus, &["taskId", "status"]),
        (Method::TasksNotification, &["taskId", "status"]),
        (Method::SamplingCreateMessage, &["messages", "maxTokens"]),
        (
            Method::ElicitationCreate,
            &["message", "requestedSchema", "url"],
        ),
        (Method::ElicitationComplete, &["elicitationId"]),
    ];
    for (method, params) in FITTING {
        let needed = required
            .iter()
            .find(|(other, _)| other == method)
            .map_or(&[][..], |(_, keys)| keys);
        assert_eq!(view(*method, None).is_err(), !needed.is_empty(), "{method}");
        for member in json::Object::parse(params).unwrap().members() {
            let mut splice = json::Splice::new(params);
            splice
                .remove_member(
                    Span {
                        start: 0,
                        end: params.len(),
                    },
                    &member.key,
                )
                .unwrap();
            let without = splice.finish();
            // Without its mode, a URL elicitation is a form without a schema.
            let needed = needed.contains(&&*member.key)
                || (&*member.key == "mode" && params.contains("\"url\""));
            assert_eq!(
                view(*method, Some(&without)).is_err(),
                needed,
                "{method} {without}"
            );
        }
    }
}

#[test]
fn inner_members_are_checked() {
    use Fault::{Expected, ExpectedToken, Missing, NotAllowed};
    refuses(
        Method::LoggingSetLevel,
        r#"{"level":"loud"}"#,
        "level",
        NotAllowed,
    );
    refuses(
        Method::LogMessage,
        r#"{"level":"INFO","data":1}"#,
        "level",
        NotAllowed,
    );
    refuses(
        Method::PromptsGet,
        r#"{"name":"n","arguments":{"a":1}}"#,
        "arguments",
        Expected(JsonKind::String),
    );
    let complete = |reference: &str, argument: &str, member, fault| {
        let params = format!(r#"{{"ref":{reference},"argument":{argument}}}"#);
        refuses(Method::CompletionComplete, &params, member, fault);
    };
    let (reference, argument) = (
        r#"{"type":"ref/prompt","name":"n"}"#,
        r#"{"name":"a","value":"v"}"#,
    );
    complete(r#"{"name":"n"}"#, argument, "type", Missing);
    complete(
        r#"{"type":"ref/tool","name":"n"}"#,
        argument,
        "type",
        NotAllowed,
    );
    complete(
        r#"{"type":"ref/prompt","uri":"n"}"#,
        argument,
        "name",
        Missing,
    );
    complete(
        r#"{"type":"ref/resource","name":"n"}"#,
        argument,
        "uri",
        Missing,
    );
    complete(
        r#"{"type":"ref/prompt","name":"n","Name":"m"}"#,
        argument,
        "name",
        Fault::Ambiguous,
    );
    complete(reference, r#"{"name":"a"}"#, "value", Missing);
    complete(
        reference,
        r#"{"name":1,"value":"v"}"#,
        "name",
        Expected(JsonKind::String),
    );
    let listen = |filter: &str, member, fault| {
        refuses(
            Method::SubscriptionsListen,
            &format!(r#"{{"notifications":{filter}}}"#),
            member,
            fault,
        );
    };
    listen(
        r#"{"toolsListChanged":1}"#,
        "toolsListChanged",
        Expected(JsonKind::Bool),
    );
    listen(
        r#"{"resourceSubscriptions":"a"}"#,
        "resourceSubscriptions",
        Expected(JsonKind::Array),
    );
    listen(
        r#"{"resourceSubscriptions":["a",1]}"#,
        "resourceSubscriptions",
        Expected(JsonKind::String),
    );
    refuses(
        Method::SamplingCreateMessage,
        r#"{"messages":[],"maxTokens":1,"includeContext":"everything"}"#,
        "includeContext",
        NotAllowed,
    );
    refuses(
        Method::ElicitationCreate,
        r#"{"mode":"voice","message":"m"}"#,
        "mode",
        NotAllowed,
    );
    for method in Method::ALL {
        refuses(
            *method,
            r#"{"_meta":1}"#,
            "_meta",
            Expected(JsonKind::Object),
        );
        refuses(
            *method,
            r#"{"_meta":{"progressToken":{}}}"#,
            "progressToken",
            ExpectedToken,
        );
        refuses(*method, r#"{"_Meta":{}}"#, "_meta", Fault::Ambiguous);
        refuses(*method, "[]", "params", Expected(JsonKind::Object));
    }
}

#[test]
fn views_point_into_the_params() {
    let text = r#" {"_meta":{"a":1}, "arguments" : {"x":1.0}, "name":"t\u006fol"} "#;
    let Ok(Params::CallTool(call)) = view(Method::ToolsCall, Some(text)) else {
        panic!()
    };
    assert_eq!(call.name, "tool");
    assert_eq!(call.name_span.of(text), r#""t\u006fol""#);
    let (arguments, span) = call.arguments.unwrap();
    assert_eq!((arguments, span.of(text)), (r#"{"x":1.0}"#, r#"{"x":1.0}"#));
    let (meta, span) = call.meta.unwrap();
    assert_eq!((meta, span.of(text)), (r#"{"a":1}"#, r#"{"a":1}"#));
    assert_eq!((call.task, call.retry), (None, Retry::default()));

    let text =
        r#"{"argument":{"name":"a","value":"v"}, "ref": {"type":"ref/resource","uri":"x:\/\/y"}}"#;
    let Ok(Params::Complete(complete)) = view(Method::CompletionComplete, Some(text)) else {
        panic!()
    };
    let Reference::Resource { uri, uri_span } = complete.reference else {
        panic!()
    };
    assert_eq!((&*uri, uri_span.of(text)), ("x://y", r#""x:\/\/y""#));

    let text =
        r#"{"ref" : {"name":"p\u0031","type":"ref/prompt"},"argument":{"name":"a","value":"v"}}"#;
    let Ok(Params::Complete(complete)) = view(Method::CompletionComplete, Some(text)) else {
        panic!()
    };
    let Reference::Prompt { name, name_span } = complete.reference else {
        panic!()
    };
    assert_eq!((&*name, name_span.of(text)), ("p1", r#""p\u0031""#));

    let text = r#"{"name":"p","requestState":"s\n","inputResponses":{"k":{}}}"#;
    let Ok(Params::GetPrompt(prompt)) = view(Method::PromptsGet, Some(text)) else {
        panic!()
    };
    let (state, span) = prompt.retry.request_state.unwrap();
    assert_eq!((&*state, span.of(text)), ("s\n", r#""s\n""#));
    assert_eq!(
        prompt.retry.input_responses.unwrap().1.of(text),
        r#"{"k":{}}"#
    );

    let text = r#"{"notifications": {"toolsListChanged":true,"promptsListChanged":false,"resourceSubscriptions": [ "a","b"]}}"#;
    let Ok(Params::Listen(listen)) = view(Method::SubscriptionsListen, Some(text)) else {
        panic!()
    };
    assert!(
        listen.tools_list_changed && !listen.prompts_list_changed && !listen.resources_list_changed
    );
    let subscriptions: Vec<_> = listen
        .resource_subscriptions
        .iter()
        .map(|(uri, span)| (&**uri, span.of(text)))
        .collect();
    assert_eq!(subscriptions, [("a", r#""a""#), ("b", r#""b""#)]);

    let text = r#"{"requestId":"\u0031"}"#;
    assert_eq!(
        view(Method::Cancelled, Some(text)),
        Ok(Params::Cancelled {
            request_id: r#""\u0031""#
        })
    );
    let text = r#"{"progressToken":1.0,"progress":1}"#;
    assert_eq!(
        view(Method::Progress, Some(text)),
        Ok(Params::Progress {
            token: "1.0",
            message: None
        })
    );
}

/// Objects made of the members that some method judges, with values that fit or not.
fn likely() -> impl Strategy<Value = Value> {
    let keys: Vec<String> = FITTING
        .iter()
        .flat_map(|(_, params)| json::strings(params).filter(|token| token.is_key))
        .map(|token| token.value.into_owned())
        .chain(["_meta".to_owned(), "Name".to_owned()])
        .collect();
    prop::collection::vec((prop::sample::select(keys), arbitrary::value()), 0..6)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_params_are_viewed_or_refused(
        value in prop_oneof![arbitrary::value(), likely(), arbitrary::object().prop_map(Value::Object)],
        mut style in arbitrary::style(),
    ) {
        let text = arbitrary::render(&value, &mut style);
        for method in Method::ALL {
            match view(*method, Some(&text)) {
                Ok(view) => {
                    prop_assert!(value.is_object());
                    prop_assert_eq!(view == Params::Other, PLAIN.contains(method), "{}", method);
                    prop_assert!(value.get("_meta").is_none_or(Value::is_object));
                }
                Err(error) => prop_assert_eq!(error.code(), -32602),
            }
        }
    }

    #[test]
    fn unchecked_text_does_not_panic(text in any::<String>()) {
        for method in Method::ALL {
            drop(view(*method, Some(&text)));
        }
    }
}
