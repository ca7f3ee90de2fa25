use super::*;

fn check(stream: &str, reference: &str) -> Option<String> {
    let stream: Uri = stream.parse().unwrap();
    resolve(&stream, reference).map(|uri| uri.to_string())
}

#[test]
fn references_stay_at_their_origin() {
    const STREAM: &str = "http://h.example:8080/a/sse?k=v";
    for (reference, expected) in [
        (
            "/messages?id=1",
            Some("http://h.example:8080/messages?id=1"),
        ),
        ("messages", Some("http://h.example:8080/a/messages")),
        ("?id=1", Some("http://h.example:8080/a/sse?id=1")),
        (" /m \n", Some("http://h.example:8080/m")),
        ("http://H.example:8080/m", Some("http://h.example:8080/m")),
        (
            "/m?to=http://x/",
            Some("http://h.example:8080/m?to=http://x/"),
        ),
        ("http://h.example/m", None),
        ("https://h.example:8080/m", None),
        ("http://other.example:8080/m", None),
        ("http://user@h.example:8080/m", None),
        ("http://h.example:8080@evil.example/m", None),
        ("//evil.example/m", None),
        ("\\\\evil.example/m", None),
        ("/a/../m", None),
        ("/%2E%2e/m", None),
        ("ftp://h.example:8080/m", None),
        ("/m#x", None),
        ("/m\u{e9}", None),
        ("", None),
    ] {
        assert_eq!(
            check(STREAM, reference)
                .map(|uri| uri.to_ascii_lowercase())
                .as_deref(),
            expected,
            "{reference}"
        );
    }
    assert_eq!(
        check("https://h.example/sse", "https://h.example:443/m").as_deref(),
        Some("https://h.example:443/m")
    );
}
