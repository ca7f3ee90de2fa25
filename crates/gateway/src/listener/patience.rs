//! When a connection is given up: a client that asks nothing, or takes nothing of its answer,
//! costs memory and a file descriptor for as long as it likes otherwise.
//!
//! hyper bounds the time of a request head, but not the wait for the first byte, an unfinished
//! HTTP/2 preface, an HTTP/2 connection without requests, or an answer that nobody reads.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Until the first request.
const FIRST: Duration = Duration::from_secs(15);
/// Between the end of one request and the next.
const IDLE: Duration = Duration::from_secs(120);
/// Between two bytes that the client takes of an answer.
const STALLED: Duration = Duration::from_secs(30);

/// What one connection does, as its stream and its requests note it.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<State>);

#[derive(Debug)]
struct State {
    begun: Instant,
    /// Requests whose answer is not written to its end.
    busy: AtomicUsize,
    /// Whether there was a request.
    asked: AtomicBool,
    /// When a request last began or ended, in milliseconds since `begun`.
    turned: AtomicU64,
    /// Whether bytes wait for the client to take them.
    waiting: AtomicBool,
    /// When they began to wait, or the client last took some.
    taken: AtomicU64,
}

impl Activity {
    pub(super) fn new(now: Instant) -> Self {
        Self(Arc::new(State {
            begun: now,
            busy: AtomicUsize::new(0),
            asked: AtomicBool::new(false),
            turned: AtomicU64::new(0),
            waiting: AtomicBool::new(false),
            taken: AtomicU64::new(0),
        }))
    }

    /// A request began. It ends when the guard is dropped.
    pub(super) fn request(&self) -> Busy {
        self.0.asked.store(true, Ordering::Relaxed);
        self.0.busy.fetch_add(1, Ordering::Relaxed);
        self.mark(&self.0.turned);
        Busy(self.clone())
    }

    /// Completes when the connection is not worth keeping.
    pub(super) async fn given_up(self) {
        loop {
            let left = self.left(Instant::now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    /// The time before it has to be looked at again; none when it is given up.
    fn left(&self, now: Instant) -> Duration {
        let state = &self.0;
        let (allowed, since) = if state.waiting.load(Ordering::Relaxed) {
            (STALLED, &state.taken)
        } else if state.busy.load(Ordering::Relaxed) > 0 {
            return FIRST;
        } else if state.asked.load(Ordering::Relaxed) {
            (IDLE, &state.turned)
        } else {
            (FIRST, &state.turned)
        };
        let since = state.begun + Duration::from_millis(since.load(Ordering::Relaxed));
        allowed.saturating_sub(now.saturating_duration_since(since))
    }

    fn mark(&self, when: &AtomicU64) {
        let elapsed = self.0.begun.elapsed().as_millis();
        when.store(
            u64::try_from(elapsed).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    }

    /// Notes how a write to the client went.
    fn wrote<T>(&self, outcome: &Poll<T>) {
        let state = &self.0;
        match outcome {
            Poll::Ready(_) => {
                if state.waiting.swap(false, Ordering::Relaxed) {
                    self.mark(&state.taken);
                }
            }
            Poll::Pending => {
                if !state.waiting.swap(true, Ordering::Relaxed) {
                    self.mark(&state.taken);
                }
            }
        }
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Busy(Activity);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.mark(&self.0.0.turned);
        self.0.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A response body that keeps its request under way until it is written.
#[derive(Debug)]
pub(super) struct Answering<B> {
    pub(super) body: B,
    pub(super) _busy: Busy,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answering<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that notes whether the client takes what is written.
#[derive(Debug)]
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) activity: Activity,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.activity.wrote(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.activity.wrote(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
