//! What a server receives is what was judged, byte for byte.

use std::sync::atomic::{AtomicUsize, Ordering};

use portcullis_testkit::{Caller, Script, Speaks, Step, TestGateway, sha256};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

/// Raw JSON numbers that a careless parser changes.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,39})",
        "-?(0|[1-9][0-9]{0,8})\\.[0-9]{1,24}",
        "-?[1-9]\\.[0-9]{1,3}[eE][+-]?[0-9]{1,3}",
        select(vec![
            "1.0",
            "-0",
            "-0.0",
            "1e2",
            "1E+2",
            "9007199254740993",
            "18446744073709551616"
        ])
        .prop_map(str::to_owned),
    ]
}

/// Raw JSON strings, each character as itself or as an escape.
fn string() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        any::<char>(),
        select(vec![
            '/', '"', '\\', '\n', 'é', '😀', '\u{200b}', '\u{1b}', '\u{2028}', 'a'
        ])
    ];
    vec((character, 0..4u8), 0..8).prop_map(|characters| {
        let inner: String = characters
            .into_iter()
            .map(|(character, style)| written(character, style))
            .collect();
        format!("\"{inner}\"")
    })
}

fn written(character: char, style: u8) -> String {
    let units = |upper: bool| -> String {
        let mut buffer = [0u16; 2];
        let escape = |unit: &u16| {
            if upper {
                format!("\\u{unit:04X}")
            } else {
                format!("\\u{unit:04x}")
            }
        };
        character
            .encode_utf16(&mut buffer)
            .iter()
            .map(escape)
            .collect()
    };
    match (character, style) {
        (_, 0) => units(false),
        (_, 1) => units(true),
        ('/', 2) => "\\/".to_owned(),
        ('"' | '\\', _) => format!("\\{character}"),
        (c, _) if c < ' ' => units(false),
        (c, _) => c.to_string(),
    }
}

fn blank() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", "", " ", "\n\t", "\r\n"])
}

/// A raw JSON value; keys of one object differ, but some only by letter case or by their escapes'
/// look.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        number(),
        string(),
        select(vec!["true", "false", "null"]).prop_map(str::to_owned)
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            (vec(inner.clone(), 0..5), blank()).prop_map(|(items, blank)| format!(
                "[{blank}{}]",
                items.join(&format!("{blank},"))
            )),
            object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let keys = vec![
        "\"a\"",
        "\"A\"",
        "\"b\\u0061\"",
        "\"name\"",
        "\"_meta\"",
        "\"arguments\"",
        "\"\"",
        "\"__proto__\"",
        "\"z\"",
        "\"\\ud83d\\ude00\"",
    ];
    (
        proptest::sample::subsequence(keys, 0..6).prop_shuffle(),
        vec(inner, 6),
        blank(),
    )
        .prop_map(|(keys, values, blank)| {
            let members: Vec<String> = keys
                .iter()
                .zip(values)
                .map(|(key, value)| format!("{key}{blank}:{blank}{value}"))
                .collect();
            format!("{{{blank}{}{blank}}}", members.join(","))
        })
}

fn arguments() -> impl Strategy<Value = String> {
    object(value())
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    })
}

#[test]
fn a_server_gets_the_very_bytes_of_the_arguments() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let gateway = runtime.block_on(
        TestGateway::builder()
            .server("old", Script::legacy().tool("t"))
            .server("new", Script::modern().tool("t"))
            .start(),
    );
    let callers = runtime.block_on(async { [gateway.legacy().await, gateway.modern().await] });
    let turn = AtomicUsize::new(0);
    let outcome = runner(80).run(&arguments(), |arguments| {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        let (caller, server) = (&callers[turn % 2], ["old", "new"][turn / 2 % 2]);
        runtime.block_on(async {
            let reply = caller.tool(&format!("{server}__t"), &arguments).await;
            prop_assert_eq!(reply.status, 200, "{:?}", reply);
            let received = gateway.server(server).last("tools/call");
            prop_assert_eq!(received.param("arguments"), Some(arguments.clone()));
            prop_assert_eq!(received.param("name"), Some("\"t\"".to_owned()));
            let entry = gateway.entry("tools/call").await;
            prop_assert_eq!(entry.opened.arguments_digest, Some(sha256(&arguments)));
            Ok(())
        })
    });
    runtime.block_on(gateway.finish());
    outcome.unwrap();
}

async fn scripted(result: &str) -> TestGateway {
    let script =
        Script::legacy()
            .tool("t")
            .on("tools/call", "t", [Step::Result(result.to_owned())]);
    TestGateway::builder()
        .server("papers", script)
        .without("receipts")
        .start()
        .await
}

#[tokio::test]
async fn request_ids_come_back_as_they_were_written() {
    let gateway = scripted("{}").await;
    let (legacy, modern) = (gateway.legacy().await, gateway.modern().await);
    for id in [
        "1.0",
        "0",
        "-1",
        "1e0",
        "123456789012345678901234567890",
        r#""1""#,
        r#""\u0031\/x""#,
        r#""""#,
    ] {
        for caller in [&legacy, &modern] {
            for (method, params) in [
                ("tools/call", r#"{"name":"t"}"#),
                ("tools/call", r#"{"name":"unknown"}"#),
                ("tools/list", "{}"),
                ("no/such", "{}"),
            ] {
                let answer = caller.call_as(id, method, params).await.answer();
                assert!(
                    answer.contains(&format!(r#""id":{id},"#)),
                    "{id} in {answer}"
                );
            }
        }
        // The server never sees the caller's id.
        assert!(
            gateway
                .server("papers")
                .calls("tools/call")
                .iter()
                .all(|call| call.id.as_deref().unwrap().parse::<u64>().is_ok())
        );
    }
    gateway.finish().await;
}

#[tokio::test]
async fn unknown_members_of_params_survive() {
    let gateway = scripted("{}").await;
    let params = r#"{ "vendor":{"x":1.0, "y":"\u0041"},"name":"t","arguments":{},"requestNote":123456789012345678901,"_meta":{"com.example/trace":[1.50]} }"#;
    for caller in [gateway.legacy().await, gateway.modern().await] {
        caller.call("tools/call", params).await.result();
        let received = gateway.server("papers").last("tools/call");
        assert_eq!(
            received.param("vendor").unwrap(),
            r#"{"x":1.0, "y":"\u0041"}"#
        );
        assert_eq!(
            received.param("requestNote").unwrap(),
            "123456789012345678901"
        );
        assert_eq!(
            received.param("_meta").unwrap(),
            r#"{"com.example/trace":[1.50]}"#
        );
    }
    gateway.finish().await;
}

#[tokio::test]
async fn a_result_comes_back_byte_for_byte() {
    let pretty = "{\n  \"content\": [ ],\n  \"vendor\": 1e2,\n  \"structuredContent\": {\"n\": 12345678901234567890, \"s\": \"\\u0041\"}\n}";
    let gateway = scripted(pretty).await;
    assert_eq!(
        gateway.legacy().await.tool("t", "{}").await.raw_result(),
        pretty
    );
    let modern = gateway.modern().await.tool("t", "{}").await.raw_result();
    assert!(
        modern.starts_with(pretty.trim_end_matches("\n}")),
        "{modern}"
    );
    gateway.finish().await;
}

#[tokio::test]
async fn an_error_of_the_server_keeps_its_code_and_data() {
    let error = r#"{"code":-32099,"message":"no \"luck\"","data":{"n":1.0}}"#;
    let script = Script::legacy()
        .tool("t")
        .on("tools/call", "t", [Step::Error(error.to_owned())]);
    let gateway = TestGateway::builder()
        .server("papers", script)
        .start()
        .await;
    let reply = gateway.modern().await.tool("t", "{}").await;
    assert_eq!(reply.status, 200);
    assert!(
        reply
            .body
            .contains(r#""error":{"code":-32099,"message":"no \"luck\"","data":{"n":1.0}}"#),
        "{}",
        reply.body
    );
    assert_eq!(
        gateway.entry("tools/call").await.closed.unwrap().outcome,
        "rpc-error"
    );
    gateway.finish().await;
}

/// What redaction would turn into another name was never judged under that name.
async fn redacted(caller: &Caller<'_>, method: &str, params: &str) -> String {
    caller.call(method, params).await.reason()
}

#[tokio::test]
async fn redaction_never_changes_what_was_authorized() {
    let policy = r#"
permit (principal, action, resource);
forbid (principal, action, resource == Resource::"papers/note://secret");
"#;
    let script = Script::legacy().template("note://{id}").tool("t");
    let builder = TestGateway::builder()
        .server("papers", script)
        .policy(policy);
    let gateway = builder
        .section("shield", "arguments = \"redact\"")
        .start()
        .await;
    let caller = gateway.caller(Speaks::Legacy, "/mcp/main", &[]).await;
    assert_eq!(
        redacted(&caller, "resources/read", r#"{"uri":"note://secret"}"#).await,
        "target-unknown"
    );
    assert_eq!(
        redacted(
            &caller,
            "resources/read",
            r#"{"uri":"note://sec\u200bret"}"#
        )
        .await,
        "arguments-blocked"
    );
    let smuggled =
        r#"{"name":"t","_me\u200bta":{"io.portcullis/receipt":1,"progressToken":"mine"}}"#;
    assert_eq!(
        redacted(&caller, "tools/call", smuggled).await,
        "arguments-blocked"
    );
    let smuggled = r#"{"name":"t","_meta":{"io.portcullis\u200b/receipt":1}}"#;
    assert_eq!(
        redacted(&caller, "tools/call", smuggled).await,
        "arguments-blocked"
    );
    assert_eq!(
        redacted(
            &caller,
            "tools/call",
            r#"{"name":"t","arguments":{"q":"a\u200bb"}}"#
        )
        .await,
        ""
    );
    assert_eq!(
        gateway
            .server("papers")
            .last("tools/call")
            .param("arguments")
            .unwrap(),
        r#"{"q":"ab"}"#
    );
    assert_eq!(gateway.server("papers").calls("resources/read").len(), 0);
    gateway.finish().await;
}
