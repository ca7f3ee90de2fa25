//! `cargo xtask soak`: the gateway under mixed load for a while, as its servers are killed and started again.
//!
//! It passes if every message got exactly one answer, the trail has one closed entry for each, memory does not grow
//! after the first quarter, and nothing is left open at the end.

mod client;
mod figures;
mod growth;
mod http;
mod place;
mod trail;
mod upheaval;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::{Value, json};

use crate::step::Step;
use crate::{Outcome, bench, say};
use client::{Client, Tally};
use figures::Figures;
use place::Place;

/// Growth after the first quarter that is taken for noise.
const GROWTH: f64 = 0.10;
/// How long what is idle may take to be closed: the pool of connections to servers keeps them for a minute.
const SETTLING: Duration = Duration::from_secs(120);

/// How long, how wide, and on which build.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long the load lasts
    #[arg(long, default_value_t = 20)]
    minutes: u64,
    /// Connections that call at the same time, half of them in each era
    #[arg(long, default_value_t = 64)]
    connections: u64,
    /// The build profile to run
    #[arg(long, default_value = "release")]
    profile: String,
    /// The seed of everything that is random, to run it again
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs the soak and prints a line every ten seconds and a JSON document at the end.
///
/// # Errors
/// When it cannot be set up, or when something was lost, grew or was left behind.
pub(crate) fn run(root: &Path, options: &Options) -> Outcome {
    Step::new("cargo build --package portcullis --bins --profile")
        .arg(&*options.profile)
        .run(root)?;
    let program = bench::folder(root, &options.profile).join("portcullis");
    let seed = options.seed.unwrap_or_else(seed);
    say(&format!("   seed {seed}"));
    let mut place = Place::start(&program)?;
    let outcome = load(&mut place, options, seed);
    let ended = place.stop();
    let report = outcome?;
    ended?;
    say(&format!("{report:#}"));
    match report.get("problems").and_then(Value::as_array) {
        Some(problems) if problems.is_empty() => Ok(()),
        _ => Err("the soak failed; its problems are above".to_owned()),
    }
}

fn seed() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |time| time.as_secs())
}

fn load(place: &mut Place, options: &Options, seed: u64) -> Result<Value, String> {
    let tally = Arc::new(Tally::default());
    let stop = Arc::new(AtomicBool::new(false));
    let address = place.address().to_owned();
    // Every server runs before the figures of the start are taken.
    Client::new(&address, 0, seed, &tally).touch_everything()?;
    let start = Figures::of(place.gateway())?;

    let clients: Vec<_> = (1..=options.connections)
        .map(|number| {
            let mut client = Client::new(&address, number, seed, &tally);
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    client.turn();
                }
            })
        })
        .collect();
    let samples = watch(place, options, seed, &tally);
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client
            .join()
            .map_err(|_| "a client of the soak panicked".to_owned())?;
    }
    let (samples, kills) = samples?;

    let mut problems = tally.problems();
    // What was killed last is started again, so that the same is there as at the start.
    place.revive()?;
    revived(&address, seed, &tally, &mut problems);
    let settled = settle(place, &start)?;
    if !settled.fit(&start) {
        problems.push(format!("left behind: {start} became {settled}"));
    }
    let growth = growth::of(&samples).ok_or("too few samples of the memory")?;
    if growth.ratio > GROWTH {
        problems.push(format!(
            "the memory grew by {:.1} % after the first quarter",
            growth.ratio * 100.0
        ));
    }
    problems.extend(trail::settled(place, &tally)?);
    Ok(json!({
        "minutes": options.minutes,
        "connections": options.connections,
        "profile": options.profile,
        "seed": seed,
        "messages": tally.sent(),
        "answers": tally.answers(),
        "servers-killed": kills,
        "resident-kib": {
            "after-first-quarter": growth.first.round(),
            "end": growth.last.round(),
            "slope-per-minute": (growth.slope * 60.0).round(),
            "peak": samples.iter().map(|(_, kib)| *kib).max(),
        },
        "start": start.to_json(),
        "end": settled.to_json(),
        "problems": problems,
    }))
}

/// Kills servers and looks at the gateway until the time is over. Seconds and KiB, and how many were killed.
fn watch(
    place: &mut Place,
    options: &Options,
    seed: u64,
    tally: &Tally,
) -> Result<(Vec<(f64, u64)>, u64), String> {
    let begun = Instant::now();
    let time = Duration::from_secs(options.minutes * 60);
    let mut upheaval = upheaval::Upheaval::new(seed);
    let mut samples = Vec::new();
    let mut next_line = Duration::from_secs(10);
    while begun.elapsed() < time {
        thread::sleep(Duration::from_millis(500));
        upheaval.perhaps(place, begun.elapsed())?;
        let now = Figures::of(place.gateway())?;
        samples.push((begun.elapsed().as_secs_f64(), now.resident));
        if begun.elapsed() >= next_line {
            next_line += Duration::from_secs(10);
            say(&format!(
                "{:>5} s  {:>8} messages  {} lost  {:>4} killed  {now}",
                begun.elapsed().as_secs(),
                tally.sent(),
                tally.lost(),
                upheaval.kills()
            ));
        }
    }
    Ok((samples, upheaval.kills()))
}

/// Waits until every server answers again; one that was killed often is left alone for a while.
fn revived(address: &str, seed: u64, tally: &Arc<Tally>, problems: &mut Vec<String>) {
    let begun = Instant::now();
    while let Err(problem) = Client::new(address, 0, seed, tally).touch_everything() {
        if begun.elapsed() > SETTLING {
            problems.push(problem);
            return;
        }
        thread::sleep(Duration::from_secs(1));
    }
}

/// The figures once they are no more than at the start, or when patience is over.
fn settle(place: &Place, start: &Figures) -> Result<Figures, String> {
    let begun = Instant::now();
    loop {
        let now = Figures::of(place.gateway())?;
        if now.fit(start) || begun.elapsed() > SETTLING {
            return Ok(now);
        }
        thread::sleep(Duration::from_secs(1));
    }
}
