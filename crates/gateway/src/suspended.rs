//! Calls that wait in this process for what their server asked.
//!
//! A modern host answers a question by asking again (2026-07-28, multi round trip), while a legacy
//! server waits for the answer in the middle of the call. The call is held here meanwhile, under a
//! number that stands in a sealed ticket; it can only go on in the process that holds it. When
//! nobody comes back in time it is dropped, which cancels it at the server.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portcullis_mcp::codes;
use portcullis_mcp::message::{error_response, response};
use portcullis_mcp::method::Method;
use portcullis_upstream::{Connection, Exchange};

use crate::refusal::{Reason, Refusal};
use crate::servers::UnderWay;

/// How many calls may wait in all.
const TOTAL: usize = 10_000;

/// All calls that wait.
pub(crate) struct Suspended {
    waiting: Mutex<HashMap<u64, Waiting>>,
    last: AtomicU64,
}

/// One call, stopped at a question.
pub(crate) struct Waiting {
    principal: Arc<str>,
    until: Instant,
    pub(crate) exchange: Exchange,
    pub(crate) question: Question,
    /// It waits for its server as well as for its host.
    _under_way: UnderWay,
}

/// A question of a legacy server that is open. Unanswered, it is declined when it is dropped.
pub(crate) struct Question {
    pub(crate) method: Method,
    /// The server's id: a raw token.
    id: String,
    /// Under which key a modern host answers.
    pub(crate) key: String,
    connection: Arc<Connection>,
    answered: bool,
}

impl Question {
    pub(crate) fn new(
        method: Method,
        id: String,
        key: String,
        connection: Arc<Connection>,
    ) -> Self {
        Self {
            method,
            id,
            key,
            connection,
            answered: false,
        }
    }

    /// The server's id for it.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Tells the server what the host said.
    pub(crate) async fn answer(mut self, result: &str) {
        self.answered = true;
        self.send(response(&self.id, result)).await;
    }

    /// Tells the server that the host gave an error.
    pub(crate) async fn fail(mut self, code: i64, message: &str) {
        self.answered = true;
        self.send(error_response(Some(&self.id), code, message, None))
            .await;
    }

    /// Tells the server no: a user's no where the protocol has one, else an error.
    pub(crate) async fn decline(mut self) {
        self.answered = true;
        self.send(self.refusal()).await;
    }

    /// The server took the question back, so that there is nothing to answer.
    pub(crate) fn withdrawn(mut self) {
        self.answered = true;
    }

    fn refusal(&self) -> String {
        match self.method {
            Method::ElicitationCreate => response(&self.id, r#"{"action":"decline"}"#),
            _ => error_response(
                Some(&self.id),
                codes::METHOD_NOT_FOUND,
                "not offered by this client",
                None,
            ),
        }
    }

    async fn send(&self, text: String) {
        if let Err(error) = self.connection.respond(text).await {
            tracing::debug!(%error, "an answer did not reach the server that asked");
        }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        // A server that waits for ever would keep its call open for ever.
        let (connection, text) = (Arc::clone(&self.connection), self.refusal());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = connection.respond(text).await;
            });
        }
    }
}

impl Suspended {
    pub(crate) fn new() -> Self {
        // A number of an earlier process must not be one of this process.
        let start = u64::try_from(crate::clock::unix_micros()).unwrap_or_default();
        Self {
            waiting: Mutex::default(),
            last: AtomicU64::new(start),
        }
    }

    /// Holds a call for its principal. Gives the number it is held under.
    pub(crate) fn hold(
        &self,
        principal: &Arc<str>,
        mut exchange: Exchange,
        (question, under_way): (Question, UnderWay),
        patience: Duration,
        most: usize,
    ) -> Result<u64, Refusal> {
        let until = Instant::now() + patience;
        // The server's own time limit stands still while a person thinks.
        exchange.set_deadline(None);
        let mut waiting = self.lock();
        let own = waiting
            .values()
            .filter(|held| held.principal == *principal)
            .count();
        if own >= most || waiting.len() >= TOTAL {
            return Err(Refusal::new(Reason::TooManyWaiting));
        }
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        waiting.insert(
            number,
            Waiting {
                principal: Arc::clone(principal),
                until,
                exchange,
                question,
                _under_way: under_way,
            },
        );
        Ok(number)
    }

    /// What the call waits for, while it waits: the key under which its question must be answered, and
    /// what was asked.
    pub(crate) fn question(&self, number: u64) -> Option<(String, Method)> {
        let waiting = self.lock();
        let held = waiting.get(&number)?;
        let question = &held.question;
        (held.until > Instant::now()).then(|| (question.key.clone(), question.method))
    }

    /// Takes a call out, to go on with it. Only once.
    pub(crate) fn take(&self, number: u64) -> Option<Waiting> {
        let held = self.lock().remove(&number)?;
        (held.until > Instant::now()).then_some(held)
    }

    /// Drops the calls that nobody came back for.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        let gone: Vec<Waiting> = {
            let mut waiting = self.lock();
            let late: Vec<u64> = waiting
                .iter()
                .filter(|(_, held)| held.until <= now)
                .map(|(number, _)| *number)
                .collect();
            late.iter()
                .filter_map(|number| waiting.remove(number))
                .collect()
        };
        if !gone.is_empty() {
            tracing::info!(
                calls = gone.len(),
                "nobody answered in time, the calls are cancelled"
            );
        }
    }

    /// Drops every call.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
