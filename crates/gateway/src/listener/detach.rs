//! Calls that outlive their connection.
//!
//! In the legacy era a lost connection says nothing about what the host wants (2025-11-25, sending
//! messages: a disconnect should not be taken for a cancellation): the call goes on to its end, and
//! its record says how it ended. In the modern era the end of the stream is the end of the call.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::sync::Semaphore;

use crate::clients::Client;
use crate::pipeline::Answer;
use crate::replay::Replay;
use crate::reply::{Outgoing, ReplyStream};

/// The making of an answer, which goes on when nobody waits for it any more.
pub(super) struct Detachable {
    making: Option<Pin<Box<dyn Future<Output = Answer> + Send>>>,
    places: Arc<Semaphore>,
}

impl Detachable {
    /// `places` bounds how many calls go on without their connection; past it they are cancelled.
    pub(super) fn new(
        making: impl Future<Output = Answer> + Send + 'static,
        places: &Arc<Semaphore>,
    ) -> Self {
        Self {
            making: Some(Box::pin(making)),
            places: Arc::clone(places),
        }
    }
}

impl Future for Detachable {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let Some(making) = &mut self.making else {
            return Poll::Pending;
        };
        let answer = std::task::ready!(making.as_mut().poll(context));
        self.making = None;
        Poll::Ready(answer)
    }
}

impl Drop for Detachable {
    fn drop(&mut self) {
        if let Some(making) = self.making.take() {
            go_on(&self.places, async move {
                if let Answer::Stream(reply) = making.await
                    && reply.outlives_connection()
                {
                    read_to_end(*reply, Record::default()).await;
                }
            });
        }
    }
}

/// A reply that is being written, and read to its end when the writing stops.
pub(super) struct Attached {
    reply: Option<ReplyStream>,
    record: Record,
    places: Arc<Semaphore>,
}

/// Where the events of a stream are kept, from when it is one.
#[derive(Clone, Default)]
pub(super) struct Record(Arc<OnceLock<Arc<Replay>>>);

impl Record {
    /// Keeps what comes from here on for a host that can take the stream up again. Gives the id of
    /// the beginning.
    pub(super) fn begin(&self, host: &Client) -> String {
        self.0.get_or_init(|| host.replays().open()).beginning()
    }

    /// Keeps an event, where events are kept. Gives its id.
    pub(super) fn push(&self, text: &str) -> Option<String> {
        self.0.get().map(|replay| replay.push(text))
    }

    fn end(&self) {
        if let Some(replay) = self.0.get() {
            replay.end();
        }
    }
}

impl Attached {
    pub(super) fn new(reply: ReplyStream) -> Self {
        Self {
            places: Arc::clone(reply.places()),
            record: Record::default(),
            reply: Some(reply),
        }
    }

    pub(super) fn record(&self) -> Record {
        self.record.clone()
    }

    pub(super) async fn next(&mut self) -> Option<Outgoing> {
        let outgoing = self.reply.as_mut()?.next().await;
        if outgoing.is_none() {
            self.reply = None;
        }
        outgoing
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        match self.reply.take().filter(ReplyStream::outlives_connection) {
            Some(reply) => go_on(&self.places, read_to_end(reply, self.record.clone())),
            None => self.record.end(),
        }
    }
}

async fn read_to_end(mut reply: ReplyStream, record: Record) {
    while let Some(outgoing) = reply.next().await {
        record.push(&outgoing.into_text());
    }
    record.end();
}

fn go_on(places: &Arc<Semaphore>, rest: impl Future<Output = ()> + Send + 'static) {
    // Nothing can go on where the runtime has ended.
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return;
    };
    if let Ok(place) = Arc::clone(places).try_acquire_owned() {
        runtime.spawn(async move {
            let _place = place;
            rest.await;
        });
    }
}
