//! How many streams are open, and how many may be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::refusal::{Reason, Refusal};

/// How many streams this process keeps open, whoever listens.
const MOST: usize = 10_000;

/// The open streams, by principal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streams(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    of: HashMap<Arc<str>, usize>,
    all: usize,
}

/// The place of one open stream. Dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Slot {
    streams: Streams,
    principal: Arc<str>,
}

impl Streams {
    /// A place for a stream of `principal`, which may have `most`.
    ///
    /// # Errors
    /// [`Reason::TooManyStreams`]
    pub(crate) fn take(&self, principal: &str, most: usize) -> Result<Slot, Refusal> {
        let mut open = self.lock();
        let held = open.of.get(principal).copied().unwrap_or_default();
        if held >= most || open.all >= MOST {
            return Err(Refusal::new(Reason::TooManyStreams));
        }
        let principal: Arc<str> = principal.into();
        *open.of.entry(Arc::clone(&principal)).or_default() += 1;
        open.all += 1;
        Ok(Slot {
            streams: self.clone(),
            principal,
        })
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        open.all -= 1;
        if let Some(held) = open.of.get_mut(&self.principal) {
            *held -= 1;
            if *held == 0 {
                open.of.remove(&self.principal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_has_a_bound_of_its_own() {
        let streams = Streams::default();
        let held: Vec<Slot> = (0..3).map(|_| streams.take("ana", 3).unwrap()).collect();
        let refused = streams.take("ana", 3).unwrap_err();
        assert_eq!(refused.reason(), Reason::TooManyStreams);
        let other = streams.take("ben", 3).unwrap();
        assert_eq!(streams.count(), 4);
        drop(held);
        assert_eq!(streams.count(), 1);
        drop((other, streams.take("ana", 1).unwrap()));
        assert_eq!(streams.count(), 0);
        assert!(streams.lock().of.is_empty());
    }

    #[test]
    fn all_of_them_together_have_a_bound() {
        let streams = Streams::default();
        let held: Vec<Slot> = (0..MOST)
            .map(|number| streams.take(&number.to_string(), 1).unwrap())
            .collect();
        assert!(streams.take("one more", 1).is_err());
        drop(held);
        assert!(streams.take("one more", 1).is_ok());
    }
}
