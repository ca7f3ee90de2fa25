//! Answers that are asked for once, kept for a while, and never more than so many of them.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use crate::Clock;

/// Keeps at most so many answers, each for as long as whoever fetched it says. All who ask for the
/// same key at the same time cause one fetch and share its result, also when it is a failure and
/// when it may not be kept at all. Calls under way come on top of the capacity.
pub(crate) struct Cache<K, V> {
    slots: Mutex<HashMap<K, Arc<Slot<V>>>>,
    capacity: usize,
    clock: Arc<dyn Clock>,
}

struct Slot<V> {
    kept: ArcSwapOption<Kept<V>>,
    flight: tokio::sync::Mutex<()>,
    /// How many fetches have ended. One that waited for the lock sees by it that the answer of the
    /// fetch it waited for is there.
    landed: AtomicU64,
}

struct Kept<V> {
    value: V,
    /// By [`Clock::elapsed`].
    until: Duration,
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Cache<K, V> {
    pub(crate) fn new(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        Cache {
            slots: Mutex::new(HashMap::new()),
            capacity: capacity.max(1),
            clock,
        }
    }

    /// What is kept for `key`, or what `fetch` brings: a value, and for how long to keep it.
    ///
    /// When the caller that fetches goes away, the next one that waits fetches in its place.
    pub(crate) async fn get<F, Fut>(&self, key: K, fetch: F) -> V
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = (V, Duration)>,
    {
        let slot = self.slot(key);
        let before = slot.landed.load(Ordering::Acquire);
        if let Some(value) = slot.fresh(self.clock.elapsed()) {
            return value;
        }
        let _flight = slot.flight.lock().await;
        if slot.landed.load(Ordering::Acquire) != before
            && let Some(kept) = slot.kept.load().as_deref()
        {
            return kept.value.clone();
        }
        let (value, keep) = fetch().await;
        slot.kept.store(Some(Arc::new(Kept {
            value: value.clone(),
            until: self.clock.elapsed().saturating_add(keep),
        })));
        slot.landed.fetch_add(1, Ordering::AcqRel);
        value
    }

    /// Forgets one answer.
    pub(crate) fn remove(&self, key: &K) {
        self.lock().remove(key);
    }

    /// Forgets everything. A fetch under way ends for those who wait for it, and is not kept.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// How many answers are kept or under way.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn slot(&self, key: K) -> Arc<Slot<V>> {
        let mut slots = self.lock();
        if let Some(slot) = slots.get(&key) {
            return Arc::clone(slot);
        }
        if slots.len() >= self.capacity {
            make_room(&mut slots, self.capacity, self.clock.elapsed());
        }
        let slot = Arc::new(Slot {
            kept: ArcSwapOption::empty(),
            flight: tokio::sync::Mutex::new(()),
            landed: AtomicU64::new(0),
        });
        slots.insert(key, Arc::clone(&slot));
        slot
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Slot<V>>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Clone> Slot<V> {
    fn fresh(&self, now: Duration) -> Option<V> {
        let kept = self.kept.load();
        kept.as_deref()
            .filter(|kept| now < kept.until)
            .map(|kept| kept.value.clone())
    }

    /// Until when it is worth keeping; `None` while somebody fetches or waits.
    fn idle_until(self: &Arc<Self>) -> Option<Duration> {
        if Arc::strong_count(self) > 1 {
            return None;
        }
        Some(
            self.kept
                .load()
                .as_deref()
                .map_or(Duration::ZERO, |kept| kept.until),
        )
    }
}

/// Drops what is over, and then what ends first, until an eighth is free: one pass then serves for
/// many insertions, whoever causes them.
fn make_room<K: Clone + Eq + Hash, V: Clone>(
    slots: &mut HashMap<K, Arc<Slot<V>>>,
    capacity: usize,
    now: Duration,
) {
    slots.retain(|_, slot| slot.idle_until().is_none_or(|until| now < until));
    let target = capacity.saturating_sub(capacity / 8).saturating_sub(1);
    let excess = slots.len().saturating_sub(target);
    if excess == 0 {
        return;
    }
    let mut idle: Vec<(Duration, K)> = slots
        .iter()
        .filter_map(|(key, slot)| Some((slot.idle_until()?, key.clone())))
        .collect();
    idle.sort_unstable_by_key(|(until, _)| *until);
    for (_, key) in idle.into_iter().take(excess) {
        slots.remove(&key);
    }
}

#[cfg(test)]
mod tests;
