//! What a call costs the audit trail: an opening that somebody waits for, and its end.
//!
//! `cargo run --release -p portcullis-store --example trail_cost [FOLDER]` prints CPU time and
//! waiting time for a call, with groups of 1, 16 and 64 calls at once: straight into the database,
//! and through the journal (with the database's share, moved in transactions of 1,000 records).
//! First for callers with an API key, then for callers with a token, of whose sign-in more is known.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an example for people who measure"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use portcullis_store::journal::Journal;
use portcullis_store::{AuditRecord, AuditStore, Closed, Opened, Sqlite};

const CALLS: usize = 8_000;

fn records(number: usize, token: bool) -> [AuditRecord; 2] {
    let entry = format!("01a2034bf3e27{number:019x}");
    let digest = |kind: char| Some(format!("sha256:{}", kind.to_string().repeat(64)));
    let some = |text: &str| Some(text.to_owned());
    let opened = Opened {
        entry: entry.clone(),
        at_us: 1_700_000_000_000_000 + number as i64,
        principal: some("ada@example.org"),
        principal_kind: some("user"),
        authentication: some(if token { "token" } else { "api-key" }),
        issuer: token.then(|| "company".to_owned()),
        application: token.then(|| "04b07795-8ddb-461a-bbee-02f9e1bf7b46".to_owned()),
        actors: Vec::new(),
        token: token.then(|| format!("jYs1PmZ2qkqLrGXy{:06}", number / 100)),
        client: some("bench 1.0"),
        profile: some("main"),
        transport: "http".to_owned(),
        era: some("modern"),
        protocol_version: some("2026-07-28"),
        direction: "client".to_owned(),
        method: "tools/call".to_owned(),
        rpc_id: Some(number.to_string()),
        server: some("echo"),
        target: some("echo"),
        definition: digest('a'),
        arguments_digest: digest('b'),
        trace: None,
        remote: some("127.0.0.1"),
    };
    let steps = [
        "authn", "protocol", "registry", "authz", "shield", "audit", "upstream", "reply", "close",
    ];
    let closed = Closed {
        entry,
        at_us: 1_700_000_000_000_100 + number as i64,
        decision: "permit".to_owned(),
        policies: vec!["all".to_owned()],
        policy_version: digest('c'),
        outcome: "ok".to_owned(),
        verdict: some("allow"),
        findings: serde_json::json!([]),
        result_digest: digest('d'),
        bytes_in: 200,
        bytes_out: 300,
        timings_us: steps.iter().map(|step| (*step, 12)).collect(),
        ..Closed::default()
    };
    [AuditRecord::Opened(opened), AuditRecord::Closed(closed)]
}

/// CPU time of this process, in all its threads.
fn cpu() -> Duration {
    let mut nanos = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let stat = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
        let spent: u64 = stat.split(' ').next().unwrap().parse().unwrap();
        nanos += spent;
    }
    Duration::from_nanos(nanos)
}

fn report(name: &str, at_once: usize, cpu: Duration, mut waits: Vec<Duration>) {
    waits.sort();
    let median = waits.get(waits.len() / 2).copied().unwrap_or_default();
    println!(
        "{name:28} {at_once:3} at once: {:6.1} us CPU a call, median wait {:7.0} us",
        cpu.as_secs_f64() * 1e6 / CALLS as f64,
        median.as_secs_f64() * 1e6,
    );
}

/// Groups as a gateway makes them: the beginnings of these calls, with the ends of the last ones.
fn groups(at_once: usize, token: bool) -> Vec<Vec<AuditRecord>> {
    let calls: Vec<[AuditRecord; 2]> = (0..CALLS).map(|number| records(number, token)).collect();
    let mut groups: Vec<Vec<AuditRecord>> = Vec::new();
    let mut ends = Vec::new();
    for calls in calls.chunks(at_once) {
        let mut group = std::mem::take(&mut ends);
        for [opened, closed] in calls {
            group.push(opened.clone());
            ends.push(closed.clone());
        }
        groups.push(group);
    }
    groups.push(ends);
    groups
}

async fn straight(folder: &Path, at_once: usize, token: bool) {
    let store = Sqlite::open(&folder.join(format!("straight-{at_once}-{token}.db")))
        .await
        .unwrap();
    let groups = groups(at_once, token);
    let before = cpu();
    let mut waits = Vec::new();
    for group in &groups {
        let begun = Instant::now();
        store.append(group).await.unwrap();
        waits.push(begun.elapsed());
    }
    report("straight into the database", at_once, cpu() - before, waits);
}

async fn journaled(folder: &Path, at_once: usize, token: bool) {
    let database = folder.join(format!("journal-{at_once}-{token}.db"));
    let store = Sqlite::open(&database).await.unwrap();
    let groups = groups(at_once, token);
    let mut journal = Journal::new(&database);
    let before = cpu();
    let mut waits = Vec::new();
    let mut gathered: Vec<AuditRecord> = Vec::new();
    let mut moving = Duration::ZERO;
    for group in groups {
        let begun = Instant::now();
        let number = journal.append(&group).unwrap();
        waits.push(begun.elapsed());
        gathered.extend(group);
        if gathered.len() >= 1_000 {
            let begun = cpu();
            store.append(&gathered).await.unwrap();
            moving += cpu() - begun;
            gathered.clear();
            journal.moved(number);
        }
    }
    let all = cpu() - before;
    report("through the journal", at_once, all, waits);
    report("  of that, into the database", at_once, moving, Vec::new());
    drop(journal);
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = std::env::args_os().nth(1);
    let folder = folder.map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(folder).unwrap();
    for (token, callers) in [(false, "API keys"), (true, "tokens")] {
        println!("callers with {callers}");
        for at_once in [1, 16, 64] {
            straight(folder.path(), at_once, token).await;
            journaled(folder.path(), at_once, token).await;
        }
    }
}
