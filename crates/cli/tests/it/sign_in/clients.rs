//! The clients, and one that has signed in and waits to be told to go on.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::rmcp_client;
use super::world::TOOL;
use crate::binary::scrubbed;

/// Long, because several clients run on few cores; nobody waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(150);

/// A client and the revision that it is to speak.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) era: &'static str,
    pub(super) version: &'static str,
}

/// Each client in every revision that it can be made to speak. The 1.x SDKs and the Python SDK always
/// offer the newest legacy revision that they know.
pub(super) const CLIENTS: [Client; 10] = [
    client("ts1", "legacy", "2025-11-25"),
    client("ts2", "legacy", "2025-06-18"),
    client("ts2", "legacy", "2025-11-25"),
    client("ts2", "modern", "2026-07-28"),
    client("py1", "legacy", "2025-11-25"),
    client("py2", "legacy", "2025-11-25"),
    client("py2", "modern", "2026-07-28"),
    client("rmcp", "legacy", "2025-06-18"),
    client("rmcp", "legacy", "2025-11-25"),
    client("rmcp", "modern", "2026-07-28"),
];

/// One of each.
pub(super) const ONE_OF_EACH: [Client; 5] =
    [CLIENTS[0], CLIENTS[3], CLIENTS[4], CLIENTS[6], CLIENTS[9]];

const fn client(name: &'static str, era: &'static str, version: &'static str) -> Client {
    Client { name, era, version }
}

/// How an authorization server knows the client.
#[derive(Clone, Debug)]
pub(super) enum Known {
    /// By an id that an administrator gave it.
    Id(String),
    /// By the document at this address.
    Document(String),
    /// It registers itself.
    Registration,
}

impl Known {
    /// As the clients of `interop/` are told.
    fn settings(&self) -> Value {
        match self {
            Self::Id(id) => json!({"id": id}),
            Self::Document(url) => json!({"document": url}),
            Self::Registration => json!({}),
        }
    }
}

/// A client at work. What it says comes through a channel: `{"waiting": N}` before each further
/// call, its report at the end, or why it gave up.
pub(super) struct Session {
    pub(super) client: Client,
    said: Receiver<Result<Value, String>>,
    go: Sender<()>,
}

impl Session {
    /// Has a client sign in at `url`, call the tool, and call it `again` times when it is told to.
    pub(super) fn start(
        client: Client,
        interop: &Path,
        home: &Path,
        url: &str,
        known: &Known,
        again: usize,
    ) -> Self {
        let (say, said) = channel();
        let (go, told) = channel();
        let (interop, home) = (interop.to_owned(), home.to_owned());
        let (url, known) = (url.to_owned(), known.clone());
        std::thread::spawn(move || {
            let result = if client.name == "rmcp" {
                let person = rmcp_client::Person { interop, home };
                rmcp_client::sign_in(client, &person, &url, &known, again, &say, told)
            } else {
                run(client, &interop, &home, &url, &known, again, &say, told)
            };
            let _nobody_waits = say.send(result);
        });
        Self { client, said, go }
    }

    /// Waits until the client waits.
    pub(super) fn waits(&self) -> Result<(), String> {
        match self.hear()? {
            said if said.get("waiting").is_some() => Ok(()),
            other => Err(format!("does not wait: {other}")),
        }
    }

    pub(super) fn go_on(&self) {
        let _gone = self.go.send(());
    }

    /// The report.
    pub(super) fn report(&self) -> Result<Value, String> {
        self.hear()
    }

    fn hear(&self) -> Result<Value, String> {
        self.said
            .recv_timeout(PATIENCE)
            .map_err(|error| error.to_string())?
    }
}

#[expect(clippy::too_many_arguments, reason = "everything that one run needs")]
fn run(
    client: Client,
    interop: &Path,
    home: &Path,
    url: &str,
    known: &Known,
    again: usize,
    say: &Sender<Result<Value, String>>,
    told: Receiver<()>,
) -> Result<Value, String> {
    let line = command(interop, client.name);
    let mut command = scrubbed(&line[0], home);
    command
        .args(&line[1..])
        .args(["--url", url, "--era", client.era])
        .args(["--protocol", client.version])
        .args(["--sign-in", &known.settings().to_string()])
        .args(["--call", TOOL, "--again", &again.to_string()])
        .args(["--timeout-ms", &PATIENCE.as_millis().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let mut stdin = child.stdin.take().unwrap();
    std::thread::spawn(move || {
        while told.recv().is_ok() {
            let _gone = stdin.write_all(b"\n");
        }
    });
    let mut stderr = child.stderr.take().unwrap();
    let complaint = std::thread::spawn(move || {
        let mut text = String::new();
        let _partly = stderr.read_to_string(&mut text);
        text
    });
    let mut last = None;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.map_err(|error| error.to_string())?;
        let said: Value =
            serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
        if said.get("waiting").is_some() {
            let _nobody_waits = say.send(Ok(said));
        } else {
            last = Some(said);
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let complaint = complaint.join().unwrap_or_default();
    match last {
        Some(report) if status.success() => Ok(report),
        _ => Err(complaint),
    }
}

/// The command line that `peers.json` has for a client.
fn command(interop: &Path, name: &str) -> Vec<String> {
    let file: PathBuf = interop.join("peers.json");
    let text = std::fs::read_to_string(file)
        .unwrap()
        .replace("{interop}", interop.to_str().unwrap());
    let document: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(document["clients"][name]["command"].clone()).unwrap()
}

/// Holds a report against what was asked: the revision, and the tool's answer.
pub(super) fn check(client: Client, report: &Value, again: usize) -> Result<(), String> {
    let answers =
        std::iter::once(&report["call"]).chain(report["again"].as_array().into_iter().flatten());
    let fine = answers
        .filter(|answer| answer["isError"] != true && answer["content"][0]["text"].is_string())
        .count();
    let right = report["protocolVersion"] == client.version
        && report["tools"] == json!([TOOL])
        && fine == again + 1;
    match right {
        true => Ok(()),
        false => Err(format!("not what was asked for: {report}")),
    }
}
