//! The stream that a legacy server may offer for what belongs to no request (GET).

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderValue, Method as Verb};
use hyper::body::Incoming;
use portcullis_mcp::{Kind, Message};

use super::events::Events;
use super::post::{Endpoint, Reply, reply};
use crate::incoming::{self, Notice};
use crate::peer::Peer;
use crate::requests;

/// Whatever the server asks for.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
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

/// Where the stream can be taken up (2025-11-25, Resumability and Redelivery).
#[derive(Debug, Default)]
struct Position {
    last_event: Option<String>,
    retry: Option<Duration>,
}

async fn read_again_and_again(endpoint: &Arc<Endpoint>) {
    let mut position = Position::default();
    let mut wait = FIRST_WAIT;
    let mut missed = false;
    loop {
        let opened = Instant::now();
        let last_event = position.last_event.as_deref();
        match endpoint.bare(Verb::GET, last_event).await {
            Ok(response) if response.status().is_success() => {
                let Ok(Reply::Events(body)) = reply(response) else {
                    return;
                };
                // Whether everything is delivered again cannot be known.
                if missed {
                    endpoint.peer.changes.count_all();
                }
                read(endpoint, body, &mut position).await;
                missed = true;
            }
            Ok(response) if response.status().is_server_error() => {}
            // Perhaps only the place is not known any more.
            Ok(_) if last_event.is_some() => position.last_event = None,
            Ok(_) => return,
            Err(_) => {}
        }
        if opened.elapsed() > LONGEST_WAIT {
            wait = FIRST_WAIT;
        }
        tokio::time::sleep(position.retry.unwrap_or(wait)).await;
        wait = wait.saturating_mul(2).min(LONGEST_WAIT);
    }
}

/// Reads one stream to its end.
async fn read(endpoint: &Arc<Endpoint>, body: Incoming, position: &mut Position) {
    let peer = &endpoint.peer;
    let mut events = Events::new(body, peer.limits.max_bytes);
    while let Some(Ok(event)) = events.next().await {
        if let Some(retry) = event.retry {
            let retry = Duration::from_millis(retry);
            position.retry = Some(retry.clamp(SHORTEST_WAIT, LONGEST_WAIT));
        }
        // Only what can be sent back in a header is of use.
        if let Some(id) = event.id {
            position.last_event = HeaderValue::from_str(&id).is_ok().then_some(id);
        }
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
