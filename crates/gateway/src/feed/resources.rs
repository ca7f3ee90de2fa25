//! The subscriptions of a feed at its server: one for each resource, however many share it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use portcullis_mcp::capabilities::ServerCapabilities;
use portcullis_mcp::json::quote;
use portcullis_mcp::message::{Kind, Message};
use portcullis_mcp::method::Method;
use portcullis_mcp::params::{Params, view};
use portcullis_mcp::version::Era;
use portcullis_upstream::{Connection, Exchange, Request};
use tokio::time::{Instant, timeout};

use super::{Event, Feed};
use crate::refusal::Reason;
use crate::servers::Lease;
use crate::upstream::refused;

/// How long a server may take to say goodbye to when nobody is left.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long a server may take to say what it grants.
const PATIENCE: Duration = Duration::from_secs(15);
/// The pause before a subscription that the server ended is opened again; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

type Uris = BTreeSet<Arc<str>>;

/// Keeps the server's subscriptions equal to what is wanted. Returns when nobody is left.
///
/// `missed` says that the server was not listened to for a while before.
pub(super) async fn keep(lease: &Arc<Lease>, connection: &Arc<Connection>, missed: bool) {
    let offered = ServerCapabilities::read(connection.capabilities())
        .is_ok_and(|offered| offered.resources_subscribe);
    match connection.era() {
        _ if !offered => refuse(lease.feed(), Reason::MethodUnknown).await,
        Era::Legacy => one_by_one(lease, connection, missed).await,
        Era::Modern => together(lease, connection, missed).await,
    }
}

/// For a server that will not be there any more. Returns when nobody is left.
pub(super) async fn refuse_all(feed: &Feed) {
    refuse(feed, Reason::UpstreamUnavailable).await;
}

/// Refuses whoever waits until nobody is left.
async fn refuse(feed: &Feed, reason: Reason) {
    loop {
        answer(feed, |_| Some(Err(reason)));
        if feed.ends() {
            return;
        }
        feed.changed.notified().await;
    }
}

/// A request for each resource (up to 2025-11-25, `resources/subscribe`).
async fn one_by_one(lease: &Arc<Lease>, connection: &Connection, missed: bool) {
    let feed = lease.feed();
    // What stood before was lost with the connection, and updates with it.
    let mut lost = if missed { wanted(feed) } else { Uris::new() };
    let mut held = Uris::new();
    let mut denied = Uris::new();
    loop {
        let wanted = wanted(feed);
        denied.retain(|uri| wanted.contains(uri));
        if let Some(uri) = held.difference(&wanted).next().cloned() {
            held.remove(&uri);
            let asked = ask(connection, Method::ResourcesUnsubscribe, &uri);
            if !matches!(timeout(FAREWELL, asked).await, Ok(Ok(()))) {
                tracing::debug!("a server did not take the end of a subscription");
            }
            continue;
        }
        // Whoever joins a subscription that stands is told at once.
        answer(feed, |uri| held.contains(uri).then_some(Ok(())));
        let new = wanted
            .iter()
            .find(|uri| !held.contains(*uri) && (!denied.contains(*uri) || is_awaited(feed, uri)))
            .cloned();
        if let Some(uri) = new {
            let outcome = ask(connection, Method::ResourcesSubscribe, &uri).await;
            match outcome {
                Ok(()) => {
                    if let Some(uri) = lost.take(&uri) {
                        lease
                            .feed()
                            .publish(lease.server(), &Event::Updated { uri });
                    }
                    held.insert(Arc::clone(&uri))
                }
                Err(_) => denied.insert(Arc::clone(&uri)),
            };
            answer(feed, |known| (*known == uri).then_some(outcome));
            continue;
        }
        if feed.ends() {
            return;
        }
        feed.changed.notified().await;
    }
}

async fn ask(connection: &Connection, method: Method, uri: &str) -> Result<(), Reason> {
    let params = format!("{{\"uri\":{}}}", quote(uri));
    let request = Request {
        method,
        params: &params,
        name: None,
        headers: &[],
        progress: false,
        log_level: None,
        credentials: None,
    };
    let reason = |error| refused(error).reason();
    let exchange = connection.request(request).await.map_err(reason)?;
    let answer = exchange.answer().await.map_err(reason)?;
    match answer.kind() {
        Kind::Response => Ok(()),
        _ => Err(Reason::TargetUnknown),
    }
}

/// A subscription stream, with what it was opened for and what the server granted of that.
struct Stream {
    exchange: Exchange,
    asked: Uris,
    granted: Uris,
}

/// One stream for all of them (2026-07-28, `subscriptions/listen`). Another set takes another stream;
/// the old one is let go when the new one stands, so that no update falls between them.
async fn together(lease: &Arc<Lease>, connection: &Connection, mut missed: bool) {
    let feed = lease.feed();
    let mut stream: Option<Stream> = None;
    let mut ready = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let wanted = wanted(feed);
        if wanted.is_empty() {
            stream = None;
        }
        let stands = wanted.is_empty() || stream.as_ref().is_some_and(|open| open.asked == wanted);
        if !stands && Instant::now() >= ready {
            match listen(connection, wanted.clone()).await {
                Ok(open) => {
                    if std::mem::take(&mut missed) {
                        announce(lease, &open.granted);
                    }
                    stream = Some(open);
                }
                Err(reason) => {
                    answer(feed, |uri| wanted.contains(uri).then_some(Err(reason)));
                    ready = Instant::now() + pause;
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                }
            }
            continue;
        }
        if let Some(open) = &stream {
            answer(feed, |uri| open.says(uri));
        }
        if feed.ends() {
            return;
        }
        tokio::select! {
            () = feed.changed.notified() => {}
            () = tokio::time::sleep_until(ready), if !stands => {}
            message = next(&mut stream) => match message {
                Some(message) => pass(lease, stream.as_ref(), &message),
                None => {
                    // Ended or broken: what it carries may have changed before another one stands.
                    (stream, missed) = (None, true);
                    ready = Instant::now() + pause;
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                }
            },
        }
    }
}

impl Stream {
    /// What the server said about a resource; `None` when it was not asked.
    fn says(&self, uri: &Arc<str>) -> Option<Result<(), Reason>> {
        let refused = Err(Reason::TargetUnknown);
        self.asked.contains(uri).then(|| {
            if self.granted.contains(uri) {
                Ok(())
            } else {
                refused
            }
        })
    }
}

/// Opens a stream and waits for what the server grants.
async fn listen(connection: &Connection, asked: Uris) -> Result<Stream, Reason> {
    let uris: Vec<String> = asked.iter().map(|uri| quote(uri)).collect();
    let params = format!(
        "{{\"notifications\":{{\"resourceSubscriptions\":[{}]}}}}",
        uris.join(",")
    );
    let reason = |error| refused(error).reason();
    let open = async {
        let mut exchange = connection.listen(&params).await.map_err(reason)?;
        while let Some(message) = exchange.next().await {
            let message = message.map_err(reason)?;
            if let Some(granted) = granted(&message, &asked) {
                return Ok((exchange, granted));
            }
            if matches!(message.kind(), Kind::Response | Kind::Error) {
                break;
            }
        }
        Err(Reason::UpstreamUnavailable)
    };
    let opened = timeout(PATIENCE, open).await;
    let (exchange, granted) = opened.unwrap_or(Err(Reason::UpstreamTimeout))?;
    Ok(Stream {
        exchange,
        asked,
        granted,
    })
}

/// What an acknowledgement grants of what was asked for.
fn granted(message: &Message, asked: &Uris) -> Option<Uris> {
    let method = message.method()?;
    if method != Method::SubscriptionsAcknowledged {
        return None;
    }
    let Ok(Params::Listen(listen)) = view(method, message.params()) else {
        return Some(Uris::new());
    };
    let named = listen.resource_subscriptions.iter();
    let known = named.filter_map(|(uri, _)| asked.get(&**uri).map(Arc::clone));
    Some(known.collect())
}

/// The next notification of a stream; `None` at its end. Without a stream there is none.
async fn next(stream: &mut Option<Stream>) -> Option<Message> {
    let Some(open) = stream else {
        return std::future::pending().await;
    };
    let message = open.exchange.next().await?.ok()?;
    (message.kind() == Kind::Notification).then_some(message)
}

/// Passes on an update that was granted, and nothing else.
fn pass(lease: &Lease, stream: Option<&Stream>, message: &Message) {
    let Some(method) = message.method() else {
        return;
    };
    if let Ok(Params::Updated(resource)) = view(method, message.params())
        && let Some(open) = stream
        && let Some(uri) = open.granted.get(&*resource.uri)
    {
        let uri = Arc::clone(uri);
        lease
            .feed()
            .publish(lease.server(), &Event::Updated { uri });
    }
}

/// Says that these may have changed: nobody listened for a while.
fn announce(lease: &Lease, uris: &Uris) {
    for uri in uris {
        let uri = Arc::clone(uri);
        lease
            .feed()
            .publish(lease.server(), &Event::Updated { uri });
    }
}

fn wanted(feed: &Feed) -> Uris {
    feed.lock().wanted.keys().map(Arc::clone).collect()
}

/// Whether somebody waits for what the server says about a resource.
fn is_awaited(feed: &Feed, uri: &str) -> bool {
    let state = feed.lock();
    let wanted = state.wanted.get(uri);
    wanted.is_some_and(|wanted| !wanted.waiting.is_empty())
}

/// Tells everybody who waits for a resource about which `says` has something to say.
fn answer(feed: &Feed, says: impl Fn(&Arc<str>) -> Option<Result<(), Reason>>) {
    for (uri, wanted) in &mut feed.lock().wanted {
        if wanted.waiting.is_empty() {
            continue;
        }
        if let Some(outcome) = says(uri) {
            for waiting in wanted.waiting.drain(..) {
                // One that gave up has let go of its share already.
                let _gone = waiting.send(outcome);
            }
        }
    }
}
