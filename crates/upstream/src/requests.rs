//! What becomes of a request that the server makes.

use std::sync::Arc;

use portcullis_mcp::{Message, Method, codes, message};

use crate::parcel::Parcel;
use crate::peer::Peer;

/// The longest id, in bytes, that is answered: an answer repeats it.
const MAX_ID: usize = 1024;

/// Takes a request of the server. What comes back was offered to the server and needs a caller;
/// everything else is answered here: `ping` with a result, the rest with "method not found".
pub(crate) fn take(peer: &Arc<Peer>, request: Message) -> Option<Parcel> {
    if peer.is_modern() {
        // The era has neither such requests nor a way to answer them (2026-07-28,
        // basic/transports).
        peer.discards.requests.add();
        return None;
    }
    let id = request.id()?;
    if id.len() > MAX_ID {
        peer.malformed("dropped a request whose id is too long");
        return None;
    }
    if request.method() == Some(Method::Ping) {
        if !peer.reply(message::response(id, "{}")) {
            peer.discards.requests.add();
        }
        return None;
    }
    let offered = request
        .method()
        .is_some_and(|method| peer.client.offer(method));
    let parcel = Parcel::request(request, peer)?;
    if offered {
        return Some(parcel);
    }
    parcel.refuse(codes::METHOD_NOT_FOUND, "not offered by this client");
    None
}

#[cfg(test)]
mod tests;
