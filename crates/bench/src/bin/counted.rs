//! Fixed pieces of work for an instruction counter: `counted NAME TIMES` does one of them so many
//! times, `counted list` names them.
//!
//! The difference between two counts of one piece is what the work itself takes; starting up and
//! preparing the input, which both do, falls out. Inputs are fixed, nothing runs beside the work,
//! and nothing is measured here.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::process::ExitCode;

use portcullis_mcp::framing::{LineDecoder, SseDecoder, write_event};
use portcullis_mcp::json::Limits;
use portcullis_mcp::result::{ListKind, page};
use portcullis_mcp::{Message, headers, message, meta};
use portcullis_policy::{
    Action, Context, Policies, Principal, PrincipalKind, Query, Source, Target,
};
use portcullis_shield::{Direction, Settings, Shield, Verdict};
use portcullis_token::{Expected, Issuer, KeySet, Presented, peek, validate};

/// A piece of work: prepares its input, then does itself so many times.
type Work = fn(usize) -> Option<()>;

/// Each with its name, which stands in the baseline, and how many times it is counted. Hash tables
/// of the policy engine are seeded anew in each process; its works are done often enough for the
/// difference to vanish.
const WORKS: &[(&str, usize, Work)] = &[
    ("envelope-call", 200, envelope_call),
    ("envelope-result-10k", 50, envelope_result),
    ("envelope-list-100", 20, envelope_list),
    ("splice-receipt", 200, splice_receipt),
    ("header-agreement", 200, header_agreement),
    ("framing-lines-100", 50, framing_lines),
    ("framing-events-100", 50, framing_events),
    ("authorize-1", 400, |times| authorize(1, times)),
    ("authorize-10", 300, |times| authorize(10, times)),
    ("authorize-100", 60, |times| authorize(100, times)),
    ("token-first", 40, |times| token(times, false)),
    ("token-again", 200, |times| token(times, true)),
    ("call-with-token", 200, call_with_token),
    ("screen-plain-1k", 200, |times| {
        screen(&plain(1_024), Verdict::Allow, times)
    }),
    ("screen-accents-1k", 100, |times| {
        screen(&accents(1_024), Verdict::Allow, times)
    }),
    ("screen-hidden-1k", 100, |times| {
        screen(&hidden(1_024), Verdict::Redact, times)
    }),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [list] if list == "list" => list_works(),
        [name, times] => work(name, times),
        _ => None,
    };
    if done.is_some() {
        return ExitCode::SUCCESS;
    }
    let _ = writeln!(
        std::io::stderr(),
        "counted list | counted NAME TIMES; no such work, or it does not do what it should"
    );
    ExitCode::FAILURE
}

fn list_works() -> Option<()> {
    let mut out = std::io::stdout().lock();
    for (name, times, _) in WORKS {
        writeln!(out, "{name} {times}").ok()?;
    }
    Some(())
}

fn work(name: &str, times: &str) -> Option<()> {
    let times = times.parse().ok()?;
    let (.., work) = WORKS.iter().find(|(known, ..)| *known == name)?;
    work(times)
}

fn envelope_call(times: usize) -> Option<()> {
    let text = call();
    for _ in 0..times {
        let message = Message::parse(black_box(&text).clone().into_bytes(), &Limits::default());
        let message = message.ok()?;
        black_box(meta::modern(message.params()).ok()??);
        black_box(headers::name_of(message.method()?, message.params()).ok()??);
    }
    Some(())
}

fn envelope_result(times: usize) -> Option<()> {
    let text = message::response("1", &result(10_240));
    for _ in 0..times {
        let message = Message::parse(black_box(&text).clone().into_bytes(), &Limits::default());
        black_box(message.ok()?.result()?);
    }
    Some(())
}

fn envelope_list(times: usize) -> Option<()> {
    let text = message::response("1", &tools(100));
    for _ in 0..times {
        let message = Message::parse(black_box(&text).clone().into_bytes(), &Limits::default());
        let message = message.ok()?;
        black_box(page(ListKind::Tools, message.result()?).ok()?);
    }
    Some(())
}

fn splice_receipt(times: usize) -> Option<()> {
    let result = result(1_024);
    let receipt = r#"{"entry":"018f2f6e-0000-7000-8000-000000000000","findings":[]}"#;
    for _ in 0..times {
        let entries = [("io.portcullis/receipt", receipt)];
        black_box(meta::set(black_box(&result), &entries).ok()?);
    }
    Some(())
}

fn header_agreement(times: usize) -> Option<()> {
    let message = Message::parse(call().into_bytes(), &Limits::default()).ok()?;
    for _ in 0..times {
        let agreed = headers::agree(
            black_box(Some("2026-07-28")),
            Some("tools/call"),
            Some("echo"),
            &message,
        );
        black_box(agreed.ok()?);
    }
    Some(())
}

fn framing_lines(times: usize) -> Option<()> {
    let stream = [call(), "\n".to_owned()].concat().repeat(100);
    for _ in 0..times {
        let mut decoder = LineDecoder::new(65_536);
        let mut lines = 0;
        for piece in black_box(&stream).as_bytes().chunks(1_000) {
            decoder.feed(piece);
            while let Some(line) = decoder.next_line() {
                black_box(line.ok()?);
                lines += 1;
            }
        }
        (lines == 100).then_some(())?;
    }
    Some(())
}

fn framing_events(times: usize) -> Option<()> {
    let mut stream = Vec::new();
    for _ in 0..100 {
        write_event(&mut stream, None, &call());
    }
    for _ in 0..times {
        let mut decoder = SseDecoder::new(65_536);
        let mut events = 0;
        for piece in black_box(&stream).chunks(1_000) {
            decoder.feed(piece);
            while let Some(event) = decoder.next_event() {
                black_box(event.ok()?);
                events += 1;
            }
        }
        (events == 100).then_some(())?;
    }
    Some(())
}

fn authorize(policies: usize, times: usize) -> Option<()> {
    let mut text = String::new();
    for number in 1..policies {
        writeln!(
            text,
            r#"permit(principal in Group::"group-{number}", action == Action::"tools/call", resource == Tool::"papers/tool-{number}");"#
        )
        .ok()?;
    }
    text.push_str(r#"permit(principal == User::"ada", action, resource);"#);
    let name = "bench.cedar".to_owned();
    let policies = Policies::load(&[Source { name, text }]).ok()?;
    let groups = ["researchers".to_owned()];
    let query = Query {
        principal: Principal {
            kind: PrincipalKind::User,
            id: "ada",
            groups: &groups,
            roles: &[],
            authentication: "api-key",
            issuer: None,
            tenant: None,
        },
        action: Action::ToolsCall,
        resource: Target::Tool {
            server: "papers",
            name: "search",
        },
        context: Context {
            profile: "research",
            era: "modern",
            transport: "http",
            sign_in: Default::default(),
        },
    };
    for _ in 0..times {
        let decision = policies.authorize(black_box(&query));
        let permitted = matches!(decision, portcullis_policy::Decision::Permit { .. });
        permitted.then_some(())?;
    }
    Some(())
}

fn screen(json: &str, verdict: Verdict, times: usize) -> Option<()> {
    let shield = Shield::new(Settings::default());
    for _ in 0..times {
        let screening = shield.screen(Direction::Result, black_box(json));
        (screening.verdict == verdict).then_some(())?;
    }
    Some(())
}

/// A token of RFC 9068 by ES256 with ten groups, and the keys of its issuer, whose private key nobody
/// has any more.
const TOKEN: &str = include_str!("counted/token.jwt");
const KEYS: &str = include_str!("counted/keys.json");
/// A minute after it was issued.
const ISSUED: u64 = 1_900_000_060;

/// Reads and judges a token: whose signature was verified before, or has to be verified.
fn token(times: usize, again: bool) -> Option<()> {
    let issuer = Issuer::standard("bench", "https://issuer.example/bench");
    let mut keys = KeySet::parse(KEYS.as_bytes()).ok()?;
    for _ in 0..times {
        if !again {
            // Another set of the same keys has verified nothing yet.
            keys = KeySet::parse(KEYS.as_bytes()).ok()?;
        }
        black_box(identity(&issuer, &keys)?);
    }
    Some(())
}

/// All that is done to a call before policies are asked, for a caller with a token.
fn call_with_token(times: usize) -> Option<()> {
    let issuer = Issuer::standard("bench", "https://issuer.example/bench");
    let keys = KeySet::parse(KEYS.as_bytes()).ok()?;
    let text = call();
    for _ in 0..times {
        black_box(identity(&issuer, &keys)?);
        let message = Message::parse(black_box(&text).clone().into_bytes(), &Limits::default());
        let message = message.ok()?;
        black_box(meta::modern(message.params()).ok()??);
        let agreed = headers::agree(
            black_box(Some("2026-07-28")),
            Some("tools/call"),
            Some("echo"),
            &message,
        );
        black_box(agreed.ok()?);
    }
    Some(())
}

fn identity(issuer: &Issuer, keys: &KeySet) -> Option<portcullis_token::Identity> {
    let audiences = ["https://gateway.example/mcp/papers".to_owned()];
    let expected = Expected {
        audiences: &audiences,
        now: ISSUED,
        presented: Presented::Bearer,
        certificate: None,
    };
    let peeked = peek(black_box(TOKEN).trim_end()).ok()?;
    validate(&peeked, issuer, keys, &expected).ok()
}

/// A modern `tools/call` as a host sends it.
fn call() -> String {
    let params = format!(
        r#"{{"name":"echo","arguments":{{"text":"{}"}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"research-assistant","version":"1.4.2"}},"io.modelcontextprotocol/clientCapabilities":{{"elicitation":{{"form":{{}},"url":{{}}}}}}}}}}"#,
        "0123456789abcdef".repeat(4)
    );
    message::request("42", "tools/call", Some(&params))
}

/// A tool's result with so many bytes of plain text.
fn result(bytes: usize) -> String {
    format!(
        r#"{{"content":[{{"type":"text","text":{}}}],"resultType":"complete"}}"#,
        plain(bytes)
    )
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

/// A JSON string of ASCII text with escapes, about as long as asked for.
fn plain(bytes: usize) -> String {
    let line = r#"The model reads \"this\" line, and then the next.\n"#;
    quoted(line, "", bytes)
}

/// As [`plain`], with letters and punctuation beyond ASCII.
fn accents(bytes: usize) -> String {
    let line = r#"Der „Zug“ fährt über die Brücke – nächster Halt: Köln.\n"#;
    quoted(line, "", bytes)
}

/// As [`accents`], with characters that nobody sees.
fn hidden(bytes: usize) -> String {
    let line = r#"Der „Zug“ fährt über die Brücke – nächster Halt: Köln.\n"#;
    quoted(line, "\u{e0049}\u{e0067}\u{200b}\u{202e}", bytes)
}

fn quoted(line: &str, end: &str, bytes: usize) -> String {
    let lines = line.repeat(bytes.div_ceil(line.len()));
    ["\"", &lines, end, "\""].concat()
}
