//! At most so many log lines a second, with a count of what was left out.

use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(1);
const PER_WINDOW: u32 = 20;

/// A fixed window of one second. The time is passed in.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    opened: Option<Instant>,
    admitted: u32,
    suppressed: u64,
}

/// What to do with one line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Lines left out in an earlier window, to be reported before this one.
    pub(crate) report: Option<u64>,
    /// Whether this line goes through.
    pub(crate) admit: bool,
}

impl Throttle {
    /// Judges one line that came at `now`.
    pub(crate) fn line(&mut self, now: Instant) -> Verdict {
        let report = self.roll(now);
        self.opened.get_or_insert(now);
        let admit = self.admitted < PER_WINDOW;
        if admit {
            self.admitted += 1;
        } else {
            self.suppressed = self.suppressed.saturating_add(1);
        }
        Verdict { report, admit }
    }

    /// When lines were left out: the moment at which that should be reported.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.suppressed > 0).then(|| self.opened.map(|opened| opened + WINDOW))?
    }

    /// Closes the window when it is over and gives the number of lines left out in it.
    pub(crate) fn roll(&mut self, now: Instant) -> Option<u64> {
        let opened = self.opened?;
        (now.saturating_duration_since(opened) >= WINDOW).then(|| self.close())?
    }

    /// Closes the window now, whatever its age.
    pub(crate) fn close(&mut self) -> Option<u64> {
        let suppressed = std::mem::take(self).suppressed;
        (suppressed > 0).then_some(suppressed)
    }
}

#[cfg(test)]
mod tests;
