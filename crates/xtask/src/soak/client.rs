//! One of many callers, and the count of what became of every message.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Connection, Response};
use super::place::{PIPES, WEBS};

/// Refusals that a killed server explains.
const EXPECTED: [&str; 3] = ["upstream-died", "upstream-unavailable", "upstream-timeout"];
const PROBLEMS: usize = 20;

/// Every message that was sent, and how it ended.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    sent: Mutex<HashSet<String>>,
    notifications: AtomicU64,
    lost: AtomicU64,
    ends: Mutex<BTreeMap<String, u64>>,
    problems: Mutex<Vec<String>>,
}

impl Tally {
    pub(crate) fn sent(&self) -> u64 {
        let requests = lock(&self.sent).len();
        u64::try_from(requests).unwrap_or(u64::MAX) + self.notifications()
    }

    pub(crate) fn notifications(&self) -> u64 {
        self.notifications.load(Ordering::Relaxed)
    }

    /// The ids of all requests.
    pub(crate) fn requests(&self) -> HashSet<String> {
        lock(&self.sent).clone()
    }

    /// Messages without exactly one answer.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// How messages ended, by name.
    pub(crate) fn answers(&self) -> BTreeMap<String, u64> {
        lock(&self.ends).clone()
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        lock(&self.problems).clone()
    }

    fn ended(&self, how: &str) {
        *lock(&self.ends).entry(how.to_owned()).or_default() += 1;
    }

    fn lose(&self, problem: String) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        let mut problems = lock(&self.problems);
        if problems.len() < PROBLEMS {
            problems.push(problem);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Random numbers that a seed repeats: xorshift64*.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        // Any state but zero will do.
        Self((seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15)) | 1)
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// A caller with one connection. Odd ones speak the modern era, even ones the legacy era.
pub(crate) struct Client {
    connection: Connection,
    number: u64,
    asked: u64,
    dice: Dice,
    tally: Arc<Tally>,
    sessions: BTreeMap<&'static str, String>,
}

impl Client {
    pub(crate) fn new(address: &str, number: u64, seed: u64, tally: &Arc<Tally>) -> Self {
        Self {
            connection: Connection::new(address),
            number,
            // The client with the number zero comes several times.
            asked: tally.sent() * u64::from(number == 0),
            dice: Dice::new(seed, number),
            tally: Arc::clone(tally),
            sessions: BTreeMap::new(),
        }
    }

    /// Makes a good call of every server.
    ///
    /// # Errors
    /// When one does not give its answer.
    pub(crate) fn touch_everything(&mut self) -> Result<(), String> {
        for profile in PIPES.iter().chain(&WEBS) {
            let answer = self.call(profile, "echo", json!({"text": "good"}));
            if answer.as_deref() != Some("ok") {
                return Err(format!("{profile} does not work: {answer:?}"));
            }
        }
        Ok(())
    }

    /// Thinks for a while, then sends one message.
    pub(crate) fn turn(&mut self) {
        thread::sleep(Duration::from_millis(20 + self.dice.below(200)));
        let all = u64::try_from(PIPES.len() + WEBS.len()).unwrap_or(1);
        let chosen = usize::try_from(self.dice.below(all)).unwrap_or(0);
        let Some(profile) = PIPES.iter().chain(&WEBS).nth(chosen) else {
            return;
        };
        let text = format!("{}-{}", self.number, self.asked);
        let end = match self.dice.below(10) {
            0..=3 => self.call(profile, "echo", json!({"text": text})),
            4 | 5 => self.call(profile, "progress", json!({"steps": 5, "ms": 20})),
            6 => self.call(profile, "slow", json!({"ms": 200})),
            7 => self.call(profile, "large", json!({"bytes": 100_000})),
            8 => self.ask(profile, "tools/list", json!({}), None),
            _ => self.call(profile, "no-such-tool", json!({})),
        };
        if let Some(end) = end {
            self.tally.ended(&end);
        }
    }

    fn call(&mut self, profile: &'static str, tool: &str, arguments: Value) -> Option<String> {
        let expected = match tool {
            "echo" => arguments
                .get("text")
                .and_then(Value::as_str)
                .map(str::to_owned),
            _ => None,
        };
        let params = json!({"name": tool, "arguments": arguments});
        self.ask(profile, "tools/call", params, expected)
    }

    /// Sends a request. How it ended, or `None` when it was lost.
    fn ask(
        &mut self,
        profile: &'static str,
        method: &str,
        mut params: Value,
        expected: Option<String>,
    ) -> Option<String> {
        let mut headers = String::new();
        let mut meta = json!({"progressToken": "p"});
        let modern = json!({
            "progressToken": "p",
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "soak", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        if self.number % 2 == 1 {
            meta = modern;
            headers = format!("MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n");
            if let Some(name) = params.get("name").and_then(Value::as_str) {
                headers.push_str(&format!("Mcp-Name: {name}\r\n"));
            }
        } else {
            let session = self.session(profile)?;
            headers.push_str(&format!("Mcp-Session-Id: {session}\r\n"));
            headers.push_str("MCP-Protocol-Version: 2025-11-25\r\n");
        }
        if let Some(params) = params.as_object_mut() {
            params.insert("_meta".to_owned(), meta);
        }
        let response = self.exchange(profile, method, &params, &headers)?;
        let answer = self.answer(method, &response)?;
        Some(self.judge(profile, method, &answer, expected.as_deref()))
    }

    /// The session with a profile, opened when it is first needed.
    fn session(&mut self, profile: &'static str) -> Option<String> {
        if let Some(session) = self.sessions.get(profile) {
            return Some(session.clone());
        }
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "soak", "version": "1"},
        });
        let response = self.exchange(profile, "initialize", &params, "")?;
        let Some(session) = response.session else {
            self.tally.ended("no session");
            return None;
        };
        let headers = format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: 2025-11-25\r\n");
        let body = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
        self.tally.notifications.fetch_add(1, Ordering::Relaxed);
        match self.connection.post(&path(profile), &headers, &body) {
            Ok(response) if response.status == 202 => {}
            other => self
                .tally
                .lose(format!("initialized on {profile}: {other:?}")),
        }
        self.sessions.insert(profile, session.clone());
        Some(session)
    }

    fn exchange(
        &mut self,
        profile: &str,
        method: &str,
        params: &Value,
        headers: &str,
    ) -> Option<Response> {
        self.asked += 1;
        let id = self.id();
        let body =
            json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string();
        if !lock(&self.tally.sent).insert(id.clone()) {
            self.tally
                .lose(format!("{id} was used twice by the soak itself"));
        }
        match self.connection.post(&path(profile), headers, &body) {
            Ok(response) => Some(response),
            Err(error) => {
                self.tally
                    .lose(format!("{id} {method} on {profile}: {error}"));
                None
            }
        }
    }

    /// The id of the last request.
    fn id(&self) -> String {
        format!("{}-{}", self.number, self.asked)
    }

    /// The one answer in a response.
    fn answer(&self, method: &str, response: &Response) -> Option<Value> {
        let text = String::from_utf8_lossy(&response.body);
        let messages: Vec<Value> = match serde_json::from_str(&text) {
            Ok(message) => vec![message],
            Err(_) => text
                .lines()
                .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
                .collect(),
        };
        let id = Value::from(self.id());
        let mut answers = messages
            .into_iter()
            .filter(|message| message.get("id") == Some(&id) && message.get("method").is_none());
        match (answers.next(), answers.next()) {
            (Some(answer), None) => Some(answer),
            (answer, _) => {
                let count = if answer.is_none() {
                    "no answer"
                } else {
                    "several answers"
                };
                let beginning: String = text.chars().take(300).collect();
                self.tally.lose(format!(
                    "{count} to {id} {method}: {} {beginning}",
                    response.status
                ));
                None
            }
        }
    }

    fn judge(&self, profile: &str, method: &str, answer: &Value, expected: Option<&str>) -> String {
        if let Some(reason) = answer.pointer("/error/data/reason").and_then(Value::as_str) {
            let asked_for = reason == "target-unknown";
            if !asked_for && !EXPECTED.contains(&reason) {
                self.tally
                    .lose(format!("{} {method} on {profile}: {answer}", self.id()));
            }
            return reason.to_owned();
        }
        if answer.get("result").is_none() {
            self.tally
                .lose(format!("{} {method} on {profile}: {answer}", self.id()));
            return "something else".to_owned();
        }
        let text = answer
            .pointer("/result/content/0/text")
            .and_then(Value::as_str);
        if let Some(expected) = expected
            && text != Some(expected)
        {
            self.tally
                .lose(format!("{} got {text:?}, not {expected:?}", self.id()));
        }
        "ok".to_owned()
    }
}

fn path(profile: &str) -> String {
    format!("/mcp/{profile}")
}
