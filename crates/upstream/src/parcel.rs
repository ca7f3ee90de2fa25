//! A message of the server on its way to a reader.

use std::fmt;
use std::sync::Arc;

use portcullis_mcp::{Message, codes, message};

use crate::peer::Peer;

/// A message that waits for its reader. A request that nobody takes out is answered when its
/// parcel is dropped, wherever that happens: the server must not wait for an answer that cannot
/// come any more.
#[derive(Debug)]
pub(crate) struct Parcel {
    message: Message,
    asking: Option<Asking>,
}

/// A request of the server that nobody has taken yet.
struct Asking {
    /// Raw JSON.
    id: String,
    peer: Arc<Peer>,
    settled: bool,
}

impl Parcel {
    /// A request of the server; nothing when it has no id.
    pub(crate) fn request(request: Message, peer: &Arc<Peer>) -> Option<Self> {
        let id = request.id()?.to_owned();
        Some(Self {
            message: request,
            asking: Some(Asking {
                id,
                peer: Arc::clone(peer),
                settled: false,
            }),
        })
    }

    pub(crate) fn message(&self) -> &Message {
        &self.message
    }

    /// The raw id of a request of the server.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.asking.as_ref().map(|asking| asking.id.as_str())
    }

    /// The message. From here on a request is the caller's to answer.
    pub(crate) fn open(mut self) -> Message {
        if let Some(asking) = &mut self.asking {
            asking.settled = true;
        }
        self.message
    }

    /// Answers the request with an error.
    pub(crate) fn refuse(mut self, code: i64, reason: &str) {
        if let Some(asking) = &mut self.asking {
            asking.answer(code, reason);
        }
    }
}

impl From<Message> for Parcel {
    /// Anything but a request of the server: nobody waits for an answer to it.
    fn from(message: Message) -> Self {
        Self {
            message,
            asking: None,
        }
    }
}

impl Asking {
    fn answer(&mut self, code: i64, reason: &str) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        self.peer.discards.requests.add();
        let text = message::error_response(Some(&self.id), code, reason, None);
        self.peer.reply(text);
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.answer(codes::INTERNAL_ERROR, "nobody is there to answer");
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}
