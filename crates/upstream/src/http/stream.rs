//! The stream that a legacy server may offer for what belongs to no request (GET).

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method as Verb;
use hyper::body::Incoming;
use portcullis_mcp::{Kind, Message};

use super::events::Events;
use super::post::{Endpoint, Reply, reply};
use crate::incoming::{self, Notice};
use crate::peer::Peer;
use crate::requests;

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Reads what belongs to no exchange until the connection ends, and opens the stream again when it breaks.
/// A refusal is final: 405 says that the server has no such stream.
pub(crate) async fn follow(endpoint: Arc<Endpoint>) {
    let closed = endpoint.peer.lifeline.closed();
    tokio::select! {
        () = closed => {}
        () = read_again_and_again(&endpoint) => {}
    }
}

async fn read_again_and_again(endpoint: &Arc<Endpoint>) {
    let mut wait = FIRST_WAIT;
    let mut missed = false;
    loop {
        let opened = Instant::now();
        match endpoint.bare(Verb::GET, None).await {
            Ok(response) if response.status().is_success() => {
                let Ok(Reply::Events(body)) = reply(response) else {
                    return;
                };
                if missed {
                    endpoint.peer.changes.count_all();
                }
                read(endpoint, body).await;
                missed = true;
            }
            Ok(response) if response.status().is_server_error() => {}
            Ok(_) => return,
            Err(_) => {}
        }
        if opened.elapsed() > LONGEST_WAIT {
            wait = FIRST_WAIT;
        }
        tokio::time::sleep(wait).await;
        wait = wait.saturating_mul(2).min(LONGEST_WAIT);
    }
}

/// Reads one stream to its end.
async fn read(endpoint: &Arc<Endpoint>, body: Incoming) {
    let peer = &endpoint.peer;
    let mut events = Events::new(body, peer.limits.max_bytes);
    while let Some(Ok(event)) = events.next().await {
        if event.data.is_empty() {
            continue;
        }
        let text = event.data.into_bytes();
        let Ok(messages) = incoming::messages(text, &peer.limits, peer.sends_batches()) else {
            peer.malformed("dropped an event that is no valid message");
            continue;
        };
        for message in messages {
            sort(peer, message);
        }
    }
}

/// Hands on what belongs to no exchange.
fn sort(peer: &Arc<Peer>, message: Message) {
    match message.kind() {
        Kind::Request => {
            if let Some(request) = requests::take(peer, message) {
                peer.loose.ask(request);
            }
        }
        Kind::Response | Kind::Error => peer.discards.stray_answers.add(),
        Kind::Notification => {
            let used = match incoming::notice(&message) {
                Notice::ListChanged(method) => peer.changes.count(method),
                Notice::Log | Notice::Updated | Notice::ElicitationComplete => {
                    peer.loose.announce(message)
                }
                Notice::Cancelled(id) => {
                    let id = id.to_owned();
                    peer.loose.withdraw(&id, message)
                }
                Notice::Progress(_) | Notice::Acknowledged | Notice::Task | Notice::Other => false,
            };
            if !used {
                peer.discards.notifications.add();
            }
        }
    }
}
