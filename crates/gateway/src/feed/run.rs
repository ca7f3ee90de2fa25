//! The task of one feed.

use std::sync::{Arc, Weak};
use std::time::Duration;

use portcullis_mcp::message::Message;
use portcullis_mcp::method::Method;
use portcullis_mcp::params::{Params, view};
use portcullis_upstream::Connection;
use tokio::time::Instant;

use super::{Event, lists, resources};
use crate::gateway::Gateway;
use crate::servers::Lease;

/// The pause before a connection that ended is opened again; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Feeds the listeners of a lease until the last of them is gone.
pub(super) async fn run(lease: Arc<Lease>, gateway: Weak<Gateway>) {
    let mut missed = false;
    let mut pause = FIRST_PAUSE;
    loop {
        let connection = tokio::select! {
            biased;
            () = deserted(&lease) => return,
            connection = lease.persist() => connection,
        };
        let Some(connection) = connection else {
            // The lease is over: its listeners move to the one that took its place.
            return resources::refuse_all(lease.feed()).await;
        };
        let opened = Instant::now();
        tokio::select! {
            () = resources::keep(&lease, &connection, missed) => return,
            () = connection.closed() => {}
            () = lists::watch(&lease, &gateway, &connection, missed) => {}
            () = listen(&lease, &connection) => {}
        }
        missed = true;
        if opened.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = deserted(&lease) => return,
        }
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

/// Completes when nobody is left. Whoever sees that must end the task.
async fn deserted(lease: &Lease) {
    while !lease.feed().ends() {
        lease.feed().changed.notified().await;
    }
}

/// Passes on what belongs to no call, for as long as the connection lasts.
async fn listen(lease: &Arc<Lease>, connection: &Arc<Connection>) {
    let mut announced = connection.announcements();
    while let Some(message) = announced.next().await {
        if let Some(event) = event(&message, lease.is_shared()) {
            lease.feed().publish(lease.server(), &event);
        }
    }
}

/// What a notification tells listeners. Of a connection that several principals share, nobody gets
/// the log: what it says may be about the call of another.
fn event(message: &Arc<Message>, shared: bool) -> Option<Event> {
    let method = message.method()?;
    match view(method, message.params()).ok()? {
        Params::Updated(resource) if method == Method::ResourcesUpdated => Some(Event::Updated {
            uri: resource.uri.into(),
        }),
        Params::LogMessage(log) if !shared => Some(Event::Log {
            level: log.level.into(),
            message: Arc::clone(message),
        }),
        Params::ElicitationComplete { elicitation_id } => Some(Event::ElicitationComplete {
            id: elicitation_id.into(),
        }),
        _ => None,
    }
}
