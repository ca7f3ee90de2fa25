//! Servers that are killed at random, every few seconds.

use std::process::Command;
use std::time::Duration;

use super::client::Dice;
use super::figures::children;
use super::place::{Place, WEBS};

/// When the next server is killed, and how many were.
pub(crate) struct Upheaval {
    dice: Dice,
    next: Duration,
    kills: u64,
}

impl Upheaval {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed, 1_000_000),
            next: Duration::from_secs(5),
            kills: 0,
        }
    }

    pub(crate) fn kills(&self) -> u64 {
        self.kills
    }

    /// Kills a server, or starts one again, if it is time.
    pub(crate) fn perhaps(&mut self, place: &mut Place, now: Duration) -> Result<(), String> {
        if now < self.next {
            return Ok(());
        }
        self.next = now + Duration::from_millis(2_000 + self.dice.below(4_000));
        if self.dice.below(2) == 0 {
            let count = u64::try_from(WEBS.len()).unwrap_or(1);
            let number = usize::try_from(self.dice.below(count)).unwrap_or(0);
            self.kills += u64::from(place.toggle(number)?);
            return Ok(());
        }
        // The gateway's children are its servers on pipes.
        let servers = children(place.gateway());
        let count = u64::try_from(servers.len()).unwrap_or(0).max(1);
        let chosen = usize::try_from(self.dice.below(count)).unwrap_or(0);
        if let Some(server) = servers.get(chosen) {
            // It may have ended since.
            let _gone = signal("KILL", *server);
            self.kills += 1;
        }
        Ok(())
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(name: &str, process: u32) -> Result<(), String> {
    let status = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(process.to_string())
        .status()
        .map_err(|error| format!("`kill` cannot be run: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("process {process} got no signal"))
    }
}
