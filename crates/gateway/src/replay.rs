//! Streams that a legacy host can take up again after it lost its connection (2025-11-25,
//! resumability and redelivery).
//!
//! Every event of such a stream has an id. What was sent, and what comes while nobody reads, is kept
//! for a while; a host that names the last event it saw gets what followed. Ids are known within one
//! session alone.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// How many streams of one session are kept.
const STREAMS: usize = 32;
/// How much of one stream is kept, in events and in bytes.
const EVENTS: usize = 256;
const BYTES: usize = 1024 * 1024;
/// How long a stream that ended is kept.
const KEPT: Duration = Duration::from_secs(60);

/// The streams of one session.
#[derive(Debug, Default)]
pub(crate) struct Replays {
    streams: Mutex<VecDeque<Arc<Replay>>>,
    last: AtomicU64,
}

/// One stream: what was written to it.
#[derive(Debug)]
pub(crate) struct Replay {
    number: u64,
    state: Mutex<State>,
    /// How many events there were, and whether the last of them was.
    news: watch::Sender<(u64, bool)>,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<(u64, Arc<str>)>,
    bytes: usize,
    ended: Option<Instant>,
}

impl Replays {
    /// A new stream. The oldest makes room for it.
    pub(crate) fn open(&self) -> Arc<Replay> {
        let replay = Arc::new(Replay {
            number: self.last.fetch_add(1, Ordering::Relaxed) + 1,
            state: Mutex::default(),
            news: watch::Sender::new((0, false)),
        });
        let mut streams = self.lock();
        streams.retain(|replay| !replay.is_stale());
        if streams.len() >= STREAMS {
            streams.pop_front();
        }
        streams.push_back(Arc::clone(&replay));
        replay
    }

    /// What follows the event with this id. `None` when the stream is not known any more, or some of
    /// it is gone.
    pub(crate) fn after(&self, event: &str) -> Option<Resumed> {
        let (stream, seen) = event.split_once('-')?;
        let (stream, seen): (u64, u64) = (stream.parse().ok()?, seen.parse().ok()?);
        let streams = self.lock();
        let replay = streams.iter().find(|replay| replay.number == stream)?;
        let whole = {
            let state = replay.lock();
            let (count, _) = *replay.news.borrow();
            let first = state.events.front().map_or(count + 1, |(at, _)| *at);
            seen <= count && seen + 1 >= first
        };
        whole.then(|| Resumed {
            news: replay.news.subscribe(),
            replay: Arc::clone(replay),
            seen,
        })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Replay>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Replay {
    /// The id of the event before the first.
    pub(crate) fn beginning(&self) -> String {
        self.id(0)
    }

    /// Keeps an event. Gives its id.
    pub(crate) fn push(&self, text: &str) -> String {
        let mut state = self.lock();
        let at = self.news.borrow().0 + 1;
        state.bytes += text.len();
        state.events.push_back((at, text.into()));
        while state.events.len() > EVENTS || (state.bytes > BYTES && state.events.len() > 1) {
            if let Some((_, gone)) = state.events.pop_front() {
                state.bytes -= gone.len();
            }
        }
        drop(state);
        self.news.send_modify(|(count, _)| *count = at);
        self.id(at)
    }

    /// Nothing follows.
    pub(crate) fn end(&self) {
        self.lock().ended = Some(Instant::now());
        self.news.send_modify(|(_, ended)| *ended = true);
    }

    fn id(&self, event: u64) -> String {
        format!("{}-{event}", self.number)
    }

    fn is_stale(&self) -> bool {
        self.lock()
            .ended
            .is_some_and(|ended| ended.elapsed() > KEPT)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that was taken up again.
#[derive(Debug)]
pub(crate) struct Resumed {
    replay: Arc<Replay>,
    news: watch::Receiver<(u64, bool)>,
    seen: u64,
}

impl Resumed {
    /// The next event, with its id; `None` after the last, and when it came faster than it was read.
    /// Safe to cancel.
    pub(crate) async fn next(&mut self) -> Option<(String, Arc<str>)> {
        let seen = self.seen;
        let (count, _) = *self
            .news
            .wait_for(|(count, ended)| *count > seen || *ended)
            .await
            .ok()?;
        if count <= seen {
            return None;
        }
        let state = self.replay.lock();
        let next = state.events.iter().find(|(at, _)| *at == seen + 1);
        let text = next.map(|(_, text)| Arc::clone(text))?;
        drop(state);
        self.seen += 1;
        Some((self.replay.id(self.seen), text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_followed_an_event_comes_again_and_what_comes_later_too() {
        let replays = Replays::default();
        let replay = replays.open();
        let beginning = replay.beginning();
        let first = replay.push("one");
        replay.push("two");
        let mut all = replays.after(&beginning).unwrap();
        assert_eq!(all.next().await.unwrap(), (first.clone(), "one".into()));
        assert_eq!(&*all.next().await.unwrap().1, "two");
        let mut rest = replays.after(&first).unwrap();
        assert_eq!(&*rest.next().await.unwrap().1, "two");
        let waiting = tokio::spawn(async move { (rest.next().await, rest.next().await) });
        replay.push("three");
        replay.end();
        let (third, end) = waiting.await.unwrap();
        assert_eq!(&*third.unwrap().1, "three");
        assert_eq!(end, None);
    }

    #[tokio::test]
    async fn ids_of_other_streams_are_unknown() {
        let replays = Replays::default();
        let replay = replays.open();
        replay.push("one");
        for id in ["", "1", "1-", "-1", "2-0", "1-2", "x-1", "1-x", "1-0-0"] {
            assert!(replays.after(id).is_none(), "{id}");
        }
        assert!(replays.after("1-0").is_some());
        assert!(Replays::default().after("1-0").is_none());
    }

    #[tokio::test]
    async fn only_so_much_is_kept() {
        let replays = Replays::default();
        let replay = replays.open();
        for _ in 0..EVENTS + 10 {
            replay.push("x");
        }
        assert!(replays.after("1-9").is_none());
        assert!(replays.after("1-10").is_some());
        replay.push(&"x".repeat(2 * BYTES));
        assert_eq!(replay.lock().events.len(), 1);
        for _ in 0..STREAMS {
            replays.open();
        }
        assert!(replays.after("1-300").is_none());
        assert_eq!(replays.lock().len(), STREAMS);
    }
}
