//! From a request's body to what is answered.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Messages before the answer of the tool `progress`.
pub(crate) const PROGRESS: usize = 100;
/// Bytes of text in the answers of the tools `large` and `large-text`.
pub(crate) const LARGE: usize = 1024 * 1024;

/// What goes back.
pub(super) enum Answer {
    /// Nothing: it was a notification.
    Nothing,
    /// One message.
    Json(String),
    /// One message that opens a session.
    Session(String),
    /// Server-sent events, ready to be sent.
    Events(Vec<String>),
    /// It was no request.
    Unreadable,
}

#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Option<Params<'a>>,
}

#[derive(Default, Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    arguments: Option<Arguments<'a>>,
    #[serde(borrow, rename = "protocolVersion")]
    version: Option<&'a RawValue>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<Meta<'a>>,
}

#[derive(Deserialize)]
struct Arguments<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "progressToken")]
    token: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<&'a RawValue>,
}

/// Answers one message as a server with so many tools.
pub(super) fn to(body: &[u8], tools: usize) -> Answer {
    let Ok(asked) = serde_json::from_slice::<Asked<'_>>(body) else {
        return Answer::Unreadable;
    };
    let Some(id) = asked.id else {
        return Answer::Nothing;
    };
    let params = asked.params.unwrap_or_default();
    let meta = params.meta.as_ref();
    let modern = meta.is_some_and(|meta| meta.version.is_some());
    let kind = if modern {
        r#","resultType":"complete""#
    } else {
        ""
    };
    let whole =
        |result: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{{result}{kind}}}}}"#);
    let said = |text: &str| {
        whole(&format!(
            r#""content":[{{"type":"text","text":{text}}}],"isError":false"#
        ))
    };
    match (&*asked.method, params.name.as_deref()) {
        ("initialize", _) => {
            let version = params.version.map_or(r#""2025-11-25""#, RawValue::get);
            Answer::Session(whole(&format!(
                r#""protocolVersion":{version},"capabilities":{{"tools":{{}}}},"serverInfo":{{"name":"echo","version":"1"}}"#
            )))
        }
        ("server/discover", _) => Answer::Json(whole(
            r#""supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private""#,
        )),
        ("tools/list", _) => {
            let cache = if modern {
                r#","ttlMs":0,"cacheScope":"private""#
            } else {
                ""
            };
            Answer::Json(whole(&format!(r#""tools":[{}]{cache}"#, list(tools))))
        }
        ("ping", _) => Answer::Json(whole(r#""_meta":{}"#)),
        ("tools/call", Some("large")) => Answer::Json(said(&PLAIN)),
        ("tools/call", Some("large-text")) => Answer::Json(said(&ACCENTS)),
        ("tools/call", Some("progress")) => {
            let token = meta.and_then(|meta| meta.token).map(RawValue::get);
            Answer::Events(progress(token, &said(r#""done""#)))
        }
        ("tools/call", Some("echo")) => {
            let text = params.arguments.and_then(|arguments| arguments.text);
            Answer::Json(said(text.map_or(r#""""#, RawValue::get)))
        }
        _ => Answer::Json(format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"not here"}}}}"#
        )),
    }
}

fn progress(token: Option<&str>, answer: &str) -> Vec<String> {
    let notifications = token.into_iter().flat_map(|token| {
        (1..=PROGRESS).map(move |step| {
            format!(
                "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{{\"progressToken\":{token},\"progress\":{step},\"total\":{PROGRESS},\"message\":\"step {step} is done\"}}}}\n\n"
            )
        })
    });
    notifications
        .chain([format!("data: {answer}\n\n")])
        .collect()
}

/// So many definitions, the four that can be called first.
fn list(tools: usize) -> String {
    let known = ["echo", "progress", "large", "large-text"];
    let named = known.into_iter().map(str::to_owned);
    let names = named.chain((known.len()..).map(|number| format!("tool-{number}")));
    let definitions: Vec<String> = names
        .take(tools)
        .map(|name| {
            format!(
                r#"{{"name":"{name}","title":"The tool {name}","description":"Searches one of the archives for papers by their subject and returns the best of them, the newest first.","inputSchema":{{"type":"object","properties":{{"text":{{"type":"string","description":"what to look for"}},"limit":{{"type":"integer","minimum":1,"maximum":100}}}}}},"annotations":{{"readOnlyHint":true}}}}"#
            )
        })
        .collect();
    definitions.join(",")
}

/// ASCII with escapes.
static PLAIN: LazyLock<String> =
    LazyLock::new(|| large(r#"The model reads \"this\" line, and then the next.\n"#));

/// Letters and punctuation beyond ASCII in every line.
static ACCENTS: LazyLock<String> =
    LazyLock::new(|| large(r#"Der „Zug“ fährt über die Brücke – nächster Halt: Köln.\n"#));

fn large(line: &str) -> String {
    let lines = line.repeat(LARGE.div_ceil(line.len()));
    ["\"", &lines, "\""].concat()
}
