//! A program that runs beside the suite and ends with us.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take to say where it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// Killed and waited for when it goes out of scope, also on failure.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// Starts the command. What it prints goes to `log` too.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(
        mut command: Command,
        log: impl Write + Send + 'static,
    ) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{command:?} cannot be started: {error}"))?;
        let (sender, lines) = mpsc::channel();
        let (log_sender, log_lines) = mpsc::channel();
        if let Some(output) = child.stdout.take() {
            read(output, sender.clone(), log_sender.clone());
        }
        if let Some(output) = child.stderr.take() {
            read(output, sender, log_sender);
        }
        thread::spawn(move || write(log, &log_lines));
        Ok(Self { child, lines })
    }

    /// Waits for the line that has `start` in it, and returns its first word from there on.
    ///
    /// # Errors
    /// When the program ends or says nothing of the kind in half a minute.
    pub(super) fn announced(&self, start: &str) -> Result<String, String> {
        let deadline = Instant::now() + PATIENCE;
        let mut said = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                return Err(format!("no line with `{start}`, but:\n{said}"));
            };
            if let Some((_, rest)) = line.split_once(start) {
                let word = rest.split_whitespace().next().unwrap_or_default();
                return Ok(format!("{start}{word}"));
            }
            said.push_str(&line);
            said.push('\n');
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes lines on until the program closes its output, so that it never waits for a reader.
fn read(output: impl Read + Send + 'static, lines: Sender<String>, log: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = lines.send(line.clone());
            let _ = log.send(line);
        }
    });
}

fn write(mut log: impl Write, lines: &Receiver<String>) {
    for line in lines {
        let _ = writeln!(log, "{line}");
    }
    let _ = log.flush();
}
