//! The standard headers: encoding is undone by decoding, and headers that are found to agree with a
//! body say what another parser finds there.
//!
//! Input: the headers' three values and a message.

#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use portcullis_fuzz::parts;
use portcullis_mcp::headers::{agree, decode_value, encode_value};
use portcullis_mcp::json::Limits;
use portcullis_mcp::{Kind, Message};
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Some([version, method, name, body]) = parts::<4>(data) else {
        return;
    };
    for value in [version, method, name] {
        encoding(value);
    }
    let Ok(message) = Message::parse(body.as_bytes().to_vec(), &Limits::default()) else {
        return;
    };
    let name = (!name.is_empty()).then_some(name);
    if agree(Some(version), Some(method), name, &message).is_ok() {
        said_by_the_body(&message, version, method, name);
    }
    if message.kind() == Kind::Request {
        assert!(agree(None, Some(method), name, &message).is_err());
        assert!(agree(Some(version), None, name, &message).is_err());
    }
});

fn encoding(value: &str) {
    let encoded = encode_value(value);
    assert!(
        encoded
            .bytes()
            .all(|c| c == b'\t' || (0x20..0x7f).contains(&c))
    );
    assert_eq!(decode_value(&encoded).as_deref(), Ok(value));
    if let Ok(decoded) = decode_value(value) {
        assert_eq!(
            decode_value(&encode_value(&decoded)).as_deref(),
            Ok(&*decoded)
        );
    }
}

fn said_by_the_body(message: &Message, version: &str, method: &str, name: Option<&str>) {
    // Numbers that no double holds are beyond the other parser.
    let Ok(body) = serde_json::from_str::<Value>(message.as_str()) else {
        return;
    };
    assert_eq!(body["method"], method);
    let said = &body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
    assert!(said == version || (said.is_null() && message.kind() == Kind::Notification));
    let member = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return,
    };
    let named = name.map(|name| decode_value(name).expect("a name that agrees"));
    match named {
        Some(named) => assert_eq!(body["params"][member], Value::from(Cow::into_owned(named))),
        None => assert_eq!(message.kind(), Kind::Notification),
    }
}
