//! What several unit tests need: a peer without a link, and messages.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use portcullis_mcp::json::Limits;
use portcullis_mcp::{Message, message};
use tokio::sync::mpsc;

use crate::parcel::Parcel;
use crate::peer::Peer;
use crate::{ClientCapabilities, EraChoice, HttpKind, Spec, Transport};

pub(crate) fn parse(text: &str) -> Message {
    Message::parse(text.as_bytes().to_vec(), &Limits::default()).unwrap()
}

/// A peer that was told of these capabilities, and the answers that its link would send.
pub(crate) fn peer(legacy: &str) -> (Arc<Peer>, mpsc::Receiver<String>) {
    let (peer, replies) = Peer::new(&Spec {
        name: "s".to_owned(),
        transport: Transport::Http {
            url: Uri::from_static("http://127.0.0.1/"),
            headers: Vec::new(),
            kind: HttpKind::Auto,
            tls: None,
        },
        era: EraChoice::Auto,
        startup_timeout: Duration::ZERO,
        request_timeout: Duration::ZERO,
        limits: Limits::default(),
        client: ClientCapabilities {
            legacy: legacy.to_owned(),
            ..ClientCapabilities::default()
        },
        credentials: None,
    });
    (Arc::new(peer), replies)
}

pub(crate) fn request(id: &str, method: &str) -> Message {
    parse(&message::request(id, method, Some("{}")))
}

/// A request of the server on its way.
pub(crate) fn asked(id: &str, peer: &Arc<Peer>) -> Parcel {
    Parcel::request(request(id, "roots/list"), peer).unwrap()
}

pub(crate) fn notification(params: &str) -> Message {
    parse(&message::notification(
        "notifications/message",
        Some(params),
    ))
}

/// The ids and codes of the errors that were queued as answers.
pub(crate) fn refusals(replies: &mut mpsc::Receiver<String>) -> Vec<(String, i64)> {
    std::iter::from_fn(|| replies.try_recv().ok())
        .map(|text| {
            let message = parse(&text);
            let code = message.error().unwrap().code;
            (message.id().unwrap().to_owned(), code)
        })
        .collect()
}
