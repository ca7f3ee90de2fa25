//! Hosts on a pipe: the gateway is their child, and its standard streams are all there is.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use super::figures::{self, Figures};
use crate::binary::{self, PATIENCE, Running, eventually, is_alive, portcullis};
use crate::place::Place;

/// The gateway of a host, with the hostile server behind it.
struct Pipe {
    place: Place,
    gateway: Running,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    asked: u64,
}

impl Pipe {
    fn new() -> Self {
        let configuration = format!(
            "[registry]\nmode = \"trust-on-first-use\"\n[authn]\nloopback = \"local\"\n\
             [servers.hostile]\ncommand = {:?}\nargs = [\"lab\", \"hostile\"]\nrequest-timeout = \"2s\"\n\
             [profiles.p]\nservers = [\"hostile\"]\n",
            binary::path()
        );
        let place = Place::new(&configuration);
        let mut command = portcullis(place.path(), &["serve", "--stdio", "p"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut gateway = Running::start(command);
        let input = gateway.child.stdin.take().unwrap();
        let output = BufReader::new(gateway.child.stdout.take().unwrap());
        let mut pipe = Self {
            place,
            gateway,
            input,
            output,
            asked: 0,
        };
        let greeting = pipe.ask("initialize", &json!({
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        }));
        assert!(greeting["result"].is_object(), "{greeting}");
        pipe.write(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");
        pipe.good_call();
        pipe
    }

    #[track_caller]
    fn write(&mut self, bytes: &[u8]) {
        self.input.write_all(bytes).unwrap();
        self.input.flush().unwrap();
    }

    /// The next message.
    #[track_caller]
    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// The answer to the request with this id, past whatever else comes.
    #[track_caller]
    fn answer(&mut self, id: &Value) -> Value {
        let begun = Instant::now();
        loop {
            let message = self.read();
            if message["id"] == *id && message.get("method").is_none() {
                return message;
            }
            assert!(begun.elapsed() < PATIENCE, "no answer to {id}");
        }
    }

    fn request(&mut self, method: &str, params: &Value) -> (u64, Vec<u8>) {
        self.asked += 1;
        let request =
            json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params});
        (self.asked, format!("{request}\n").into_bytes())
    }

    #[track_caller]
    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let (id, line) = self.request(method, params);
        self.write(&line);
        self.answer(&json!(id))
    }

    #[track_caller]
    fn good_call(&mut self) {
        let answer = self.ask(
            "tools/call",
            &json!({"name": "echo", "arguments": {"text": "fine"}}),
        );
        assert_eq!(answer["result"]["content"][0]["text"], "fine", "{answer}");
    }

    /// The host leaves: the gateway ends, and with it the server. What is on record is closed.
    #[track_caller]
    fn leave(mut self) -> Vec<Value> {
        let descendants = Figures::of(self.gateway.child.id()).descendants;
        drop(self.input);
        let mut rest = Vec::new();
        self.output.read_to_end(&mut rest).unwrap();
        let end = eventually("the gateway ends with its host", || {
            self.gateway.child.try_wait().unwrap()
        });
        assert_eq!(end.code(), Some(0), "{}", self.gateway.stderr());
        assert!(
            !self.gateway.stderr().contains("panicked"),
            "{}",
            self.gateway.stderr()
        );
        eventually("every server process ends", || {
            let alive = |id: &u32| is_alive(i32::try_from(*id).unwrap());
            (!descendants.iter().any(alive)).then_some(())
        });
        let trail = self.place.trail(&[]);
        for entry in &trail {
            assert!(entry["closed"]["outcome"].is_string(), "{entry}");
        }
        trail
    }
}

#[test]
fn a_host_sends_what_is_no_message() {
    let mut pipe = Pipe::new();
    let process = pipe.gateway.child.id();
    figures::forget_peak(process);
    let before = figures::resident(process);
    let lines: [(&str, Vec<u8>); 6] = [
        (
            "a million elements",
            format!("[{}1]", "1,".repeat(999_999)).into(),
        ),
        ("a million brackets", "[".repeat(1_000_000).into()),
        (
            "invalid UTF-8",
            b"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"ping\"}".to_vec(),
        ),
        (
            "two ids",
            br#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#.to_vec(),
        ),
        ("a NUL", b"\0".to_vec()),
        ("a hundred megabytes", vec![b'x'; 100 * 1024 * 1024]),
    ];
    for (what, line) in lines {
        pipe.write(&line);
        pipe.write(b"\n");
        // The id cannot be known.
        let answer = pipe.answer(&Value::Null);
        assert!(answer["error"]["code"].is_i64(), "{what}: {answer}");
        pipe.good_call();
    }
    let peak = figures::peak(process);
    eprintln!("{before} KiB resident before, {peak} KiB at most");
    assert!(peak < before + 32 * 1024, "{before} KiB grew to {peak} KiB");
    pipe.leave();
}

#[test]
fn a_host_writes_byte_by_byte() {
    let mut pipe = Pipe::new();
    let (id, line) = pipe.request(
        "tools/call",
        &json!({"name": "echo", "arguments": {"text": "größer 🏰"}}),
    );
    for byte in line {
        pipe.write(&[byte]);
    }
    let answer = pipe.answer(&json!(id));
    assert_eq!(
        answer["result"]["content"][0]["text"], "größer 🏰",
        "{answer}"
    );
    pipe.leave();
}

#[test]
fn a_host_leaves_in_the_middle() {
    let mut pipe = Pipe::new();
    let (_, line) = pipe.request(
        "tools/call",
        &json!({"name": "slow", "arguments": {"ms": 30_000}}),
    );
    pipe.write(&line);
    let (_, half) = pipe.request("tools/call", &json!({"name": "echo", "arguments": {}}));
    pipe.write(&half[..half.len() / 2]);
    let trail = pipe.leave();
    assert!(trail.len() >= 3, "{trail:?}");
}

/// The answers to its calls have nowhere to go, so the gateway takes no more calls than it can hold.
#[test]
fn a_host_does_not_read() {
    let pipe = Pipe::new();
    let Pipe {
        place,
        mut gateway,
        mut input,
        output,
        mut asked,
    } = pipe;
    let process = gateway.child.id();
    figures::forget_peak(process);
    let writer = std::thread::spawn(move || {
        for _ in 0..200 {
            asked += 1;
            let call = json!({"jsonrpc": "2.0", "id": asked, "method": "tools/call",
                "params": {"name": "large", "arguments": {"bytes": 3_000_000}}});
            // It waits when the gateway takes no more, and fails when the gateway is gone.
            if writeln!(input, "{call}").is_err() {
                return;
            }
        }
        std::thread::park_timeout(PATIENCE);
    });
    // Long enough for several calls to have come back, if they were taken.
    std::thread::sleep(std::time::Duration::from_secs(6));
    let peak = figures::peak(process);
    eprintln!("{peak} KiB at most, with 200 calls of 3 MB and nobody to read the answers");
    assert!(peak < 512 * 1024, "{peak} KiB");
    // A host that is gone without having read anything is gone all the same.
    let descendants = Figures::of(process).descendants;
    drop(output);
    assert!(gateway.terminate().is_some());
    writer.thread().unpark();
    writer.join().unwrap();
    eventually("every server process ends", || {
        let alive = |id: &u32| is_alive(i32::try_from(*id).unwrap());
        (!descendants.iter().any(alive)).then_some(())
    });
    for entry in place.trail(&[]) {
        assert!(entry["closed"]["outcome"].is_string(), "{entry}");
    }
}
