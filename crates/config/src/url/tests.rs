use super::{UrlFault, check_url};

#[test]
fn urls() {
    for (text, expected) in [
        ("https://example.com/mcp", Ok(())),
        ("https://example.com:8443/mcp?a=b", Ok(())),
        ("http://localhost:3000/mcp", Ok(())),
        ("http://127.0.0.2/mcp", Ok(())),
        ("http://[::1]:3000", Ok(())),
        ("http://example.com/mcp", Err(UrlFault::PlainHttp)),
        ("http://127.0.0.1.example.com/", Err(UrlFault::PlainHttp)),
        ("http://localhost.example.com/", Err(UrlFault::PlainHttp)),
        ("http://10.0.0.1/", Err(UrlFault::PlainHttp)),
        ("https://user@example.com/", Err(UrlFault::Credentials)),
        ("https://user:word@example.com/", Err(UrlFault::Credentials)),
        ("http://localhost@example.com/", Err(UrlFault::Credentials)),
        ("ftp://example.com/", Err(UrlFault::Scheme)),
        ("https://example.com/#x", Err(UrlFault::Fragment)),
        ("example.com/mcp", Err(UrlFault::Malformed)),
        ("/mcp", Err(UrlFault::Malformed)),
        ("https://", Err(UrlFault::Malformed)),
        ("https://example.com:/", Err(UrlFault::Malformed)),
        ("https://exa mple.com/", Err(UrlFault::Malformed)),
        ("", Err(UrlFault::Malformed)),
    ] {
        assert_eq!(check_url(text), expected, "{text}");
    }
}
