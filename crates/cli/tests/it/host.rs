//! A host that starts the gateway itself and speaks the legacy era on standard input and output.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use crate::binary::{PATIENCE, Running};

/// The gateway on a pipe.
pub(crate) struct Host {
    pub(crate) gateway: Running,
    input: Option<ChildStdin>,
    answers: Receiver<Value>,
    asked: u64,
}

impl Host {
    /// Starts `command` and greets it.
    #[track_caller]
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut gateway = Running::start(command);
        let input = gateway.child.stdin.take();
        let output = BufReader::new(gateway.child.stdout.take().unwrap());
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // Whatever is not JSON here is no MCP either, and the test fails by waiting.
                let Ok(message) = serde_json::from_str::<Value>(&line) else {
                    break;
                };
                if message.get("id").is_some() && sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut host = Self {
            gateway,
            input,
            answers,
            asked: 0,
        };
        let greeting = host.ask(
            "initialize",
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}),
        );
        assert!(greeting["result"].is_object(), "{greeting}");
        host.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        host
    }

    /// Sends a request and waits for its answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let Ok(message) = self.answers.recv_timeout(PATIENCE) else {
                panic!("no answer to {method}:\n{}", self.gateway.stderr());
            };
            if message["id"] == id {
                return message;
            }
        }
    }

    #[track_caller]
    pub(crate) fn call(&mut self, tool: &str) -> Value {
        self.ask("tools/call", json!({"name": tool, "arguments": {}}))
    }

    #[track_caller]
    pub(crate) fn tools(&mut self) -> Vec<String> {
        crate::http::names(&self.ask("tools/list", json!({}))["result"]["tools"])
    }

    fn say(&mut self, message: &Value) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{message}").unwrap();
        input.flush().unwrap();
    }

    /// Closes the pipe, as a host does that ends. The gateway's exit code.
    pub(crate) fn leave(mut self) -> Option<i32> {
        self.input = None;
        crate::binary::eventually("the gateway ends with its host", || {
            self.gateway.child.try_wait().unwrap()
        })
        .code()
    }
}
