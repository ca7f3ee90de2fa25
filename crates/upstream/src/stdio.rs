//! A server that is a child process: newline-delimited JSON on its standard streams.

mod child;
mod group;
mod pending;
mod reader;
mod stderr;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use secrecy::SecretString;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout_at;

use crate::UpstreamError;
use crate::exchange::is_answer;
use crate::link::Origin;
use crate::outgoing::{Call, cancelled};
use crate::parcel::Parcel;
use crate::peer::Peer;
use child::Stop;
pub(crate) use pending::Pending;
pub(crate) use reader::Dispatch;

/// Lines that may wait for a child that does not read its input.
const WRITE_QUEUE: usize = 32;

/// What is needed to start a child.
pub(crate) struct Command<'a> {
    pub(crate) program: &'a str,
    pub(crate) args: &'a [String],
    pub(crate) env: &'a [(String, SecretString)],
    pub(crate) cwd: Option<&'a PathBuf>,
}

/// The pipes to one child and the requests that wait for it.
#[derive(Debug)]
pub(crate) struct StdioLink {
    peer: Arc<Peer>,
    pending: Arc<Pending>,
    writes: mpsc::Sender<String>,
    stop: watch::Sender<Stop>,
}

impl StdioLink {
    /// Starts the child and the tasks that serve its pipes. `replies` are answers of our own to
    /// requests of the child.
    pub(crate) fn spawn(
        command: &Command<'_>,
        peer: Arc<Peer>,
        replies: mpsc::Receiver<String>,
    ) -> Result<Self, UpstreamError> {
        let started = child::start(command)?;
        let pending = Arc::new(Pending::default());
        let (writes, queue) = mpsc::channel(WRITE_QUEUE);
        let (stop, stopped) = watch::channel(Stop::No);
        tokio::spawn(write_lines(started.stdin, queue, replies, stopped));
        let secrets = command.env.iter().map(|(_, value)| value.clone()).collect();
        let stderr = tokio::spawn(stderr::capture(started.stderr, peer.name.clone(), secrets));
        let reader = tokio::spawn(reader::read_lines(
            started.stdout,
            Arc::clone(&peer),
            Arc::clone(&pending),
            stop.clone(),
        ));
        tokio::spawn(child::supervise(
            started.child,
            started.group,
            child::Tasks { reader, stderr },
            stop.clone(),
            Arc::clone(&peer),
            Arc::clone(&pending),
        ));
        Ok(Self {
            peer,
            pending,
            writes,
            stop,
        })
    }

    /// Sends a request. It waits while the write queue is full, at most until `deadline`.
    pub(crate) async fn send(
        &self,
        call: &Call<'_>,
        deadline: Option<Instant>,
        origin: Origin,
    ) -> Result<StdioExchange, UpstreamError> {
        let (mut exchange, text) = StdioExchange::register(
            &self.peer,
            &self.pending,
            &self.writes,
            call,
            deadline,
            origin,
        )?;
        match before(deadline, self.write(text)).await {
            Some(Ok(())) => exchange.mark_sent(),
            Some(Err(error)) => return Err(error),
            None => return Err(UpstreamError::TimedOut),
        }
        Ok(exchange)
    }

    /// Queues one message for the child.
    pub(crate) async fn write(&self, text: String) -> Result<(), UpstreamError> {
        self.writes
            .send(text)
            .await
            .map_err(|_| self.pending.closed().unwrap_or(UpstreamError::Closed))
    }

    /// Ends the child and waits for it: at most four seconds.
    pub(crate) async fn shutdown(&self) {
        self.stop();
        self.peer.lifeline.closed().await;
    }

    /// Asks the child to end; does not wait.
    pub(crate) fn stop(&self) {
        Stop::Orderly.ask(&self.stop);
    }
}

impl Drop for StdioLink {
    fn drop(&mut self) {
        self.stop();
    }
}

/// One request to a child.
#[derive(Debug)]
pub(crate) struct StdioExchange {
    pending: Arc<Pending>,
    writes: mpsc::Sender<String>,
    inbox: Arc<crate::inbox::Inbox>,
    id: u64,
    deadline: Option<Instant>,
    sent: bool,
    done: bool,
}

impl StdioExchange {
    /// Gets ready for the answers to a request on one channel for all messages, and gives the text
    /// to send. `writes` takes the cancellation, once the request counts as sent.
    pub(crate) fn register(
        peer: &Peer,
        pending: &Arc<Pending>,
        writes: &mpsc::Sender<String>,
        call: &Call<'_>,
        deadline: Option<Instant>,
        origin: Origin,
    ) -> Result<(Self, String), UpstreamError> {
        let id = peer.fresh_id();
        let text = call.text(id, &peer.client.modern)?;
        let inbox = pending.register(id, origin, peer.limits.max_bytes)?;
        let exchange = Self {
            pending: Arc::clone(pending),
            writes: writes.clone(),
            inbox,
            id,
            deadline,
            sent: false,
            done: false,
        };
        Ok((exchange, text))
    }

    /// From here on, giving up means telling the server.
    pub(crate) fn mark_sent(&mut self) {
        self.sent = true;
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    pub(crate) async fn next(&mut self) -> Option<Result<Parcel, UpstreamError>> {
        if self.done {
            return None;
        }
        let Some(parcel) = before(self.deadline, self.inbox.pop()).await else {
            self.cancel();
            return Some(Err(UpstreamError::TimedOut));
        };
        self.done = match &parcel {
            Some(Ok(parcel)) => is_answer(parcel.message()),
            Some(Err(_)) | None => true,
        };
        parcel
    }

    fn cancel(&mut self) {
        let open = !std::mem::replace(&mut self.done, true);
        // When the entry is already gone the child has answered and there is nothing to cancel.
        if open && self.pending.remove(self.id) && self.sent {
            // A full queue means that the child does not read: it would not see this either.
            let _ = self.writes.try_send(cancelled(self.id));
        }
        self.inbox.close();
    }
}

impl Drop for StdioExchange {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// Runs `future`, at most until `deadline`.
pub(crate) async fn before<T>(
    deadline: Option<Instant>,
    future: impl Future<Output = T>,
) -> Option<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline.into(), future).await.ok(),
        None => Some(future.await),
    }
}

/// Writes queued messages until asked to stop, then closes the child's input. Replies have a
/// queue of their own, so that large requests in front of them do not crowd them out.
async fn write_lines(
    mut stdin: ChildStdin,
    mut queue: mpsc::Receiver<String>,
    mut replies: mpsc::Receiver<String>,
    mut stopped: watch::Receiver<Stop>,
) {
    let writing = async {
        loop {
            let text = tokio::select! {
                text = queue.recv() => match text {
                    Some(text) => text,
                    None => return,
                },
                Some(text) = replies.recv() => text,
            };
            if stdin.write_all(&line(text)).await.is_err() || stdin.flush().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = writing => {}
        _ = stopped.wait_for(|stop| *stop != Stop::No) => {}
    }
}

/// The message on one line. Outside of strings a line break is white space in JSON, inside of
/// strings it cannot be (RFC 8259, section 7), so a space in its place changes nothing.
fn line(text: String) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    for byte in &mut bytes {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    bytes.push(b'\n');
    bytes
}
