use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use crate::{ArgumentError, Document, Limits, Operation};

const API: &str = r##"
openapi: 3.1.0
info: {title: T, version: '1'}
paths:
  /pets/{id}/photos/{name}.{kind}:
    get:
      operationId: photo
      parameters:
        - {name: id, in: path, required: true, schema: {type: [integer, string]}}
        - {name: name, in: path, required: true, schema: {type: string}}
        - {name: kind, in: path, required: true, schema: {type: string}}
  /find:
    get:
      operationId: find
      parameters:
        - {name: q, in: query, schema: {type: string}}
        - {name: tag, in: query, schema: {type: array, items: {type: string}}}
        - {name: ids, in: query, explode: false, schema: {type: array, items: {type: integer}}}
        - {name: pipe, in: query, style: pipeDelimited, schema: {type: array}}
        - {name: where, in: query, content: {application/json: {schema: {type: object}}}}
        - {name: X-Tags, in: header, schema: {}}
  /pets:
    post:
      operationId: add
      requestBody: {required: true, content: {application/vnd.pet+json: {schema: {type: object, required: [name], properties: {name: {type: string}, n: {type: number}}}}}}
  /form:
    post: {operationId: form, requestBody: {content: {application/x-www-form-urlencoded: {schema: {type: object}}}}}
  /text:
    put: {operationId: text, requestBody: {content: {text/plain: {}}}}
"##;

fn operation(name: &str) -> &'static Operation {
    static DOCUMENT: LazyLock<Document> =
        LazyLock::new(|| Document::parse(API.as_bytes(), &Limits::default()).expect("a document"));
    assert_eq!(DOCUMENT.omitted(), []);
    DOCUMENT.operation(name).expect("an operation")
}

/// Method, address, headers and body, or the error.
fn check(name: &str, arguments: &str) -> Result<String, String> {
    let request = operation(name)
        .request(arguments)
        .map_err(|error| error.to_string())?;
    let mut out = format!("{} {}", request.method, request.path_and_query);
    for (name, value) in &request.headers {
        out.push_str(&format!(" | {name}: {}", value.to_str().unwrap()));
    }
    if let Some((kind, bytes)) = &request.body {
        let bytes = String::from_utf8_lossy(bytes);
        out.push_str(&format!(" | {} {bytes}", kind.to_str().unwrap()));
    }
    Ok(out)
}

fn ok(name: &str, arguments: &str, expected: &str) {
    assert_eq!(
        check(name, arguments).as_deref(),
        Ok(expected),
        "{arguments}"
    );
}

fn refused(name: &str, arguments: &str, expected: &str) {
    let error = check(name, arguments).expect_err(arguments);
    assert_eq!(error, expected, "{arguments}");
    assert!(!error.contains("hunter"), "{error}");
}

#[test]
fn arguments_fill_the_path() {
    let id = |id: &str| format!(r#"{{"id":{id},"name":"n","kind":"k"}}"#);
    ok("photo", &id("7"), "GET /pets/7/photos/n.k");
    ok(
        "photo",
        &id("12345678901234567890123"),
        "GET /pets/12345678901234567890123/photos/n.k",
    );
    ok(
        "photo",
        &id(r#""a/b?c#d%2F é""#),
        "GET /pets/a%2Fb%3Fc%23d%252F%20%C3%A9/photos/n.k",
    );
    ok("photo", &id(r#""...""#), "GET /pets/.../photos/n.k");
    let unsafe_id = "argument `id` cannot be sent: it stands in the path and would change it";
    for value in [
        r#""..""#,
        r#"".""#,
        r#"" .. ""#,
        r#""..;a""#,
        r#""../x""#,
        r#""x/..""#,
        r#""x\\..\\y""#,
        r#""a\u0000""#,
        r#""a\r\nhunter""#,
    ] {
        refused("photo", &id(value), unsafe_id);
    }
    refused(
        "photo",
        &id(r#""""#),
        "argument `id` cannot be sent: it stands in the path and must not be empty",
    );
    // Several values in one segment, each harmless.
    refused(
        "photo",
        r#"{"id":1,"name":".","kind":"/.."}"#,
        "argument `kind` cannot be sent: it stands in the path and would change it",
    );
    ok(
        "photo",
        r#"{"id":1,"name":".","kind":"."}"#,
        "GET /pets/1/photos/...",
    );
}

#[test]
fn arguments_become_a_query_and_headers() {
    ok("find", "{}", "GET /find");
    ok(
        "find",
        r#"{"q":"a&b=c d+é#"}"#,
        "GET /find?q=a%26b%3Dc%20d%2B%C3%A9%23",
    );
    ok(
        "find",
        r#"{"tag":["a","b,c"]}"#,
        "GET /find?tag=a&tag=b%2Cc",
    );
    ok("find", r#"{"tag":[]}"#, "GET /find");
    ok("find", r#"{"ids":[1,2e0]}"#, "GET /find?ids=1,2e0");
    ok("find", r#"{"pipe":["a",true]}"#, "GET /find?pipe=a%7Ctrue");
    ok(
        "find",
        r#"{"where":{"a": [1]}}"#,
        "GET /find?where=%7B%22a%22%3A%20%5B1%5D%7D",
    );
    ok("find", r#"{"X-Tags":["a","b"]}"#, "GET /find | x-tags: a,b");
    ok("find", r#"{"X-Tags":7.50}"#, "GET /find | x-tags: 7.50");
    let header = "argument `X-Tags` cannot be sent: ";
    for value in [r#""a\r\nhunter: b""#, r#""é""#, r#""a\u0000""#, r#""a\tb""#] {
        refused(
            "find",
            &format!(r#"{{"X-Tags":{value}}}"#),
            &format!("{header}a header holds only visible ascii characters"),
        );
    }
    refused(
        "find",
        r#"{"X-Tags":["a,b","c"]}"#,
        &format!("{header}an item of a list in a header must not hold a comma"),
    );
    let scalars = "must be a string, a number, a boolean or a list of them";
    for value in ["null", "{}", "[[]]", "[null]"] {
        let expected = format!("argument `X-Tags` {scalars}");
        refused("find", &format!(r#"{{"X-Tags":{value}}}"#), &expected);
    }
}

#[test]
fn arguments_become_a_body() {
    ok(
        "add",
        r#"{"body": {"name": "Rex", "n": 1.0} }"#,
        r#"POST /pets | application/vnd.pet+json {"name": "Rex", "n": 1.0}"#,
    );
    ok("form", "{}", "POST /form");
    ok(
        "form",
        r#"{"body":{"a b":"c&d","e":[1,true]}}"#,
        "POST /form | application/x-www-form-urlencoded a%20b=c%26d&e=1&e=true",
    );
    refused(
        "form",
        r#"{"body":{"a":{"b":"hunter2"}}}"#,
        "argument `body` cannot be sent: a form holds only strings, numbers and booleans",
    );
    ok("text", r#"{"body":"a\nb"}"#, "PUT /text | text/plain a\nb");
    refused(
        "text",
        r#"{"body":7}"#,
        "argument `body` cannot be sent: it must be a string",
    );
}

#[test]
fn arguments_are_strict() {
    refused("find", "[]", "the arguments are not a valid json object");
    refused(
        "find",
        r#"{"q":"a","q":"b"}"#,
        "the arguments are not a valid json object",
    );
    refused(
        "find",
        r#"{"hunter":1}"#.replace("hunter", "x y").as_str(),
        "unknown argument `x_y`",
    );
    refused("find", r#"{"q":7}"#, "argument `q` must be of type string");
    refused(
        "find",
        r#"{"ids":[1,"hunter2"]}"#,
        "argument `ids[1]` must be of type integer",
    );
    refused("add", "{}", "argument `body` is missing");
    refused("add", r#"{"body":{}}"#, "argument `body.name` is missing");
    let long = format!(r#"{{"q":"{}"}}"#, "a".repeat(20_000));
    refused("find", &long, "the arguments make too long an address");
}

#[test]
fn debug_shows_no_value() {
    let request = operation("add")
        .request(r#"{"body":{"name":"hunter2"}}"#)
        .unwrap();
    assert!(!format!("{request:?}").contains("hunter2"), "{request:?}");
}

proptest! {
    /// Whatever the values are: the path keeps its segments, each value stays in its own, and it
    /// arrives as it was given.
    #[test]
    fn a_value_stays_inside_its_segment(id in "\\PC*|[./\\\\;%?#a ]{0,6}", name in "\\PC*|[./;%]{0,4}", kind in "\\PC{0,3}") {
        let arguments = json!({"id": id, "name": name, "kind": kind}).to_string();
        match operation("photo").request(&arguments) {
            Ok(request) => {
                let path = request.path_and_query;
                prop_assert!(path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%/".contains(&byte)), "{}", path);
                let segments: Vec<_> = path.split('/').collect();
                prop_assert_eq!(segments.len(), 5);
                prop_assert_eq!((segments[1], segments[3]), ("pets", "photos"));
                for segment in &segments[1..] {
                    prop_assert!(!segment.is_empty());
                    let decoded = crate::encode::percent_decode(segment).unwrap();
                    prop_assert!(decoded.split(['/', '\\']).all(|step| step != "." && step != ".."));
                }
                prop_assert_eq!(crate::encode::percent_decode(segments[2]), Some(id));
                prop_assert_eq!(crate::encode::percent_decode(segments[4]), Some(format!("{name}.{kind}")));
            }
            Err(ArgumentError::Unsendable { .. } | ArgumentError::TooLong) => {}
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    /// A query value cannot add a parameter or leave the query.
    #[test]
    fn a_value_stays_inside_its_query_parameter(q in "\\PC*", tags in proptest::collection::vec("\\PC{0,8}", 0..4)) {
        let arguments = json!({"q": q, "tag": tags}).to_string();
        let request = operation("find").request(&arguments).unwrap();
        let query = request.path_and_query.strip_prefix("/find?").unwrap();
        let pairs: Vec<(String, String)> = query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), crate::encode::percent_decode(value).unwrap()))
            .collect();
        let mut expected = vec![("q".to_owned(), q)];
        expected.extend(tags.into_iter().map(|tag| ("tag".to_owned(), tag)));
        prop_assert_eq!(pairs, expected);
    }

    /// Any JSON text as arguments gives a request or an error, never a panic, and what the error
    /// says holds nothing of a value.
    #[test]
    fn errors_do_not_echo(text in "canary[a-z0-9]{8}") {
        for arguments in [
            json!({"q": {"a": text}}), json!({"ids": [text]}), json!({"tag": text}),
            json!({"X-Tags": {"a": text}}), json!({"where": text}), json!({"q": [text]}),
        ] {
            let error = operation("find").request(&arguments.to_string()).unwrap_err();
            prop_assert!(!error.to_string().contains(&text), "{}", error);
        }
    }
}
