//! One profile on standard input and output, for hosts that start their servers themselves.
//!
//! Newline-delimited JSON-RPC (MCP stdio transport). Whoever started the process is the caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use portcullis_mcp::framing::LineDecoder;
use portcullis_mcp::message::{Kind, Message};
use portcullis_mcp::method::Method;
use portcullis_mcp::params::{Params, view};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};

use crate::arrival::{Arrival, Credential, Facts, Headers, Selector, Transport};
use crate::audit::Entry;
use crate::clients::SessionKey;
use crate::gateway::Gateway;
use crate::listening::Listening;
use crate::pipeline::{self, Answer, Received};
use crate::refusal::Refusal;
use crate::session::Agreed;

/// How many answers may wait for a slow reader before calls wait too.
const BACKLOG: usize = 64;
/// How many requests of one host run at the same time.
const PARALLEL: usize = 64;
/// How many may wait for their turn. Reading goes on meanwhile, so that a cancellation is heard.
const WAITING: usize = 1_024;

/// Serves `profile` until the input ends, then lets running calls go.
///
/// # Errors
/// When the input or the output breaks.
pub async fn serve(
    gateway: Arc<Gateway>,
    profile: &str,
    mut input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin + Send + 'static,
) -> std::io::Result<()> {
    let (out, writer) = write_to(output);
    let mut host = Host {
        gateway,
        profile: profile.to_owned(),
        agreed: None,
        running: Running::default(),
        tasks: JoinSet::new(),
        listening: None,
        turns: Arc::new(Semaphore::new(PARALLEL)),
        out,
    };
    let limits = host.gateway.snapshot().limits();
    let mut lines = LineDecoder::new(limits.max_bytes);
    let mut chunk = vec![0u8; 64 * 1024];
    loop {
        let count = input.read(&mut chunk).await?;
        let Some(read) = chunk.get(..count).filter(|read| !read.is_empty()) else {
            break;
        };
        lines.feed(read);
        while let Some(line) = lines.next_line() {
            let parsed = match line {
                // A batch is taken apart on its way; it cannot be cancelled as a whole.
                Ok(line) if line.starts_with(b"[") => {
                    host.take_batch(line).await;
                    continue;
                }
                Ok(line) => Message::parse(line, &limits).map_err(Refusal::from),
                Err(_) => Err(Refusal::new(crate::refusal::Reason::MessageTooLarge)),
            };
            host.take(parsed).await;
        }
    }
    // The host closed its end: it waits for nothing any more.
    host.tasks.shutdown().await;
    drop(host);
    writer.await.map_err(std::io::Error::other)?
}

/// The one host on the other end.
struct Host {
    gateway: Arc<Gateway>,
    profile: String,
    agreed: Option<Agreed>,
    running: Running,
    tasks: JoinSet<()>,
    /// The stream of what the host did not ask for; there after `notifications/initialized`.
    listening: Option<AbortHandle>,
    turns: Arc<Semaphore>,
    out: mpsc::Sender<String>,
}

impl Drop for Host {
    fn drop(&mut self) {
        let session = SessionKey::Stdio(self.profile.clone());
        self.gateway.clients().end(&session);
    }
}

/// Requests under way, by their id.
type Running = Arc<Mutex<HashMap<String, AbortHandle>>>;

impl Host {
    async fn take(&mut self, parsed: Result<Message, Refusal>) {
        while self.tasks.len() >= WAITING {
            self.tasks.join_next().await;
        }
        while self.tasks.try_join_next().is_some() {}
        let greeting = parsed
            .as_ref()
            .is_ok_and(|message| message.method() == Some(Method::Initialize));
        if let Ok(message) = &parsed {
            self.cancel(message);
        }
        let id = parsed
            .as_ref()
            .ok()
            .filter(|message| message.kind() == Kind::Request)
            .and_then(Message::id)
            .map(str::to_owned);
        let arrival = self.arrival();
        // Opened here and not in the task: a task that is ended before its turn leaves a record.
        let entry = pipeline::begin(&self.gateway, &arrival.facts, parsed.as_ref().ok());
        let (gateway, out) = (Arc::clone(&self.gateway), self.out.clone());
        if greeting {
            // What follows depends on what the greeting agrees on.
            let body = std::future::ready(parsed.map(Received::Message));
            if let Some(agreed) = serve_one(&gateway, entry, arrival, body, &out, None).await {
                self.agreed = Some(agreed);
            }
            return;
        }
        if parsed
            .as_ref()
            .is_ok_and(|message| message.method() == Some(Method::Initialized))
        {
            self.listen();
        }
        // Calls that wait for an answer of the host have turns; the answer must not wait for one.
        let answers = parsed
            .as_ref()
            .is_ok_and(|message| matches!(message.kind(), Kind::Response | Kind::Error));
        let running = Arc::clone(&self.running);
        let done = id.clone();
        // Held until the request is in the table, so that its own end finds it there.
        let mut table = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = Arc::clone(&self.turns);
        let handle = self.tasks.spawn(async move {
            let turn = match answers {
                true => None,
                // The turns are never closed.
                false => turns.acquire_owned().await.ok(),
            };
            let body = std::future::ready(parsed.map(Received::Message));
            serve_one(&gateway, entry, arrival, body, &out, turn).await;
            if let Some(id) = done {
                running
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(&id);
            }
        });
        if let Some(id) = id {
            table.insert(id, handle);
        }
    }

    async fn take_batch(&mut self, line: Vec<u8>) {
        while self.tasks.len() >= WAITING {
            self.tasks.join_next().await;
        }
        let arrival = self.arrival();
        let entry = pipeline::begin(&self.gateway, &arrival.facts, None);
        let (gateway, out) = (Arc::clone(&self.gateway), self.out.clone());
        let turns = Arc::clone(&self.turns);
        self.tasks.spawn(async move {
            let turn = turns.acquire_owned().await.ok();
            let body = std::future::ready(Ok(Received::Bytes(line)));
            serve_one(&gateway, entry, arrival, body, &out, turn).await;
        });
    }

    /// A legacy host hears without asking, once it said that it is ready.
    fn listen(&mut self) {
        let listens = self
            .listening
            .as_ref()
            .is_some_and(|listening| !listening.is_finished());
        if self.agreed.is_none() || listens {
            return;
        }
        let (gateway, out) = (Arc::clone(&self.gateway), self.out.clone());
        let arrival = self.arrival();
        let handle = self.tasks.spawn(async move {
            if let Answer::Listening(listening) = pipeline::listen(&gateway, arrival).await {
                pass_on(*listening, &out).await;
            }
        });
        self.listening = Some(handle);
    }

    fn arrival(&self) -> Arrival {
        Arrival {
            credential: Credential::Process,
            facts: Facts {
                transport: Transport::Stdio,
                remote: None,
                certificate: None,
                forwarded: false,
                profile: Selector::Name(self.profile.clone()),
                headers: Headers::default(),
                connection: self.agreed,
            },
        }
    }

    /// Ends a request that the host no longer wants. Its entry closes as `cancelled`.
    fn cancel(&self, message: &Message) {
        if message.method() != Some(Method::Cancelled) {
            return;
        }
        if let Ok(Params::Cancelled { request_id, .. }) = view(Method::Cancelled, message.params())
            && let Some(handle) = self
                .running
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(request_id)
        {
            handle.abort();
        }
    }
}

/// Serves one message and writes its answer. Returns the version that a greeting agreed on.
async fn serve_one(
    gateway: &Arc<Gateway>,
    entry: Entry,
    arrival: Arrival,
    body: impl Future<Output = Result<Received, Refusal>>,
    out: &mpsc::Sender<String>,
    turn: Option<OwnedSemaphorePermit>,
) -> Option<Agreed> {
    match pipeline::serve(gateway, entry, arrival, body).await {
        // Streams are taken up again over HTTP alone.
        Answer::Accepted | Answer::Resumed(_) => None,
        Answer::Refused { answers: false, .. } => None,
        Answer::Refused { body, .. } => send(out, body).await,
        Answer::Message { body, agreed, .. } => send(out, body).await.or(agreed),
        Answer::Stream(mut reply) => {
            while let Some(outgoing) = reply.next().await {
                send(out, outgoing.into_text()).await;
            }
            None
        }
        Answer::Listening(listening) => {
            // It stays for long; others must not wait for it.
            drop(turn);
            pass_on(*listening, out).await;
            None
        }
    }
}

async fn pass_on(mut listening: Listening, out: &mpsc::Sender<String>) {
    while let Some(outgoing) = listening.next().await {
        send(out, outgoing.into_text()).await;
    }
}

async fn send(out: &mpsc::Sender<String>, text: String) -> Option<Agreed> {
    if out.send(text).await.is_err() {
        tracing::debug!("the host no longer reads");
    }
    None
}

/// One task owns the output, so that messages never interleave.
fn write_to(
    mut output: impl AsyncWrite + Unpin + Send + 'static,
) -> (
    mpsc::Sender<String>,
    tokio::task::JoinHandle<std::io::Result<()>>,
) {
    let (sender, mut receiver) = mpsc::channel::<String>(BACKLOG);
    let writer = tokio::spawn(async move {
        while let Some(text) = receiver.recv().await {
            output.write_all(&one_line(text)).await?;
            output.flush().await?;
        }
        Ok(())
    });
    (sender, writer)
}

/// Strict JSON has no raw line break inside a string, so that every one is white space between
/// tokens. A server may have written them; this framing cannot carry them.
fn one_line(text: String) -> Vec<u8> {
    let mut line = text.into_bytes();
    for byte in &mut line {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    line.push(b'\n');
    line
}
