//! Whether memory grows: a line through the samples after the first quarter.

/// The line, at its two ends.
#[derive(Debug, PartialEq)]
pub(crate) struct Growth {
    /// KiB after the first quarter.
    pub(crate) first: f64,
    /// KiB at the end.
    pub(crate) last: f64,
    /// KiB a second.
    pub(crate) slope: f64,
    /// What was added, as a part of `first`.
    pub(crate) ratio: f64,
}

/// Least squares over samples of seconds and KiB, in order of time. `None` when there are too few.
pub(crate) fn of(samples: &[(f64, u64)]) -> Option<Growth> {
    let settled = samples.get(samples.len() / 4..)?;
    let (begin, end) = (settled.first()?.0, settled.last()?.0);
    if settled.len() < 3 || end <= begin {
        return None;
    }
    let points: Vec<(f64, f64)> = settled
        .iter()
        .map(|(second, kib)| (*second, float(*kib)))
        .collect();
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let covariance: f64 = points
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    let variance: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let slope = covariance / variance;
    let at = |x: f64| mean_y + slope * (x - mean_x);
    Some(Growth {
        first: at(begin),
        last: at(end),
        slope,
        ratio: at(end) / at(begin) - 1.0,
    })
}

fn float(kib: u64) -> f64 {
    u32::try_from(kib).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::of;

    fn samples(kib: impl Fn(u64) -> u64) -> Vec<(f64, u64)> {
        (0..100_u32)
            .map(|second| (f64::from(second), kib(u64::from(second))))
            .collect()
    }

    #[test]
    fn what_grows_only_at_first_does_not_grow() {
        let growth = of(&samples(|second| 1_000 + second.min(20) * 100)).unwrap();
        assert!(growth.ratio.abs() < 0.001, "{growth:?}");
    }

    #[test]
    fn what_grows_all_the_time_grows() {
        let growth = of(&samples(|second| 1_000 + second * 10)).unwrap();
        assert!((growth.slope - 10.0).abs() < 0.001, "{growth:?}");
        assert!((growth.first - 1_250.0).abs() < 0.001, "{growth:?}");
        assert!((growth.last - 1_990.0).abs() < 0.001, "{growth:?}");
        assert!(growth.ratio > 0.10);
    }

    #[test]
    fn noise_is_no_growth() {
        let growth = of(&samples(|second| 10_000 + (second * 7_919) % 300)).unwrap();
        assert!(growth.ratio.abs() < 0.02, "{growth:?}");
    }

    #[test]
    fn too_few_samples_say_nothing() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(0.0, 1), (1.0, 2)]), None);
    }
}
