//! The envelope: what we accept another parser accepts and reads alike, every view of it is sound,
//! and rewriting changes what it is told to and nothing else.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use portcullis_mcp::json::{self, Limits, Object, Span, Splice};
use portcullis_mcp::params::{self, Params};
use portcullis_mcp::{Kind, Message, headers, meta};
use serde_json::value::RawValue;

const LIMITS: Limits = Limits {
    max_bytes: 64 * 1024,
    max_depth: 64,
};

fuzz_target!(|data: &[u8]| {
    match Message::parse(data.to_vec(), &LIMITS) {
        Ok(message) => {
            assert_eq!(message.as_str().as_bytes(), data);
            read_alike(&message);
            views(&message);
            strings(message.as_str());
            rewriting(message.as_str());
        }
        Err(error) => {
            let _ = (error.code(), error.id(), error.to_string());
        }
    }
    if let Ok(batch) = Message::parse_batch(data.to_vec(), &LIMITS) {
        for message in batch {
            let alone = message.as_str().as_bytes().to_vec();
            assert!(Message::parse(alone, &LIMITS).is_ok());
        }
    }
});

/// The members are those that serde_json finds.
fn read_alike(message: &Message) {
    let text = message.as_str();
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).expect("serde_json accepts what we accept");
    let raw = |key: &str| members.get(key).map(|value| value.get());
    let id = raw("id").filter(|id| *id != "null");
    assert_eq!(message.id(), id);
    assert_eq!(message.params(), raw("params"));
    assert_eq!(message.result(), raw("result"));
    let method: Option<String> =
        raw("method").map(|raw| serde_json::from_str(raw).expect("a string"));
    assert_eq!(message.method_name(), method.as_deref());
    let kind = match (
        method.is_some(),
        raw("id").is_some(),
        raw("error").is_some(),
    ) {
        (true, true, _) => Kind::Request,
        (true, false, _) => Kind::Notification,
        (false, _, true) => Kind::Error,
        (false, _, false) => Kind::Response,
    };
    assert_eq!(message.kind(), kind);
    assert_eq!(message.error().is_some(), raw("error").is_some());
}

fn views(message: &Message) {
    let Some(method) = message.method() else {
        return;
    };
    let params = message.params();
    let text = params.unwrap_or("{}");
    let _ = (meta::modern(params), headers::name_of(method, params));
    match params::view(method, params) {
        Ok(Params::CallTool(call)) => {
            string_at(text, call.name_span, &call.name);
            for (raw, span) in [call.arguments, call.meta, call.task].into_iter().flatten() {
                assert_eq!(span.of(text), raw);
            }
        }
        Ok(Params::ReadResource(read) | Params::Subscribe(read) | Params::Updated(read)) => {
            string_at(text, read.uri_span, &read.uri);
        }
        Ok(Params::GetPrompt(get)) => string_at(text, get.name_span, &get.name),
        Ok(Params::Listen(listen)) => {
            for (said, span) in listen.resource_subscriptions.iter().chain(&listen.task_ids) {
                string_at(text, *span, said);
            }
        }
        Ok(Params::Task(task)) => string_at(text, task.task_id_span, &task.task_id),
        Ok(_) | Err(_) => {}
    }
    let Some(params) = params else {
        return;
    };
    let key = "io.portcullis/fuzz";
    if let Ok(set) = meta::set(params, &[(key, "7")]) {
        assert_eq!(meta::member(&set, key), Some("7"));
        let stripped = meta::strip(&set, |name| name == key).expect("what was just set");
        assert_eq!(meta::member(&stripped, key), None);
        json::check(stripped.as_bytes(), &LARGE).expect("stripping keeps it strict");
    }
}

/// Room for what rewriting adds.
const LARGE: Limits = Limits {
    max_bytes: usize::MAX,
    max_depth: 128,
};

fn strings(text: &str) {
    for token in json::strings(text) {
        let said: String = serde_json::from_str(token.span.of(text)).expect("a string");
        assert_eq!(token.value, said);
    }
}

fn rewriting(text: &str) {
    let canonical = json::canonical(text).expect("depth is bounded");
    assert_eq!(json::canonical(&canonical).as_deref(), Ok(&*canonical));

    // Every string written anew: another text of the same value.
    let mut splice = Splice::new(text);
    for token in json::strings(text) {
        splice.replace(token.span, json::quote(&token.value));
    }
    let quoted = splice.finish();
    json::check(quoted.as_bytes(), &LARGE).expect("quoting keeps it strict");
    assert_eq!(json::canonical(&quoted).as_deref(), Ok(&*canonical));

    let whole = Span {
        start: 0,
        end: text.len(),
    };
    let object = Object::parse(text).expect("a message is an object");
    for gone in object.members() {
        let mut splice = Splice::new(text);
        splice.remove_member(whole, &gone.key).expect("an object");
        for (key, value) in ADDED {
            splice.set_member(whole, key, value).expect("an object");
        }
        let edited = splice.finish();
        json::check(edited.as_bytes(), &LARGE).expect("splicing keeps it strict");
        let edited = Object::parse(&edited).expect("still an object");
        let mut expected: BTreeMap<&str, &str> = members(&object);
        expected.remove(&*gone.key);
        expected.extend(ADDED);
        assert_eq!(members(&edited), expected);
    }
}

/// Members that rewriting adds.
const ADDED: [(&str, &str); 2] = [("fuzz \"one\"", "[1]"), ("fuzz two", "2")];

fn members<'a>(object: &'a Object<'_>) -> BTreeMap<&'a str, &'a str> {
    object
        .members()
        .iter()
        .map(|member| (&*member.key, member.value))
        .collect()
}

fn string_at(text: &str, span: Span, said: &str) {
    assert_eq!(json::as_string(span.of(text)).as_deref(), Some(said));
}
