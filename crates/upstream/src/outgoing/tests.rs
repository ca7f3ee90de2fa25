use portcullis_mcp::json::Limits;
use portcullis_mcp::{Message, ProtocolVersion};

use super::*;

fn call<'a>(version: Option<ProtocolVersion>, params: &'a str) -> Call<'a> {
    Call {
        progress: true,
        log_level: Some("debug"),
        credentials: None,
        ..Call::own(version, Method::ToolsCall, params)
    }
}

#[test]
fn a_modern_request_describes_itself_and_keeps_every_other_byte() {
    let params = r#"{"name":"t","arguments":{"big":12345678901234567890123,"z":1.0,"a":1},"_meta":{"traceparent":"00"}}"#;
    let text = call(Some(ProtocolVersion::LATEST), params)
        .text(7, r#"{"elicitation":{"form":{}}}"#)
        .unwrap();
    let message = Message::parse(text.into_bytes(), &Limits::default()).unwrap();
    assert_eq!(message.id(), Some("7"));
    let sent = message.params().unwrap();
    assert!(sent.contains(r#""arguments":{"big":12345678901234567890123,"z":1.0,"a":1}"#));
    let member = |key| meta::member(sent, key);
    assert_eq!(member(meta::PROTOCOL_VERSION), Some("\"2026-07-28\""));
    assert_eq!(
        member(meta::CLIENT_CAPABILITIES),
        Some(r#"{"elicitation":{"form":{}}}"#)
    );
    assert_eq!(member(meta::CLIENT_INFO), Some(CLIENT_INFO));
    assert_eq!(member(meta::LOG_LEVEL), Some("\"debug\""));
    assert_eq!(member("progressToken"), Some("7"));
    assert_eq!(member("traceparent"), Some("\"00\""));
}

#[test]
fn a_legacy_request_has_no_era_metadata() {
    let text = call(Some(ProtocolVersion::V2025_11_25), "{}")
        .text(9, r#"{"roots":{}}"#)
        .unwrap();
    assert!(!text.contains("io.modelcontextprotocol/"), "{text}");
    assert!(text.contains(r#""progressToken":9"#), "{text}");
    let plain = Call::own(None, Method::Initialize, r#"{"a":1}"#)
        .text(1, "{}")
        .unwrap();
    assert!(plain.contains(r#""params":{"a":1}"#), "{plain}");
}
