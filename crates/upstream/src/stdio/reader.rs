//! From a child's output to the exchanges that wait.

use std::sync::Arc;

use portcullis_mcp::framing::{FrameError, LineDecoder};
use portcullis_mcp::{Kind, Message};
use tokio::io::AsyncReadExt;
use tokio::process::ChildStdout;
use tokio::sync::watch;

use super::child::Stop;
use super::pending::Pending;
use crate::UpstreamError;
use crate::incoming::{self, Notice};
use crate::peer::Peer;
use crate::requests;

const CHUNK: usize = 16 * 1024;
/// So many useless lines in a row and the child is not an MCP server.
const GARBAGE_LIMIT: u32 = 10;

/// Reads until the child closes its output or has sent too much garbage.
pub(crate) async fn read_lines(
    mut stdout: ChildStdout,
    peer: Arc<Peer>,
    pending: Arc<Pending>,
    stop: watch::Sender<Stop>,
) {
    let mut decoder = LineDecoder::new(peer.limits.max_bytes);
    let mut chunk = vec![0; CHUNK];
    let dispatch = Dispatch { peer, pending };
    let mut garbage = 0;
    loop {
        let count = match stdout.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        decoder.feed(chunk.get(..count).unwrap_or_default());
        while let Some(line) = decoder.next_line() {
            garbage = if dispatch.line(line) { 0 } else { garbage + 1 };
            if garbage >= GARBAGE_LIMIT {
                dispatch
                    .peer
                    .warn("too many lines in a row that are no messages, killing the server");
                Stop::Kill.ask(&stop);
                return;
            }
        }
    }
    // A last line without a line break is a message all the same.
    if let Some(line) = decoder.finish() {
        dispatch.line(line);
    }
}

/// Sorts the messages of one channel for all of them to the exchanges.
pub(crate) struct Dispatch {
    pub(crate) peer: Arc<Peer>,
    pub(crate) pending: Arc<Pending>,
}

impl Dispatch {
    /// Handles one line or event; `false` when it was garbage.
    pub(crate) fn line(&self, line: Result<Vec<u8>, FrameError>) -> bool {
        let bytes = match line {
            Ok(bytes) => bytes,
            Err(_) => {
                self.oversize();
                return false;
            }
        };
        // The parser takes the bytes; only a refused line is looked at again, for its id.
        let refused = bytes.clone();
        match incoming::messages(bytes, &self.peer.limits, self.peer.sends_batches()) {
            Ok(messages) => {
                messages
                    .into_iter()
                    .for_each(|message| self.message(message));
                true
            }
            Err(error) => {
                self.peer
                    .malformed("dropped a line that is no valid message");
                incoming::id_of_refused(&refused)
                    .is_some_and(|id| self.pending.finish(id, Err(error.into())))
            }
        }
    }

    /// A line over the limit has no readable id. When one caller waits it was meant for it,
    /// else each waits for its own timeout.
    fn oversize(&self) {
        self.peer.malformed("dropped a line over the size limit");
        if let Some(id) = self.pending.only_caller() {
            self.pending.finish(id, Err(UpstreamError::TooLarge));
        }
    }

    fn message(&self, message: Message) {
        match message.kind() {
            Kind::Response | Kind::Error => {
                let id = message.id().and_then(incoming::own_id);
                if !id.is_some_and(|id| self.pending.finish(id, Ok(message))) {
                    self.peer.discards.stray_answers.add();
                }
            }
            Kind::Request => self.request(message),
            Kind::Notification => self.notification(message),
        }
    }

    /// A request has nothing that names an exchange. It belongs to the only caller there is, and
    /// to nobody in particular when there are several.
    fn request(&self, request: Message) {
        let Some(request) = requests::take(&self.peer, request) else {
            return;
        };
        match self.pending.only_caller() {
            Some(id) => {
                self.pending.push(id, request);
            }
            None => self.peer.loose.ask(request),
        }
    }

    fn notification(&self, notification: Message) {
        let delivered = if self.peer.is_modern() {
            self.modern(notification)
        } else {
            self.legacy(notification)
        };
        if !delivered {
            self.peer.discards.notifications.add();
        }
    }

    fn modern(&self, notification: Message) -> bool {
        let subscription =
            incoming::subscription(&notification).filter(|id| self.pending.is_subscription(*id));
        match incoming::notice(&notification) {
            Notice::Progress(token) => self.pending.push(token, notification),
            Notice::Log => self
                .pending
                .only_caller()
                .is_some_and(|id| self.pending.push(id, notification)),
            Notice::ListChanged(method) => {
                let counted = self.peer.changes.count(method);
                subscription.is_some_and(|id| self.pending.push(id, notification)) || counted
            }
            Notice::Updated | Notice::Task => {
                subscription.is_some_and(|id| self.pending.push(id, notification))
            }
            // The acknowledgement of the connection's own subscription needs no reader.
            Notice::Acknowledged => {
                subscription.is_none_or(|id| self.pending.push(id, notification))
            }
            Notice::Cancelled(id) => incoming::own_id(id)
                .is_some_and(|id| self.pending.finish(id, Err(UpstreamError::Unanswered))),
            Notice::ElicitationComplete | Notice::Other => false,
        }
    }

    fn legacy(&self, notification: Message) -> bool {
        match incoming::notice(&notification) {
            Notice::Progress(token) => self.pending.push(token, notification),
            Notice::Log => match self.pending.only_caller() {
                Some(id) => self.pending.push(id, notification),
                None => self.peer.loose.announce(notification),
            },
            Notice::ListChanged(method) => self.peer.changes.count(method),
            Notice::Updated | Notice::ElicitationComplete => self.peer.loose.announce(notification),
            Notice::Cancelled(id) => {
                let id = id.to_owned();
                self.pending.withdraw(&id, &notification)
                    || self.peer.loose.withdraw(&id, notification)
            }
            Notice::Acknowledged | Notice::Task | Notice::Other => false,
        }
    }
}
