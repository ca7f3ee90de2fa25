use serde_json::{Value, json};

use super::*;

fn result(status: u16, kind: Option<&str>, body: &[u8], returns_object: bool) -> Value {
    let mut headers = HeaderMap::new();
    if let Some(kind) = kind {
        headers.insert("content-type", kind.parse().unwrap());
    }
    let head = Head::new(
        StatusCode::from_u16(status).unwrap(),
        &headers,
        returns_object,
    );
    serde_json::from_str(&head.result(body, &Limits::default())).unwrap()
}

fn check(status: u16, kind: Option<&str>, body: &[u8], error: bool, text: &str) {
    let result = result(status, kind, body, false);
    assert_eq!(
        (&result["isError"], &result["content"][0]["text"]),
        (&json!(error), &json!(text)),
        "{status} {kind:?}"
    );
    assert!(result.get("structuredContent").is_none());
}

#[test]
fn json_objects_are_structured() {
    let body = br#" {"a": [1.0, "x"]} "#;
    for kind in [
        "application/json",
        "Application/Problem+JSON; charset=utf-8",
    ] {
        let result = result(200, Some(kind), body, true);
        assert_eq!(result["structuredContent"], json!({"a": [1.0, "x"]}));
        assert_eq!(result["content"][0]["text"], r#" {"a": [1.0, "x"]} "#);
        assert_eq!(result["isError"], false);
    }
    check(200, Some("application/json"), b"[1]", false, "[1]");
}

#[test]
fn a_body_cannot_add_to_the_result() {
    for body in [
        r#"{},"isError":true,"x":{}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"a":1}}"#,
        "{",
    ] {
        let result = result(200, Some("application/json"), body.as_bytes(), false);
        assert_eq!(result["isError"], true, "{body}");
        assert_eq!(result.as_object().unwrap().len(), 3, "{body}");
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(
            text.starts_with("the api answered with json that is "),
            "{text}"
        );
    }
}

#[test]
fn text_is_passed_on_and_other_bytes_are_not() {
    check(200, Some("text/html"), b"<p>", false, "<p>");
    check(200, Some("application/atom+xml"), b"<p>", false, "<p>");
    check(200, None, b"plain", false, "plain");
    check(204, None, b"", false, "HTTP 204, without content");
    let binary = "the api answered with 3 bytes of image/png, which is not text and not passed on";
    check(200, Some("image/png"), b"abc", true, binary);
    let latin = "the api answered with 1 bytes of text/plain, which is not text and not passed on";
    check(200, Some("text/plain"), b"\xe9", true, latin);
}

#[test]
fn failures_are_told() {
    check(
        404,
        Some("application/json"),
        br#"{"no":1}"#,
        true,
        "HTTP 404 Not Found\n\n{\"no\":1}",
    );
    check(
        500,
        Some("image/png"),
        b"abc",
        true,
        "HTTP 500 Internal Server Error",
    );
    check(
        302,
        Some("text/html"),
        b"elsewhere",
        true,
        "HTTP 302 Found: a redirect, which is not followed",
    );
    let long = result(500, None, &vec![b'x'; 100_000], false);
    assert_eq!(
        long["content"][0]["text"].as_str().unwrap().len(),
        30 + 2 + 16 * 1024
    );
}

#[test]
fn a_promised_object_must_come() {
    for (kind, body) in [
        ("application/json", "[1]"),
        ("text/plain", "x"),
        ("text/plain", ""),
    ] {
        let result = result(200, Some(kind), body.as_bytes(), true);
        assert_eq!(result["isError"], true, "{kind} {body}");
    }
}
