//! Views of results and capabilities: spans point at what they say, and what is written from a view
//! is read as the same view.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_mcp::capabilities::{ClientCapabilities, ServerCapabilities};
use portcullis_mcp::json::{self, Limits, Object, Span};
use portcullis_mcp::result::{self, InputRequest, ResultType};
use portcullis_mcp::{Era, ListKind, ProtocolVersion};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if json::check(data, &Limits::default()).is_err() {
        return;
    }
    for kind in ListKind::ALL {
        page(*kind, text);
    }
    let _ = result::initialize_result(text);
    let _ = result::discover_result(text);
    let _ = result::elicit_action(text);
    input(text);
    task(text);
    capabilities(text);
    for (_, (raw, span)) in result::input_responses(text).unwrap_or_default() {
        assert_eq!(span.of(text), raw);
    }
});

fn page(kind: ListKind, text: &str) {
    let Ok(page) = result::page(kind, text) else {
        return;
    };
    for item in page.items {
        assert_eq!(item.span.of(text), item.text);
        string_at(item.text, item.identity_span, &item.identity);
    }
}

fn input(text: &str) {
    let Ok(read) = result::input_required(text) else {
        return;
    };
    let object = Object::parse(text).expect("the object that was just read");
    assert_eq!(result::result_type(&object), Ok(ResultType::InputRequired));
    asks(text, &read.requests);
    if let Some((state, span)) = &read.request_state {
        string_at(text, *span, state);
    }
    let requests: Vec<_> = read
        .requests
        .iter()
        .map(|ask| {
            let params = ask.params.map_or("", |(raw, _)| raw);
            (&*ask.key, ask.method, params)
        })
        .collect();
    let state = read.request_state.as_ref().map(|(state, _)| &**state);
    let written = result::write_input_required(&requests, state);
    json::check(written.as_bytes(), &Limits::default()).expect("what we write is strict");
    let again = result::input_required(&written).expect("what we write is read");
    assert_eq!(
        again.request_state.map(|(state, _)| state).as_deref(),
        state
    );
    assert_eq!(again.requests.len(), read.requests.len());
    for (one, other) in again.requests.iter().zip(&read.requests) {
        assert_eq!((&one.key, one.method), (&other.key, other.method));
        assert_eq!(
            one.params.map(|(raw, _)| raw),
            other.params.map(|(raw, _)| raw)
        );
    }
}

fn task(text: &str) {
    let Ok(task) = result::task(text) else {
        return;
    };
    string_at(text, task.task_id_span, &task.task_id);
    for (raw, span) in [task.result, task.error].into_iter().flatten() {
        assert_eq!(span.of(text), raw);
    }
    asks(text, &task.input_requests);
}

fn asks(text: &str, requests: &[InputRequest<'_>]) {
    for ask in requests {
        Object::parse(ask.span.of(text)).expect("a span of a whole request");
        if let Some((raw, span)) = ask.params {
            assert_eq!(span.of(text), raw);
            assert!(ask.span.start < span.start && span.end < ask.span.end);
        }
        let params = ask.params.map(|(raw, _)| raw);
        let needed = ClientCapabilities::needed(ask.method, params).expect("params that fit");
        assert!(!needed.is_empty());
    }
}

fn capabilities(text: &str) {
    for version in ProtocolVersion::ALL {
        if let Ok(read) = ClientCapabilities::read(text, *version) {
            let written = read.write(*version);
            assert_eq!(ClientCapabilities::read(&written, *version), Ok(read));
            assert_eq!(ClientCapabilities::from_bits_truncate(read.bits()), read);
        }
    }
    if let Ok(read) = ServerCapabilities::read(text) {
        assert_eq!(ServerCapabilities::read(&read.write(Era::Modern)), Ok(read));
    }
}

fn string_at(text: &str, span: Span, said: &str) {
    assert_eq!(json::as_string(span.of(text)).as_deref(), Some(said));
}
