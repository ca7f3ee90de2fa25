//! One client with one server, through the gateway.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde_json::Value;

use super::peers::{Peers, Server};
use super::relay::Relay;
use super::{record, rmcp_client, setup};
use crate::binary::{self, PATIENCE, Running};
use crate::place::{Place, trail};

/// How the client reaches the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Http,
    Stdio,
    Wrap,
}

/// What one client is to do.
#[derive(Clone)]
pub(super) struct Work {
    client: String,
    era: String,
    server: String,
    merged: bool,
    route: Route,
}

/// Where a client connects to.
pub(super) enum Target {
    Url { url: String, bearer: String },
    Command(Vec<String>),
}

impl Work {
    pub(super) fn new(client: &str, era: &str, server: &str, route: Route) -> Self {
        Self {
            client: client.to_owned(),
            era: era.to_owned(),
            server: server.to_owned(),
            merged: false,
            route,
        }
    }

    /// The same server as a part of the profile that has all of them.
    pub(super) fn merged(client: &str, era: &str, server: &str, route: Route) -> Self {
        Self {
            merged: true,
            ..Self::new(client, era, server, route)
        }
    }

    fn principal(&self) -> String {
        let part = if self.merged { "-merged" } else { "" };
        format!("{}-{}-{}{part}", self.client, self.era, self.server)
    }

    fn profile(&self) -> &str {
        if self.merged {
            setup::MERGED
        } else {
            &self.server
        }
    }

    fn prefix(&self) -> String {
        if self.merged {
            format!("{}__", self.server)
        } else {
            String::new()
        }
    }
}

/// Carries everything out, two at a time, and fails with everything that went wrong.
pub(super) fn carry_out_all(peers: &Peers, work: Vec<Work>) {
    let principals: Vec<String> = work.iter().map(Work::principal).collect();
    let place = setup::place(peers, &principals);
    let over_http = work.iter().any(|work| work.route == Route::Http);
    let gateway = over_http.then(|| place.serve());
    let queue: Mutex<VecDeque<Work>> = Mutex::new(work.into());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(work) = next(&queue) {
                    let begun = std::time::Instant::now();
                    let done = match &gateway {
                        Some((_, address)) => over_relay(peers, &work, address, &place),
                        None => over_pipe(peers, &work),
                    };
                    let pair = format!("{} ({:?})", work.principal(), work.route);
                    match done {
                        Ok(()) => eprintln!("ok   {pair} in {:.1?}", begun.elapsed()),
                        Err(problem) => {
                            failures.lock().unwrap().push(format!("{pair}: {problem}"));
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} failed:\n\n{}\n\nthe gateway said:\n{}",
        failures.len(),
        failures.join("\n\n"),
        gateway.map_or_else(String::new, |(gateway, _): (Running, String)| gateway
            .stderr())
    );
}

fn next(queue: &Mutex<VecDeque<Work>>) -> Option<Work> {
    queue.lock().unwrap().pop_front()
}

fn over_relay(peers: &Peers, work: &Work, address: &str, place: &Place) -> Result<(), String> {
    let relay = Relay::to(address);
    let target = Target::Url {
        url: format!("http://{}/mcp/{}", relay.address, work.profile()),
        bearer: setup::key(&work.principal()),
    };
    let report = ask(peers, work, &target)?;
    check_report(peers, work, &report)?;
    // A GET is turned away before anybody asks who it is; it is found by its profile alone.
    let entries = settled(|| {
        let sent = record::of_requests(&relay.requests());
        let entries = place.trail(&["--principal", &work.principal()]);
        let sent: Vec<String> = sent.into_iter().filter(|sent| sent != "GET").collect();
        record::is_complete(&sent, &entries).map(|()| entries)
    })?;
    check_trail(peers, work, &work.principal(), &entries, &report)
}

fn over_pipe(peers: &Peers, work: &Work) -> Result<(), String> {
    let place = setup::place(peers, &[]);
    let server = &peers.servers[&work.server];
    let sent = place.join("sent.jsonl");
    let mut gateway = vec![binary::path().to_owned()];
    let store = place.join("wrap.db").to_str().unwrap().to_owned();
    if work.route == Route::Wrap {
        gateway.extend(["wrap", "--name", &work.server, "--store", &store].map(str::to_owned));
        for name in server.env.keys() {
            gateway.extend(["--env".to_owned(), name.clone()]);
        }
        gateway.push("--".to_owned());
        gateway.extend(server.command.iter().cloned());
    } else {
        let file = place.join("portcullis.toml").to_str().unwrap().to_owned();
        gateway.extend(["serve", "-c", &file, "--stdio", work.profile()].map(str::to_owned));
    }
    let mut command: Vec<String> = ["env".to_owned()].into();
    command.extend(
        server
            .env
            .iter()
            .map(|(key, value)| format!("{key}={value}")),
    );
    command.extend(["sh", "-c", "tee -a \"$0\" | \"$@\""].map(str::to_owned));
    command.push(sent.to_str().unwrap().to_owned());
    command.extend(gateway);

    let report = ask(peers, work, &Target::Command(command))?;
    check_report(peers, work, &report)?;
    let entries = settled(|| {
        let sent = record::of_lines(&std::fs::read_to_string(&sent).unwrap());
        let entries = if work.route == Route::Wrap {
            // The trail of wrapped servers lies in the user's data folder; this one lies here.
            place.write(
                "trail/portcullis.toml",
                &format!("store = \"sqlite:{store}\"\n"),
            );
            let file = place
                .join("trail/portcullis.toml")
                .to_str()
                .unwrap()
                .to_owned();
            trail(
                &place
                    .run(&["audit", "query", "--json", "--limit", "1000", "-c", &file])
                    .fine(),
            )
        } else {
            place.trail(&[])
        };
        record::is_complete(&sent, &entries).map(|()| entries)
    })?;
    check_trail(peers, work, "local", &entries, &report)
}

/// Looks until the trail has caught up with the wire, and says what is still wrong in the end.
fn settled<T>(mut look: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        match look() {
            Err(problem) if std::time::Instant::now() > deadline => return Err(problem),
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(100)),
            done => return done,
        }
    }
}

fn ask(peers: &Peers, work: &Work, target: &Target) -> Result<Value, String> {
    let server = &peers.servers[&work.server];
    if work.client == "rmcp" {
        return rmcp_client::ask(&work.era, target, server, &work.prefix(), &peers.home());
    }
    let mut arguments = match target {
        Target::Url { url, bearer } => {
            vec![
                "--url".to_owned(),
                url.clone(),
                "--bearer".to_owned(),
                bearer.clone(),
            ]
        }
        Target::Command(command) => vec![
            "--command".to_owned(),
            serde_json::to_string(command).unwrap(),
        ],
    };
    arguments.extend(["--era", &work.era, "--timeout-ms", "60000"].map(str::to_owned));
    arguments.extend(server.questions(&work.prefix()));
    let output = peers.run_client(&work.client, &arguments);
    if output.code != 0 {
        return Err(format!("exit {}: {}", output.code, output.stderr));
    }
    serde_json::from_str(&output.stdout).map_err(|error| format!("{error}: {}", output.stdout))
}

/// Holds a report against what `peers.json` expects and against what the server says directly.
fn check_report(peers: &Peers, work: &Work, report: &Value) -> Result<(), String> {
    let server = &peers.servers[&work.server];
    let version = match work.era.as_str() {
        "legacy" => "2025-11-25",
        _ => "2026-07-28",
    };
    same(
        "protocol version",
        &report["protocolVersion"],
        &version.into(),
    )?;
    let direct = peers.direct(&work.server);
    let tools = |report: &Value| -> Vec<String> { super::peers::strings(&report["tools"]) };
    if work.merged {
        let expected: Vec<String> = peers
            .servers
            .keys()
            .flat_map(|name| {
                tools(&peers.direct(name))
                    .into_iter()
                    .map(move |tool| format!("{name}__{tool}"))
            })
            .collect();
        same("tools", &tools(report).into(), &expected.into())?;
    } else {
        same("tools", &report["tools"], &direct["tools"])?;
    }
    for (part, member, asked) in [
        ("call", "content", Some(&server.call)),
        ("resource", "contents", server.resource.as_ref()),
        ("prompt", "messages", server.prompt.as_ref()),
    ] {
        let Some(asked) = asked else { continue };
        if report[part]["isError"] == true {
            return Err(format!("{part} failed: {}", report[part]));
        }
        if !report[part].to_string().contains(&asked.expect) {
            return Err(format!("{part} lacks {}: {}", asked.expect, report[part]));
        }
        same(
            part,
            &plain(&report[part][member]),
            &plain(&direct[part][member]),
        )?;
    }
    same(
        "structured content",
        &plain(&report["call"]["structuredContent"]),
        &plain(&direct["call"]["structuredContent"]),
    )
}

fn same(what: &str, got: &Value, expected: &Value) -> Result<(), String> {
    if got == expected {
        return Ok(());
    }
    Err(format!("{what}: {got}\nbut directly: {expected}"))
}

/// Without the differences that SDKs make by themselves: `1` and `1.0`, absent and null.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), plain(value)))
            .collect::<serde_json::Map<String, Value>>()
            .into(),
        other => other.clone(),
    }
}

fn check_trail(
    peers: &Peers,
    work: &Work,
    principal: &str,
    entries: &[Value],
    report: &Value,
) -> Result<(), String> {
    let server: &Server = &peers.servers[&work.server];
    record::is_right(entries, principal, work.profile(), &work.server, server)?;
    // The receipt in each answer names the entry of its message.
    for (part, method) in [
        ("call", "tools/call"),
        ("resource", "resources/read"),
        ("prompt", "prompts/get"),
    ] {
        let Some(answer) = report.get(part) else {
            continue;
        };
        let named = answer["_meta"]["io.portcullis/receipt"]["entry"].clone();
        let known = entries
            .iter()
            .any(|entry| entry["opened"]["entry"] == named && entry["opened"]["method"] == method);
        if !known {
            return Err(format!("the receipt of {part} names no entry: {answer}"));
        }
    }
    Ok(())
}
