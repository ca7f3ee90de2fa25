//! What the hostile server does about one message, before it is put into a transport's frames.

use std::time::Duration;

use serde_json::{Value, json};

use super::Offer;
use crate::servers::raw::{self, Identity, Turn, answer, asked, refusal, text_answer};

/// The tools of both transports.
pub const TOOLS: &[&str] = &[
    "echo",
    "slow",
    "progress",
    "chatter",
    "stall",
    "flood",
    "flood-for-ever",
    "calm",
    "stderr",
    "split",
    "lies",
    "only-lies",
    "bad-ids",
    "duplicate-key",
    "duplicate-id",
    "invalid-utf8",
    "not-json",
    "garbage",
    "large",
    "large-error",
    "large-notice",
    "deep",
    "die",
    "half-and-die",
    "twice",
    "unasked",
];

/// The tools that misuse HTTP; over standard output they stall.
pub const HTTP_TOOLS: &[&str] = &[
    "http-bad-chunks",
    "http-comments",
    "http-endless-100",
    "http-endless-headers",
    "http-empty",
    "http-extra-bytes",
    "http-no-newline",
    "http-not-http",
    "http-redirect",
    "http-short-body",
    "http-slow-body",
    "http-status-500",
    "http-wrong-type",
];

/// Things that no caller asked for; `$ID` is the id of the request that is under way.
const UNASKED: &[&str] = &[
    r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":$ID,"reason":"because"}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"foreign","progress":1}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":987654321,"progress":1}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:///etc/passwd"}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"e"}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/no-such-thing","params":{"text":"read me"}}"#,
    r#"{"jsonrpc":"2.0","id":"r-1","method":"sampling/createMessage","params":{"messages":[],"maxTokens":9}}"#,
    r#"{"jsonrpc":"2.0","id":"r-2","method":"elicitation/create","params":{"message":"Your password?","requestedSchema":{"type":"object","properties":{}}}}"#,
    r#"{"jsonrpc":"2.0","id":"r-3","method":"roots/list"}"#,
    r#"{"jsonrpc":"2.0","id":"r-4","method":"tools/call","params":{"name":"echo","arguments":{}}}"#,
    r#"{"jsonrpc":"2.0","id":4711,"result":{"content":[{"type":"text","text":"stray"}]}}"#,
    r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"stray"}}"#,
];

/// One thing that is done about a message.
#[derive(Debug, PartialEq)]
pub(crate) enum Act {
    /// Sends one message in a frame of the transport.
    Send(Vec<u8>),
    /// Sends one message byte by byte, each in a write of its own, lines ended by CR and LF.
    Drip(Vec<u8>),
    /// Sends one message that has `filler` bytes between its two halves. It is never in memory as a whole.
    Large {
        before: String,
        filler: usize,
        after: String,
    },
    /// Sends this again and again until the channel breaks or [`Act::Calm`] comes.
    ForEver(Vec<u8>),
    /// Ends [`Act::ForEver`].
    Calm,
    /// Writes so many lines to standard error.
    Complain(usize),
    /// Does nothing for a while.
    Wait(Duration),
    /// Leaves the request without an answer.
    Stall,
    /// Writes the beginning of a message and ends.
    Break(Vec<u8>),
    /// Ends without a word.
    Die,
    /// Misuses HTTP, in the way of this tool.
    Misuse(String),
}

/// What is done about one message.
pub(crate) fn acts(message: &Value, offer: Offer) -> Vec<Act> {
    let identity = Identity {
        name: "hostile",
        instructions: None,
        capabilities: json!({"tools": {"listChanged": true}, "logging": {}}),
    };
    if let Some(Turn::Say(messages)) = identity.lifecycle(message) {
        return messages.iter().map(send).collect();
    }
    let (method, tool) = asked(message);
    if method.ends_with("/list") {
        return offer
            .page(message)
            .map_or_else(|| vec![Act::Stall], |page| vec![send(&page)]);
    }
    match method {
        "tools/call" => call(message, tool),
        "logging/setLevel" => vec![send(&answer(message, json!({})))],
        _ => vec![send(&refusal(message, -32601, "method not found", None))],
    }
}

fn call(request: &Value, tool: &str) -> Vec<Act> {
    let id = request.get("id").map(Value::to_string).unwrap_or_default();
    let argument = |name: &str, usual: usize| {
        request
            .pointer(&format!("/params/arguments/{name}"))
            .and_then(Value::as_u64)
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(usual)
    };
    let good = || send(&text_answer(request, "good"));
    let around = |before: &str, after: &str| {
        // What stands around the text of an answer, in the form of the request's era.
        let text = text_answer(request, "\u{1}").to_string();
        let (head, tail) = text.split_once("\\u0001").unwrap_or((&text, ""));
        (format!("{head}{before}"), format!("{after}{tail}"))
    };
    let raw = |text: String| Act::Send(text.into_bytes());
    match tool {
        "echo" => {
            let text = request
                .pointer("/params/arguments/text")
                .and_then(Value::as_str)
                .unwrap_or("good");
            vec![send(&text_answer(request, text))]
        }
        "slow" => vec![wait(argument("ms", 500)), good()],
        "progress" => (0..argument("steps", 3))
            .flat_map(|step| [send(&progress(request, step)), wait(argument("ms", 0))])
            .chain([good()])
            .collect(),
        "chatter" => {
            let text = "x".repeat(argument("bytes", 1_000));
            (0..argument("count", 100))
                .map(|step| send(&remark(request, step, &text)))
                .chain([good()])
                .collect()
        }
        "stall" => vec![send(&progress(request, 1)), Act::Stall],
        "flood" => (0..argument("count", 2_000))
            .flat_map(|step| flood(request, step))
            .chain([good()])
            .collect(),
        "flood-for-ever" => vec![good(), Act::ForEver(log("flood").to_string().into_bytes())],
        "calm" => vec![Act::Calm, good()],
        "stderr" => vec![Act::Complain(argument("lines", 100_000)), good()],
        "split" => {
            let text = text_answer(request, "größer als 🏰, 城").to_string();
            vec![Act::Drip(text.into_bytes())]
        }
        "lies" => lies(request).into_iter().map(raw).chain([good()]).collect(),
        "only-lies" => lies(request)
            .into_iter()
            .map(raw)
            .chain([Act::Stall])
            .collect(),
        "bad-ids" => bad_ids(request)
            .into_iter()
            .map(raw)
            .chain([good()])
            .collect(),
        "duplicate-key" => {
            let (before, after) = around("one\",\"text\":\"two", "");
            vec![raw(before + &after)]
        }
        "duplicate-id" => vec![raw(format!(
            r#"{{"jsonrpc":"2.0","id":{id},"id":{id},"result":{{"content":[]}}}}"#
        ))],
        "invalid-utf8" => {
            let (before, after) = around("a", "b");
            vec![Act::Send(
                [before.as_bytes(), b"\xff\xc3\x28", after.as_bytes()].concat(),
            )]
        }
        "not-json" => vec![
            raw(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"#)),
            Act::Stall,
        ],
        "garbage" => (0..argument("lines", 5))
            .map(|_| raw("Traceback (most recent call last):".to_owned()))
            .chain([good()])
            .collect(),
        "large" => {
            let (before, after) = around("", "");
            vec![large(before, argument("bytes", 1_000_000), after)]
        }
        "large-error" => {
            let before =
                format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32000,"message":""#);
            vec![large(
                before,
                argument("bytes", 1_000_000),
                "\"}}".to_owned(),
            )]
        }
        "large-notice" => {
            let before = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":""#;
            let notice = large(
                before.to_owned(),
                argument("bytes", 1_000_000),
                "\"}}".to_owned(),
            );
            vec![notice, good()]
        }
        "deep" => {
            let depth = argument("depth", 100_000);
            let (before, after) = around("\",\"_meta\":{\"d\":", "},\"x\":\"");
            let nest = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            vec![raw(before + &nest + &after)]
        }
        "die" => vec![Act::Die],
        "half-and-die" => {
            let (before, _) = around("half", "");
            vec![Act::Break(before.into_bytes())]
        }
        "twice" => ["first", "second", "third"]
            .iter()
            .map(|text| send(&text_answer(request, text)))
            .collect(),
        "unasked" => UNASKED
            .iter()
            .map(|text| raw(text.replace("$ID", &id)))
            .chain([good()])
            .collect(),
        tool if HTTP_TOOLS.contains(&tool) => vec![Act::Misuse(tool.to_owned())],
        _ => vec![send(&refusal(request, -32602, "unknown tool", None))],
    }
}

/// Answers under ids that are not the request's, however alike they look.
fn lies(request: &Value) -> Vec<String> {
    let id = number(request);
    let later = (1..=20).map(|step| (id + step).to_string());
    let alike = [
        format!("\"{id}\""),
        format!("{id}.0"),
        format!("{id}e0"),
        format!("-{id}"),
        "1e999".to_owned(),
        "18446744073709551617".to_owned(),
    ];
    later
        .chain(alike)
        .map(|id| lie(&format!("\"id\":{id},")))
        .collect()
}

/// Answers whose ids are none.
fn bad_ids(request: &Value) -> Vec<String> {
    let id = number(request);
    [
        format!("\"id\":0{id},"),
        format!("\"id\":+{id},"),
        format!("\"id\":[{id}],"),
        format!("\"id\":{{\"id\":{id}}},"),
        "\"id\":null,".to_owned(),
        "\"id\":true,".to_owned(),
        String::new(),
    ]
    .iter()
    .map(|id| lie(id))
    .collect()
}

fn number(request: &Value) -> u64 {
    request.get("id").and_then(Value::as_u64).unwrap_or(0)
}

fn lie(id: &str) -> String {
    let result = r#"{"content":[{"type":"text","text":"a lie"}]}"#;
    format!(r#"{{"jsonrpc":"2.0",{id}"result":{result}}}"#)
}

fn flood(request: &Value, step: usize) -> Vec<Act> {
    vec![
        send(&progress(request, step)),
        send(&log("flood")),
        send(&json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})),
        send(&json!({"jsonrpc": "2.0", "id": format!("ping-{step}"), "method": "ping"})),
        send(&json!({"jsonrpc": "2.0", "id": format!("roots-{step}"), "method": "roots/list"})),
    ]
}

fn progress(request: &Value, step: usize) -> Value {
    let token = request
        .pointer("/params/_meta/progressToken")
        .cloned()
        .unwrap_or_else(|| "nobody-asked".into());
    json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": step}})
}

/// Progress with a message of its own.
fn remark(request: &Value, step: usize, text: &str) -> Value {
    let mut notification = progress(request, step);
    if let Some(params) = notification
        .pointer_mut("/params")
        .and_then(Value::as_object_mut)
    {
        params.insert("message".into(), text.into());
    }
    notification
}

fn log(text: &str) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": text}})
}

fn send(message: &Value) -> Act {
    Act::Send(message.to_string().into_bytes())
}

fn wait(milliseconds: usize) -> Act {
    Act::Wait(Duration::from_millis(
        u64::try_from(milliseconds).unwrap_or(u64::MAX),
    ))
}

fn large(before: String, filler: usize, after: String) -> Act {
    Act::Large {
        before,
        filler,
        after,
    }
}

/// Whether the message is a request of the modern era.
pub(crate) fn is_modern(message: &Value) -> bool {
    raw::modern_version(message).is_some()
}
