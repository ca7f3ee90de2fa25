//! The questions of one call that its host has open.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use portcullis_mcp::message::Message;
use portcullis_mcp::method::Method;
use tokio::sync::oneshot;

use crate::audit::Entry;
use crate::clients::Pending;
use crate::suspended;

/// What the host has open of one call.
#[derive(Default)]
pub(super) struct Questions {
    open: FuturesUnordered<Pin<Box<dyn Future<Output = Answered> + Send>>>,
    /// Servers' ids of what is open, each with the way to take the question back.
    withdrawable: Vec<(String, String, oneshot::Sender<()>)>,
    /// How many were asked in all.
    pub(super) asked: usize,
    /// The result that asks, when the server asks in results.
    pub(super) round: Option<Round>,
}

/// A result that asks (2026-07-28, multi round trip).
pub(super) struct Round {
    /// The server's state, to be given back as it came.
    pub(super) state: Option<String>,
    /// The answers that are there, by key.
    pub(super) answers: Vec<(String, String)>,
}

/// Who gets an answer.
pub(super) enum To {
    /// A legacy server, in the middle of its call.
    Server(suspended::Question),
    /// A modern server, when the call is made again.
    Round {
        /// What the server calls the question.
        key: String,
    },
}

/// One question that is out, and its record.
pub(super) struct Question {
    pub(super) method: Method,
    pub(super) to: To,
    pub(super) entry: Entry,
}

/// A question that came back.
pub(super) struct Answered {
    pub(super) question: Question,
    pub(super) outcome: Outcome,
}

/// How a question came back.
pub(super) enum Outcome {
    /// The host's response or error.
    Answer(Message),
    /// Nobody answered in time, or the host's session ended.
    Nobody,
    /// The server took it back.
    Withdrawn,
}

impl Questions {
    /// Whether nothing is open.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether the server asked in its result.
    pub(super) fn in_result(&self) -> bool {
        self.round.is_some()
    }

    /// Waits for the answer to a question that was put to the host.
    pub(super) fn wait(&mut self, question: Question, mut pending: Pending, patience: Duration) {
        let (withdraw, withdrawn) = oneshot::channel();
        if let To::Server(asked) = &question.to {
            let own = pending.id().to_owned();
            self.withdrawable
                .push((asked.id().to_owned(), own, withdraw));
        }
        self.open.push(Box::pin(async move {
            // A channel that was closed takes nothing back.
            let withdrawn = async move {
                if withdrawn.await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let outcome = tokio::select! {
                answer = pending.answer() => answer.map_or(Outcome::Nobody, Outcome::Answer),
                () = tokio::time::sleep(patience) => Outcome::Nobody,
                () = withdrawn => Outcome::Withdrawn,
            };
            Answered { question, outcome }
        }));
    }

    /// The next question that comes back. Waits for ever when none is open.
    pub(super) async fn next(&mut self) -> Answered {
        match self.open.next().await {
            Some(answered) => {
                if let To::Server(asked) = &answered.question.to {
                    self.withdrawable.retain(|(id, ..)| id != asked.id());
                }
                answered
            }
            None => std::future::pending().await,
        }
    }

    /// Takes back what the server asked under `id`. Gives the id that the host knows it by.
    pub(super) fn withdraw(&mut self, id: &str) -> Option<String> {
        let at = self
            .withdrawable
            .iter()
            .position(|(known, ..)| known == id)?;
        let (_, own, withdraw) = self.withdrawable.swap_remove(at);
        withdraw.send(()).ok()?;
        Some(own)
    }
}
