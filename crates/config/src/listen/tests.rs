use super::{is_host, is_origin};
use crate::parse;

#[test]
fn hosts() {
    for text in [
        "example.com",
        "example.com:8443",
        "127.0.0.1:1",
        "[::1]:8642",
    ] {
        assert!(is_host(text), "{text}");
    }
    for text in [
        "",
        "https://example.com",
        "example.com/mcp",
        "a@b",
        "*.example.com",
        "a:",
    ] {
        assert!(!is_host(text), "{text}");
    }
}

#[test]
fn origins() {
    for text in ["https://example.com", "http://localhost:6274"] {
        assert!(is_origin(text), "{text}");
    }
    for text in [
        "*",
        "null",
        "example.com",
        "https://example.com/",
        "https://*",
        "ws://a",
    ] {
        assert!(!is_origin(text), "{text}");
    }
}

#[test]
fn the_public_url_is_checked() {
    let url = |text: &str| parse(&format!("[listen]\npublic-url = \"{text}\""));
    let config = url("https://mcp.example.com/gateway/").unwrap();
    assert_eq!(
        config.listen.public_url.as_deref(),
        Some("https://mcp.example.com/gateway")
    );
    for text in [
        "http://mcp.example.com",
        "https://a.example?x=1",
        "https://a@b.example",
    ] {
        assert!(url(text).is_err(), "{text}");
    }
}
