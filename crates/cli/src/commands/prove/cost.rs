//! What a control costs: the same call with it and without it, in turn.
//!
//! Each pair of calls is made in the other order than the one before (ABBA), and what counts is the
//! difference within a pair, so that what drifts on the machine, and who goes first, weigh on both
//! alike. The noise is the 99 % confidence interval of the median, from order statistics: it assumes
//! nothing about how latencies are spread. (At 95 %, one of ten controls would often seem to cost
//! something by chance.)

use std::time::Instant;

use serde::Serialize;
use serde_json::json;

use super::client::{Client, Post};
use super::stage::Stage;
use crate::exit::Failure;

/// The text that is echoed: about as long as a short answer.
const TEXT: &str = "The quick brown fox jumps over the lazy dog, and the dog does not mind.";
/// Calls that are made before the clock runs.
const WARM_UP: usize = 5;

/// A median with the half width of its 99 % confidence interval, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Median {
    pub(super) micros: f64,
    pub(super) noise: f64,
}

/// The median of what a control adds to a call.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Cost {
    /// What the control adds, in microseconds.
    pub(super) added_us: f64,
    /// A smaller difference than this is noise.
    pub(super) noise_us: f64,
    /// How many pairs of calls were made.
    pub(super) calls: usize,
}

/// Latencies of pairs of calls, in microseconds: with a control, and without it.
#[derive(Debug, Default)]
pub(super) struct Samples {
    pairs: Vec<(f64, f64)>,
}

/// Calls `echo` on both stages in turn. `legacy` speaks in a session.
pub(super) async fn compare(
    with: &Stage,
    without: &Stage,
    legacy: bool,
    calls: usize,
) -> Result<Samples, Failure> {
    let sides = [
        Side::open(with, legacy).await?,
        Side::open(without, legacy).await?,
    ];
    let [a, b] = &sides;
    for _ in 0..WARM_UP {
        a.call().await?;
        b.call().await?;
    }
    let mut samples = Samples::default();
    for turn in 0..calls {
        let pair = if turn % 2 == 0 {
            let with = a.call().await?;
            (with, b.call().await?)
        } else {
            let without = b.call().await?;
            (a.call().await?, without)
        };
        samples.pairs.push(pair);
    }
    Ok(samples)
}

struct Side<'a> {
    stage: &'a Stage,
    client: &'a Client,
    session: Option<String>,
}

impl<'a> Side<'a> {
    async fn open(stage: &'a Stage, legacy: bool) -> Result<Self, Failure> {
        let session = if legacy {
            stage
                .ask(&stage.first, Post::initialize(&stage.fresh()))
                .await?
                .session
        } else {
            None
        };
        Ok(Self {
            stage,
            client: &stage.first,
            session,
        })
    }

    async fn call(&self) -> Result<f64, Failure> {
        let id = self.stage.fresh();
        let params = json!({"name": "echo", "arguments": {"text": TEXT}});
        let post = match &self.session {
            Some(session) => Post::legacy(&id, session, "tools/call", &params),
            None => Post::modern(&id, "tools/call", params),
        };
        let started = Instant::now();
        let reply = self.stage.ask(self.client, post).await?;
        let took = started.elapsed().as_secs_f64() * 1e6;
        // A refusal is faster than a call; it must not pass for one.
        match reply.text() {
            Some(TEXT) => Ok(took),
            _ => Err(Failure::new(format!(
                "a call that is timed was not answered: {}",
                reply.summary()
            ))),
        }
    }
}

impl Samples {
    /// What the control costs; `None` without samples.
    pub(super) fn cost(&self) -> Option<Cost> {
        let added = median(
            self.pairs
                .iter()
                .map(|(with, without)| with - without)
                .collect(),
        )?;
        Some(Cost {
            added_us: added.micros,
            noise_us: added.noise,
            calls: self.pairs.len(),
        })
    }

    /// The latencies with the control.
    pub(super) fn with(&self) -> impl Iterator<Item = f64> {
        self.pairs.iter().map(|(with, _)| *with)
    }
}

impl Cost {
    /// `+12 µs ± 5`, or that nothing can be told from noise.
    pub(super) fn to_text(self) -> String {
        if self.added_us.abs() <= self.noise_us {
            return format!("below noise (± {:.0} µs)", self.noise_us);
        }
        format!("{:+.0} µs ± {:.0}", self.added_us, self.noise_us)
    }
}

/// The median of microseconds; `None` when there are none.
pub(super) fn median(mut micros: Vec<f64>) -> Option<Median> {
    micros.sort_by(f64::total_cmp);
    let middle = micros.len() / 2;
    let upper = *micros.get(middle)?;
    let value = if micros.len() % 2 == 1 {
        upper
    } else {
        (upper + *micros.get(middle.checked_sub(1)?)?) / 2.0
    };
    // The ranks n/2 ± 1.29 √n hold the median of the distribution with 99 % (binomial, z = 2.58).
    let spread = integer((micros.len() as f64).sqrt() * 1.29);
    let low = micros
        .get(middle.saturating_sub(spread))
        .or(micros.first())?;
    let high = micros
        .get(middle.saturating_add(spread))
        .or(micros.last())?;
    Some(Median {
        micros: value,
        noise: (high - low) / 2.0,
    })
}

/// A small positive number rounded up.
fn integer(value: f64) -> usize {
    // Ranks are far below 2^53: the conversion is exact.
    value.ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::{Cost, Samples, median};

    fn count(from: u32, to: u32) -> Vec<f64> {
        (from..=to).map(f64::from).collect()
    }

    #[track_caller]
    fn check(values: Vec<f64>, expected: f64, noise: f64) {
        let found = median(values).unwrap();
        assert!(
            (found.micros - expected).abs() < 1e-6 && (found.noise - noise).abs() < 1e-6,
            "{found:?}"
        );
    }

    #[test]
    fn medians_and_their_intervals() {
        check(vec![7.0], 7.0, 0.0);
        check(vec![9.0, -1.0], 4.0, 5.0);
        check(vec![5.0, 1.0, 3.0], 3.0, 2.0);
        // 100 values: ranks 37 and 63.
        check(count(1, 100), 50.5, 13.0);
        // One outlier moves neither.
        let mut values = count(1, 99);
        values.push(1e9);
        check(values, 50.5, 13.0);
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn a_difference_inside_the_noise_is_not_shown_as_one() {
        let text = |added_us, noise_us| {
            Cost {
                added_us,
                noise_us,
                calls: 1,
            }
            .to_text()
        };
        assert_eq!(text(12.4, 5.0), "+12 µs ± 5");
        assert_eq!(text(-12.4, 5.0), "-12 µs ± 5");
        assert_eq!(text(4.9, 5.0), "below noise (± 5 µs)");
    }

    #[test]
    fn drift_that_both_sides_share_costs_nothing() {
        let drift = |added: f64| Samples {
            pairs: count(1, 100)
                .into_iter()
                .map(|at| (at * 1000.0 + added, at * 1000.0))
                .collect(),
        };
        let cost = drift(100.0).cost().unwrap();
        assert!(
            (cost.added_us - 100.0).abs() < 1e-6 && cost.noise_us < 1e-6,
            "{cost:?}"
        );
        assert!(drift(0.0).cost().unwrap().added_us.abs() < 1e-6);
        assert_eq!(Samples::default().cost(), None);
    }
}
