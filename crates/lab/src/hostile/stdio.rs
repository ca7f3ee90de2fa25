//! The hostile server on standard input and output.

use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use super::Offer;
use super::script::{Act, acts};
use super::wire::{drip, write_large};

/// Answers every line until the input ends. A request that waits holds nobody else up.
pub(crate) fn serve(offer: &Offer) -> io::Result<()> {
    let flooding = Arc::new(AtomicBool::new(false));
    for line in io::stdin().lock().lines() {
        let Ok(message) = serde_json::from_str::<Value>(&line?) else {
            continue;
        };
        let acts = acts(&message, *offer);
        let flooding = Arc::clone(&flooding);
        if acts.iter().any(|act| matches!(act, Act::Wait(_))) {
            thread::spawn(move || perform(acts, &flooding));
        } else {
            perform(acts, &flooding)?;
        }
    }
    Ok(())
}

fn perform(acts: Vec<Act>, flooding: &Arc<AtomicBool>) -> io::Result<()> {
    for act in acts {
        let mut out = io::stdout().lock();
        match act {
            Act::Send(message) => {
                out.write_all(&message)?;
                out.write_all(b"\n")?;
                out.flush()?;
            }
            Act::Drip(message) => drip(&mut out, &[message.as_slice(), b"\r\n"].concat())?,
            Act::Large {
                before,
                filler,
                after,
            } => {
                write_large(&mut out, &before, filler, &after)?;
                out.write_all(b"\n")?;
                out.flush()?;
            }
            Act::ForEver(message) => {
                flooding.store(true, Ordering::SeqCst);
                let flooding = Arc::clone(flooding);
                thread::spawn(move || flood(&message, &flooding));
            }
            Act::Calm => flooding.store(false, Ordering::SeqCst),
            Act::Complain(lines) => {
                let mut stderr = io::stderr().lock();
                for line in 0..lines {
                    writeln!(stderr, "complaint \u{1b}[31m{line}\u{1b}[0m")?;
                }
            }
            Act::Wait(time) => {
                drop(out);
                thread::sleep(time);
            }
            Act::Break(message) => {
                out.write_all(&message)?;
                out.flush()?;
                std::process::exit(1);
            }
            Act::Die => std::process::exit(1),
            Act::Stall | Act::Misuse(_) => return Ok(()),
        }
    }
    Ok(())
}

fn flood(message: &[u8], flooding: &AtomicBool) {
    let line = [message, b"\n"].concat().repeat(50);
    while flooding.load(Ordering::SeqCst) {
        let mut out = io::stdout().lock();
        if out.write_all(&line).and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}
