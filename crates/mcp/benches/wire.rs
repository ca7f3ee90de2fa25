//! What the wire costs: `cargo bench -p portcullis-mcp`.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot go on should stop"
)]

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use portcullis_mcp::framing::{LineDecoder, SseDecoder, write_event};
use portcullis_mcp::json::Limits;
use portcullis_mcp::result::{ListKind, page};
use portcullis_mcp::{Message, headers, message, meta};

fn main() {
    divan::main();
}

/// The strict parse of a message of each size.
#[divan::bench(args = ["call of 435 B", "result of 10 KB", "result of 1 MB", "list of 100 tools"])]
fn envelope(bencher: Bencher<'_, '_>, what: &str) {
    let text = match what {
        "call of 435 B" => call(),
        "result of 10 KB" => message::response("1", &result(10 * 1024)),
        "result of 1 MB" => message::response("1", &result(1024 * 1024)),
        _ => message::response("1", &tools(100)),
    };
    bencher
        .counter(BytesCount::of_str(&text))
        .with_inputs(|| text.clone().into_bytes())
        .bench_values(|bytes| Message::parse(bytes, &Limits::default()).unwrap());
}

/// Reading the definitions out of a list of 100 tools.
#[divan::bench]
fn list_view(bencher: Bencher<'_, '_>) {
    let tools = tools(100);
    bencher.bench(|| page(ListKind::Tools, black_box(&tools)).unwrap());
}

/// Setting a member of `_meta` in a result of so many bytes.
#[divan::bench(args = [1_024, 10_240, 1_048_576])]
fn splice(bencher: Bencher<'_, '_>, bytes: usize) {
    let result = result(bytes);
    let entries = [("io.portcullis/receipt", r#"{"findings":[]}"#)];
    bencher
        .counter(BytesCount::of_str(&result))
        .bench(|| meta::set(black_box(&result), &entries).unwrap().len());
}

/// A hundred lines that arrive in pieces of so many bytes.
#[divan::bench(args = [100, 1_000, 65_536])]
fn line_framing(bencher: Bencher<'_, '_>, piece: usize) {
    let stream = [call(), "\n".to_owned()].concat().repeat(100);
    bencher.counter(BytesCount::of_str(&stream)).bench(|| {
        let mut decoder = LineDecoder::new(65_536);
        let mut lines = 0;
        for bytes in black_box(&stream).as_bytes().chunks(piece) {
            decoder.feed(bytes);
            while let Some(line) = decoder.next_line() {
                black_box(line.unwrap());
                lines += 1;
            }
        }
        lines
    });
}

/// A hundred events that arrive in pieces of so many bytes.
#[divan::bench(args = [100, 1_000, 65_536])]
fn event_framing(bencher: Bencher<'_, '_>, piece: usize) {
    let mut stream = Vec::new();
    for _ in 0..100 {
        write_event(&mut stream, None, &call());
    }
    bencher.counter(BytesCount::of_slice(&stream)).bench(|| {
        let mut decoder = SseDecoder::new(65_536);
        let mut events = 0;
        for bytes in black_box(&stream).chunks(piece) {
            decoder.feed(bytes);
            while let Some(event) = decoder.next_event() {
                black_box(event.unwrap());
                events += 1;
            }
        }
        events
    });
}

/// Whether the three headers say what a call's body says.
#[divan::bench]
fn header_agreement(bencher: Bencher<'_, '_>) {
    let message = Message::parse(call().into_bytes(), &Limits::default()).unwrap();
    bencher.bench(|| {
        headers::agree(
            black_box(Some("2026-07-28")),
            Some("tools/call"),
            Some("echo"),
            &message,
        )
        .unwrap();
    });
}

fn call() -> String {
    let params = format!(
        r#"{{"name":"echo","arguments":{{"text":"{}"}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"research-assistant","version":"1.4.2"}},"io.modelcontextprotocol/clientCapabilities":{{"elicitation":{{"form":{{}},"url":{{}}}},"sampling":{{}}}},"progressToken":"p-42","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b71"}}}}"#,
        "0123456789abcdef".repeat(4)
    );
    message::request("42", "tools/call", Some(&params))
}

fn result(bytes: usize) -> String {
    let line = r#"The model reads \"this\" line, and then the next.\n"#;
    let text = line.repeat(bytes.div_ceil(line.len()));
    format!(r#"{{"content":[{{"type":"text","text":"{text}"}}],"resultType":"complete"}}"#)
}

fn tools(number: usize) -> String {
    let tools: Vec<String> = (0..number)
        .map(|number| {
            format!(
                r#"{{"name":"tool-{number}","title":"Tool {number}","description":"Searches one of the archives for papers by their subject and returns the best.","inputSchema":{{"type":"object","properties":{{"query":{{"type":"string","description":"what to look for"}},"limit":{{"type":"integer","minimum":1,"maximum":100}}}},"required":["query"]}},"annotations":{{"readOnlyHint":true}}}}"#
            )
        })
        .collect();
    format!(
        r#"{{"tools":[{}],"resultType":"complete","ttlMs":0,"cacheScope":"private"}}"#,
        tools.join(",")
    )
}
