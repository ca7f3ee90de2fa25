//! MCP over a child process's standard input and output.

use std::path::Path;
use std::process::Stdio as Redirect;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::ClientError;

const FAREWELL: Duration = Duration::from_secs(2);

pub(crate) struct Stdio {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Stdio {
    /// Starts the process with `PATH` and `env` as its whole environment. It is killed when this value is dropped.
    pub(crate) fn spawn(
        command: &Path,
        args: &[String],
        env: &[(String, String)],
    ) -> Result<Self, ClientError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut child = Command::new(command)
            .args(args)
            .env_clear()
            .env("PATH", path)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Redirect::piped())
            .stdout(Redirect::piped())
            .stderr(Redirect::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(ClientError::Spawn)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(ClientError::Closed);
        };
        Ok(Self {
            child,
            input,
            output: BufReader::new(output).lines(),
        })
    }

    pub(crate) async fn send(&mut self, message: &Value) -> Result<(), ClientError> {
        let mut line = message.to_string();
        line.push('\n');
        self.input
            .write_all(line.as_bytes())
            .await
            .map_err(|_| ClientError::Closed)?;
        self.input.flush().await.map_err(|_| ClientError::Closed)
    }

    /// Sends a request and reads until its answer; notifications on the way go to `others`, requests are declined.
    pub(crate) async fn exchange(
        &mut self,
        message: &Value,
        id: u64,
        others: &mut Vec<Value>,
    ) -> Result<Value, ClientError> {
        self.send(message).await?;
        loop {
            let line = self
                .output
                .next_line()
                .await
                .map_err(|error| ClientError::Broken(Box::new(error)))?;
            let line = line.ok_or(ClientError::Closed)?;
            let message: Value = serde_json::from_str(&line).map_err(|_| ClientError::Malformed)?;
            match (
                message.get("method").and_then(Value::as_str),
                message.get("id"),
            ) {
                (None, Some(answered)) if answered.as_u64() == Some(id) => return Ok(message),
                (Some("ping"), Some(theirs)) => {
                    self.send(&json!({"jsonrpc": "2.0", "id": theirs, "result": {}}))
                        .await?;
                }
                (Some(_), Some(theirs)) => {
                    let error = json!({"code": -32601, "message": "method not found"});
                    self.send(&json!({"jsonrpc": "2.0", "id": theirs, "error": error}))
                        .await?;
                }
                _ => others.push(message),
            }
        }
    }

    pub(crate) async fn close(self) {
        let Self {
            mut child,
            input,
            output,
        } = self;
        drop((input, output));
        if tokio::time::timeout(FAREWELL, child.wait()).await.is_err() {
            // The process did not end by itself; that it is gone already is no failure.
            let _ = child.kill().await;
        }
    }
}
