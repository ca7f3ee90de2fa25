use serde_json::json;

use super::*;

#[test]
fn events_come_out_of_any_pieces() {
    let stream = ": hello\r\n\r\nid: 1\r\ndata:\r\n\r\nevent: message\ndata: {\"a\":\ndata: 1}\n\ndata: {\"b\":\"é\"}\n\n";
    for size in 1..stream.len() {
        let mut events = Events::default();
        let mut found = Vec::new();
        for piece in stream.as_bytes().chunks(size) {
            events.push(piece).unwrap();
            while let Some(message) = events.next().unwrap() {
                found.push(message);
            }
        }
        assert_eq!(found, [json!({"a": 1}), json!({"b": "é"})], "{size}");
    }
}

#[test]
fn only_this_machine_is_reached() {
    for url in [
        "http://127.0.0.1:1/mcp",
        "http://localhost:1/",
        "http://[::1]:1/mcp",
    ] {
        assert!(Http::new(url, None).is_ok(), "{url}");
    }
    for url in [
        "http://example.com/",
        "https://127.0.0.1/",
        "http://127.0.0.1.example.com/",
        "/mcp",
        "",
        "http://10.0.0.1/",
    ] {
        assert!(
            matches!(Http::new(url, None), Err(ClientError::NotLoopback)),
            "{url}"
        );
    }
}
