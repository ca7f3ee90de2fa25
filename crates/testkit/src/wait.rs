//! Waiting for a condition, level-triggered and bounded.

use std::time::{Duration, Instant};

/// How long a test waits for what must happen, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again and again until `probe` gives a value.
///
/// # Panics
/// When it gives none in time; `what` says what was waited for.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut probe: impl FnMut() -> F,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
