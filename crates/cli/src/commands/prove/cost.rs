//! What a control costs: the same call with it and without it, in turn.
//!
//! Each pair of calls is made in the other order than the one before (ABBA), so that what drifts on
//! the machine, and who goes first, weigh on both alike. The noise is the 95 % confidence interval
//! of the two medians, from order statistics: it assumes nothing about how latencies are spread.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;

use super::client::{Client, Post};
use super::stage::Stage;
use crate::exit::Failure;

/// The text that is echoed: about as long as a short answer.
const TEXT: &str = "The quick brown fox jumps over the lazy dog, and the dog does not mind.";
/// Calls that are made before the clock runs.
const WARM_UP: usize = 5;

/// A median with the half width of its 95 % confidence interval, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Median {
    pub(super) micros: f64,
    pub(super) noise: f64,
}

/// The difference of two medians.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Cost {
    /// What the control adds to the median of a call, in microseconds.
    pub(super) added_us: f64,
    /// A smaller difference than this is noise.
    pub(super) noise_us: f64,
    /// How many calls were made on each side.
    pub(super) calls: usize,
}

/// Latencies with a control, and without it.
#[derive(Debug, Default)]
pub(super) struct Samples {
    pub(super) with: Vec<Duration>,
    pub(super) without: Vec<Duration>,
}

/// Calls `echo` on both stages in turn. `legacy` speaks in a session.
pub(super) async fn compare(with: &Stage, without: &Stage, legacy: bool, calls: usize) -> Result<Samples, Failure> {
    let sides = [Side::open(with, legacy).await?, Side::open(without, legacy).await?];
    let [a, b] = &sides;
    for _ in 0..WARM_UP {
        a.call().await?;
        b.call().await?;
    }
    let mut samples = Samples::default();
    for turn in 0..calls {
        if turn % 2 == 0 {
            samples.with.push(a.call().await?);
            samples.without.push(b.call().await?);
        } else {
            samples.without.push(b.call().await?);
            samples.with.push(a.call().await?);
        }
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
        let session = if legacy { stage.ask(&stage.first, Post::initialize(&stage.fresh())).await?.session } else { None };
        Ok(Self { stage, client: &stage.first, session })
    }

    async fn call(&self) -> Result<Duration, Failure> {
        let id = self.stage.fresh();
        let params = json!({"name": "echo", "arguments": {"text": TEXT}});
        let post = match &self.session {
            Some(session) => Post::legacy(&id, session, "tools/call", &params),
            None => Post::modern(&id, "tools/call", params),
        };
        let started = Instant::now();
        let reply = self.stage.ask(self.client, post).await?;
        let took = started.elapsed();
        // A refusal is faster than a call; it must not pass for one.
        match reply.text() {
            Some(TEXT) => Ok(took),
            _ => Err(Failure::new(format!("a call that is timed was not answered: {}", reply.summary()))),
        }
    }
}

impl Samples {
    /// What the control costs; `None` without samples.
    pub(super) fn cost(&self) -> Option<Cost> {
        let (with, without) = (median(&self.with)?, median(&self.without)?);
        Some(Cost { added_us: with.micros - without.micros, noise_us: with.noise.hypot(without.noise), calls: self.with.len() })
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

/// The median of the samples; `None` when there are none.
pub(super) fn median(samples: &[Duration]) -> Option<Median> {
    let mut micros: Vec<f64> = samples.iter().map(|sample| sample.as_secs_f64() * 1e6).collect();
    micros.sort_by(f64::total_cmp);
    let middle = micros.len() / 2;
    let upper = *micros.get(middle)?;
    let value = if micros.len() % 2 == 1 { upper } else { (upper + *micros.get(middle.checked_sub(1)?)?) / 2.0 };
    // The ranks n/2 ± 0.98 √n hold the median of the distribution with 95 % (binomial, z = 1.96).
    let spread = integer((micros.len() as f64).sqrt() * 0.98);
    let low = micros.get(middle.saturating_sub(spread)).or(micros.first())?;
    let high = micros.get(middle.saturating_add(spread)).or(micros.last())?;
    Some(Median { micros: value, noise: (high - low) / 2.0 })
}

/// A small positive number rounded up.
fn integer(value: f64) -> usize {
    // Ranks are far below 2^53: the conversion is exact.
    value.ceil() as usize
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Cost, Samples, median};

    fn micros(values: impl IntoIterator<Item = u64>) -> Vec<Duration> {
        values.into_iter().map(Duration::from_micros).collect()
    }

    #[track_caller]
    fn check(values: impl IntoIterator<Item = u64>, expected: f64, noise: f64) {
        let found = median(&micros(values)).unwrap();
        assert!((found.micros - expected).abs() < 1e-6 && (found.noise - noise).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn medians_and_their_intervals() {
        check([7], 7.0, 0.0);
        check([9, 1], 5.0, 4.0);
        check([5, 1, 3], 3.0, 2.0);
        // 100 values: ranks 40 and 60.
        check(1..=100, 50.5, 10.0);
        // One outlier moves neither.
        check((1..=99).chain([1_000_000]), 50.5, 10.0);
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_difference_inside_the_noise_is_not_shown_as_one() {
        let text = |added_us, noise_us| Cost { added_us, noise_us, calls: 1 }.to_text();
        assert_eq!(text(12.4, 5.0), "+12 µs ± 5");
        assert_eq!(text(-12.4, 5.0), "-12 µs ± 5");
        assert_eq!(text(4.9, 5.0), "below noise (± 5 µs)");
    }

    #[test]
    fn the_cost_is_what_the_control_adds() {
        let samples = Samples { with: micros(111..=130), without: micros(11..=30) };
        let cost = samples.cost().unwrap();
        assert!((cost.added_us - 100.0).abs() < 1e-6 && cost.noise_us < 10.0, "{cost:?}");
        assert_eq!(Samples::default().cost(), None);
    }
}
