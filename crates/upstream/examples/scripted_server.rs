//! A stdio server that does what the tests ask of it, good and bad. The first argument is what
//! it speaks; a `tools/call` names what it does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fixture of the tests"
)]

use std::io::{BufRead, Write};
use std::process::{Command, exit};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

const MODERN: &str = "2026-07-28";

struct Server {
    speaks: String,
    cancelled: Vec<Value>,
    methods: Vec<String>,
    late_probe: Option<Value>,
    /// What the client declared in `initialize`.
    declared: Value,
    /// Answers of the client to requests of ours.
    answers: Vec<Value>,
    /// The last subscription.
    subscription: Value,
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let flag = |name: &str| {
        args.iter()
            .position(|arg| arg == name)
            .map(|at| args[at + 1].clone())
    };
    if let Some(path) = flag("--pids") {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        writeln!(file, "{}", std::process::id()).unwrap();
    }
    if let Some(count) = flag("--stderr") {
        for number in 0..count.parse::<u32>().unwrap() {
            let _ = writeln!(std::io::stderr(), "\u{1b}[31mline\u{1b}[0m {number}");
        }
        if let Ok(secret) = std::env::var("API_TOKEN") {
            sleep(Duration::from_millis(1_100));
            let _ = writeln!(std::io::stderr(), "starting with token {secret}");
        }
    }
    if let Some(status) = flag("--exit") {
        exit(status.parse().unwrap());
    }
    let mut server = Server {
        speaks: args[1].clone(),
        cancelled: Vec::new(),
        methods: Vec::new(),
        late_probe: None,
        declared: Value::Null,
        answers: Vec::new(),
        subscription: Value::Null,
    };
    while let Some(message) = receive() {
        server.handle(&message);
    }
    while args.iter().any(|arg| arg == "--ignore-eof") {
        sleep(Duration::from_secs(1));
    }
}

fn receive() -> Option<Value> {
    let line = std::io::stdin().lock().lines().next()?;
    Some(serde_json::from_str(&line.unwrap()).unwrap())
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).unwrap();
    out.flush().unwrap();
}

fn send(message: &Value) {
    print(&format!("{message}\n"));
}

fn respond(id: &Value, result: Value) {
    send(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
}

fn refuse(id: &Value, code: i64, data: Value) {
    send(
        &json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": "no", "data": data}}),
    );
}

/// Waits for the client's answer to a request of ours.
fn await_answer(id: &str) -> Value {
    loop {
        let message = receive().expect("an answer");
        if message["id"] == json!(id) {
            return message;
        }
    }
}

impl Server {
    fn is_modern(&self) -> bool {
        matches!(self.speaks.as_str(), "modern" | "late-modern")
    }

    fn handle(&mut self, message: &Value) {
        let id = &message["id"];
        let method = message["method"].as_str().unwrap_or_default().to_owned();
        self.methods.push(method.clone());
        match method.as_str() {
            "server/discover" => self.discover(id),
            "initialize" => {
                self.declared = message["params"]["capabilities"].clone();
                self.initialize(id);
            }
            "notifications/cancelled" => {
                self.cancelled.push(message["params"]["requestId"].clone())
            }
            "tools/call" => self.call(id, &message["params"]),
            "subscriptions/listen" => self.listen(id, &message["params"]),
            "ping" => respond(id, json!({})),
            "" => self.answers.push(message.clone()),
            _ if id.is_null() => {}
            _ => refuse(id, -32601, Value::Null),
        }
    }

    fn discover(&mut self, id: &Value) {
        match self.speaks.as_str() {
            "modern" => respond(id, discovery()),
            "late-modern" => self.late_probe = Some(id.clone()),
            "future" => refuse(
                id,
                -32022,
                json!({"supported": ["2030-01-01"], "requested": MODERN}),
            ),
            "future-and-legacy" => {
                refuse(
                    id,
                    -32022,
                    json!({"supported": ["2030-01-01", "2025-11-25"], "requested": MODERN}),
                );
            }
            "discovers-legacy" => {
                let mut result = discovery();
                result["supportedVersions"] = json!(["2025-06-18"]);
                respond(id, result);
            }
            "silent-probe" => {}
            "crash-on-probe" => exit(3),
            "garbage-probe" => print(
                "Traceback (most recent call last)\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"result\":{}}\n",
            ),
            _ => refuse(id, -32602, Value::Null),
        }
    }

    fn initialize(&mut self, id: &Value) {
        if self.is_modern() {
            refuse(id, -32601, json!({"supported": [MODERN]}));
            if let Some(probe) = self.late_probe.take() {
                respond(&probe, discovery());
            }
            return;
        }
        let version = self.speaks.strip_prefix("version=").unwrap_or("2025-11-25");
        respond(
            id,
            json!({
                "protocolVersion": version,
                "capabilities": {"tools": {"listChanged": true}},
                "serverInfo": {"name": "scripted", "version": "1"},
                "instructions": "be \"nice\"",
            }),
        );
    }

    fn listen(&mut self, id: &Value, params: &Value) {
        self.subscription = id.clone();
        let meta = json!({"io.modelcontextprotocol/subscriptionId": id});
        send(
            &json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
            "params": {"_meta": meta, "notifications": params["notifications"]}}),
        );
        send(
            &json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {"_meta": meta}}),
        );
    }

    fn call(&mut self, id: &Value, params: &Value) {
        let arguments = &params["arguments"];
        let token = &params["_meta"]["progressToken"];
        let progress = |token: &Value, step: u64| json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": step}});
        match params["name"].as_str().unwrap() {
            "echo" => respond(id, json!({"params": params})),
            "methods" => respond(id, json!({"methods": self.methods})),
            "cancelled" => respond(id, json!({"cancelled": self.cancelled})),
            "env" => {
                let env: serde_json::Map<_, _> = std::env::vars()
                    .map(|(key, value)| (key, json!(value)))
                    .collect();
                let cwd = std::env::current_dir().unwrap();
                respond(id, json!({"env": env, "cwd": cwd}));
            }
            "split" => {
                let text =
                    json!({"jsonrpc": "2.0", "id": id, "result": {"text": "größer"}}).to_string();
                for byte in text.bytes().chain([b'\r', b'\n']) {
                    let mut out = std::io::stdout().lock();
                    out.write_all(&[byte]).unwrap();
                    out.flush().unwrap();
                }
            }
            "die" => exit(7),
            "answer-and-die" => {
                print(&json!({"jsonrpc": "2.0", "id": id, "result": {}}).to_string());
                exit(0);
            }
            "hang" => {}
            "sleep" => {
                sleep(Duration::from_millis(arguments["ms"].as_u64().unwrap()));
                respond(id, json!({}));
            }
            "close-stdout" => {
                // Only the pipe ends here; the process lives on.
                drop(Command::new("true").status());
                close_stdout();
            }
            "twice" => {
                respond(id, json!({"first": true}));
                respond(id, json!({"first": false}));
            }
            "lie" => {
                let number = id.as_u64().unwrap();
                respond(&json!(number + 1_000), json!({"lie": 1}));
                respond(&json!(number.to_string()), json!({"lie": 2}));
                respond(&json!(number as f64), json!({"lie": 3}));
                respond(id, json!({"lie": 0}));
            }
            "garbage" => {
                print(&"garbage\n".repeat(arguments["lines"].as_u64().unwrap() as usize));
                respond(id, json!({}));
            }
            "duplicate-key" => print(&format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"a\":1,\"a\":2}}}}\n"
            )),
            "oversize" => {
                let text = "x".repeat(arguments["bytes"].as_u64().unwrap() as usize);
                respond(id, json!({"text": text}));
            }
            "progress" => {
                send(&progress(token, 1));
                send(&progress(&json!("foreign"), 9));
                send(&progress(&json!(token.as_u64().unwrap() + 500), 9));
                send(
                    &json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "hi"}}),
                );
                send(&progress(token, 2));
                respond(id, json!({}));
            }
            "flood" => {
                for step in 0..arguments["count"].as_u64().unwrap() {
                    send(&progress(token, step));
                }
                respond(id, json!({}));
            }
            "list-changed" => {
                for list in ["tools", "prompts", "resources", "tools"] {
                    send(
                        &json!({"jsonrpc": "2.0", "method": format!("notifications/{list}/list_changed")}),
                    );
                }
                respond(id, json!({}));
            }
            "ask" => {
                send(
                    &json!({"jsonrpc": "2.0", "id": "ask-1", "method": arguments["method"], "params": {}}),
                );
                let answer = if self.is_modern() {
                    Value::Null
                } else {
                    await_answer("ask-1")
                };
                respond(id, json!({"answer": answer}));
            }
            "declared" => respond(id, json!({"declared": self.declared})),
            "answers" => respond(id, json!({"answers": self.answers})),
            "post" => {
                for text in arguments["lines"].as_array().unwrap() {
                    let text = text.as_str().unwrap();
                    print(&format!(
                        "{}\n",
                        text.replace("SUBSCRIPTION", &self.subscription.to_string())
                    ));
                }
                if arguments["hang"] != json!(true) {
                    respond(id, json!({}));
                }
            }
            "ask-many" => {
                for number in 0..arguments["count"].as_u64().unwrap() {
                    send(
                        &json!({"jsonrpc": "2.0", "id": format!("q-{number}"), "method": "roots/list"}),
                    );
                }
                respond(id, json!({}));
            }
            "cancel" => {
                send(
                    &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}),
                );
                respond(id, json!({}));
            }
            "fork" => {
                let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
                respond(id, json!({"pid": child.id()}));
                std::thread::spawn(move || child.wait());
            }
            "input-required" => respond(
                id,
                json!({"resultType": "input_required", "inputRequests": {}, "requestState": "s"}),
            ),
            other => panic!("unknown script {other}"),
        }
    }
}

/// Replaces this process by one whose standard output is closed and which never ends by itself.
#[cfg(unix)]
fn close_stdout() {
    use std::os::unix::process::CommandExt;
    let error = Command::new("sh")
        .args(["-c", "exec >&-; cat >/dev/null"])
        .exec();
    panic!("{error}");
}

#[cfg(not(unix))]
fn close_stdout() {
    panic!("not on this system");
}

fn discovery() -> Value {
    json!({
        "resultType": "complete",
        "supportedVersions": ["2030-01-01", MODERN],
        "capabilities": {"tools": {"listChanged": true}},
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "scripted", "version": "1"}},
        "instructions": "be modern",
        "ttlMs": 0,
        "cacheScope": "private",
    })
}
