//! What runs beside a connection: watching for what the server says by itself.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_mcp::json::Object;
use portcullis_mcp::{Era, Method};

use crate::UpstreamError;
use crate::handshake::Agreement;
use crate::link::{Link, Origin};
use crate::outgoing::Call;
use crate::peer::Peer;

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Watches until the connection ends: a modern server for list changes, a legacy one for
/// everything that belongs to no exchange.
pub(crate) fn watch(
    peer: &Arc<Peer>,
    link: &Arc<Link>,
    agreement: &Agreement,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    match (agreement.version.era(), filter(&agreement.capabilities)) {
        (Era::Modern, Some(filter)) => Box::pin(listen(Arc::clone(peer), Arc::clone(link), filter)),
        (Era::Modern, None) => Box::pin(std::future::ready(())),
        (Era::Legacy, _) => link.follow(),
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
            match link.send(&call, None, Origin::Internal).await {
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
