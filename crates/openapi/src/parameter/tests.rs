use super::is_reserved;

#[test]
fn callers_cannot_set_what_frames_authenticates_or_routes() {
    for name in [
        "Authorization",
        "cookie",
        "HOST",
        "Proxy-Authorization",
        "Content-Type",
        "content-length",
        "Accept",
        "Mcp-Session-Id",
        "MCP-Protocol-Version",
        "Transfer-Encoding",
        "Connection",
        "X-HTTP-Method-Override",
        "X-Original-URL",
        "X-Forwarded-For",
        "Origin",
        "TE",
    ] {
        assert!(is_reserved(name), "{name}");
    }
    for name in [
        "X-Request-Id",
        "If-Match",
        "Prefer",
        "Idempotency-Key",
        "Accept-Language",
    ] {
        assert!(!is_reserved(name), "{name}");
    }
}
