//! Watching for list changes in the way that the server's era and transport have.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_mcp::json::Object;
use portcullis_mcp::{Era, Method};

use crate::UpstreamError;
use crate::connection::Link;
use crate::handshake::Agreement;
use crate::outgoing::Call;
use crate::peer::Peer;
use crate::stdio::Registration;

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What runs beside a connection until it ends.
pub(crate) fn watch_lists(
    peer: &Arc<Peer>,
    link: &Arc<Link>,
    agreement: &Agreement,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let Some(filter) = filter(&agreement.capabilities) else {
        return Box::pin(std::future::ready(()));
    };
    match (agreement.version.era(), link.as_ref()) {
        (Era::Modern, _) => {
            let call = Arc::clone(peer);
            Box::pin(listen(call, Arc::clone(link), filter))
        }
        (Era::Legacy, Link::Http(link)) => Box::pin(link.follow()),
        // Announcements come on the one channel by themselves.
        (Era::Legacy, Link::Stdio(_)) => Box::pin(std::future::ready(())),
    }
}

/// Keeps one `subscriptions/listen` open (2026-07-28, basic/patterns/subscriptions).
async fn listen(peer: Arc<Peer>, link: Arc<Link>, filter: String) {
    let closed = peer.lifeline.closed();
    let listening = async {
        let params = format!(r#"{{"notifications":{filter}}}"#);
        let call = Call::own(peer.version(), Method::SubscriptionsListen, &params);
        let mut wait = FIRST_WAIT;
        let mut missed = false;
        loop {
            let opened = Instant::now();
            match link.send(&call, None, Registration::Internal).await {
                Ok(exchange) => {
                    if missed {
                        peer.changes.count_all();
                    }
                    // A result is a graceful end: the server may take a new subscription.
                    if exchange
                        .answer()
                        .await
                        .is_ok_and(|answer| answer.error().is_some())
                    {
                        return;
                    }
                    missed = true;
                }
                Err(UpstreamError::Http { status, .. }) if status.is_client_error() => return,
                Err(UpstreamError::Unauthorized | UpstreamError::Redirect { .. }) => return,
                Err(_) => {}
            }
            if opened.elapsed() > LONGEST_WAIT {
                wait = FIRST_WAIT;
            }
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2).min(LONGEST_WAIT);
        }
    };
    tokio::select! {
        () = closed => {}
        () = listening => {}
    }
}

/// The subscription filter for what the server offers; `None` when it announces nothing.
fn filter(capabilities: &str) -> Option<String> {
    let capabilities = Object::parse(capabilities).ok()?;
    let offered = |name: &str| {
        capabilities
            .get(name)
            .and_then(|member| Object::parse(member.value).ok())
            .and_then(|member| member.get("listChanged").map(|flag| flag.value == "true"))
            .unwrap_or(false)
    };
    let members: Vec<&str> = [
        ("tools", r#""toolsListChanged":true"#),
        ("prompts", r#""promptsListChanged":true"#),
        ("resources", r#""resourcesListChanged":true"#),
    ]
    .into_iter()
    .filter_map(|(name, member)| offered(name).then_some(member))
    .collect();
    (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")))
}

#[cfg(test)]
mod tests;
