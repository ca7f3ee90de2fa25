//! The stream that a legacy server may offer for what belongs to no request (GET).

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method as Verb;
use hyper::body::Incoming;
use portcullis_mcp::Kind;

use super::events::Events;
use super::post::{Endpoint, Reply, reply};
use crate::incoming::{self, Notice};

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Reads list changes until the connection ends, and opens the stream again when it breaks.
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
            match message.kind() {
                Kind::Request => endpoint.answer(&message),
                Kind::Response | Kind::Error => peer.discards.stray_answers.add(),
                Kind::Notification => match incoming::notice(&message) {
                    Notice::ListChanged(method) => {
                        peer.changes.count(method);
                    }
                    _ => peer.discards.notifications.add(),
                },
            }
        }
    }
}
