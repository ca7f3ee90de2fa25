//! One request to an HTTP server and the reply to it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use http::Method as Verb;
use hyper::Response;
use hyper::body::Incoming;
use portcullis_mcp::{Era, Kind, Message, Method};
use tokio::runtime::Handle;

use super::events::Events;
use super::post::{Endpoint, Reply, collect, error_body, reply};
use crate::exchange::is_answer;
use crate::incoming::{self, Notice};
use crate::link::Origin;
use crate::outgoing::{Call, cancelled};
use crate::parcel::Parcel;
use crate::stdio::before;
use crate::{UpstreamError, requests};

/// How often in a row a reply stream is taken up again that the server closed before it said
/// anything.
const MAX_RESUMES: u32 = 20;
const DEFAULT_RETRY: Duration = Duration::from_secs(1);
const MIN_RETRY: Duration = Duration::from_millis(10);
const MAX_RETRY: Duration = Duration::from_secs(30);

/// One request to an HTTP server. The reply is read as the caller asks for it, so a slow caller
/// slows the server down and nothing piles up here.
#[derive(Debug)]
pub(crate) struct HttpExchange {
    endpoint: Arc<Endpoint>,
    id: u64,
    era: Era,
    method: Method,
    origin: Origin,
    deadline: Option<Instant>,
    ready: VecDeque<Parcel>,
    events: Option<Events<Incoming>>,
    /// Set when the stream ended before the answer: why, unless it can be taken up again.
    ended: Option<UpstreamError>,
    resumption: Resumption,
    done: bool,
}

/// Where a legacy stream can be taken up (2025-11-25, Resumability and Redelivery).
#[derive(Debug)]
struct Resumption {
    last_event: Option<String>,
    retry: Duration,
    left: u32,
}

impl HttpExchange {
    /// Sends the request. Dropping the future, like dropping the exchange, cancels it.
    pub(crate) async fn send(
        endpoint: &Arc<Endpoint>,
        call: &Call<'_>,
        deadline: Option<Instant>,
        origin: Origin,
    ) -> Result<Self, UpstreamError> {
        let mut exchange = Self {
            endpoint: Arc::clone(endpoint),
            id: endpoint.peer.fresh_id(),
            era: call.era(),
            method: call.method,
            origin,
            deadline,
            ready: VecDeque::new(),
            events: None,
            ended: None,
            resumption: Resumption {
                last_event: None,
                retry: DEFAULT_RETRY,
                left: MAX_RESUMES,
            },
            done: false,
        };
        let opened = before(deadline, exchange.open(call)).await;
        match opened {
            Some(Ok(())) => Ok(exchange),
            Some(Err(error)) => {
                exchange.done = true;
                Err(error)
            }
            None => Err(UpstreamError::TimedOut),
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// The next message; see [`crate::Exchange::next`].
    pub(crate) async fn next(&mut self) -> Option<Result<Parcel, UpstreamError>> {
        if self.done {
            return None;
        }
        let deadline = self.deadline;
        match before(deadline, self.advance()).await {
            Some(Ok(parcel)) => {
                self.done = is_answer(parcel.message());
                if self.done {
                    self.let_go();
                }
                Some(Ok(parcel))
            }
            Some(Err(error)) => {
                self.done = true;
                Some(Err(error))
            }
            None => {
                self.cancel();
                Some(Err(UpstreamError::TimedOut))
            }
        }
    }

    async fn open(&mut self, call: &Call<'_>) -> Result<(), UpstreamError> {
        let response = self.endpoint.call(call, self.id).await?;
        let status = response.status();
        if !status.is_success() {
            let body = error_body(response).await;
            return self.refused(status, &body);
        }
        if self.method == Method::Initialize {
            self.endpoint.open_session(&response);
        }
        self.read(response).await
    }

    /// An HTTP error may still carry the answer to this very request, for instance 404 with
    /// "method not found" (2026-07-28, Protocol Version Header).
    fn refused(&mut self, status: http::StatusCode, body: &[u8]) -> Result<(), UpstreamError> {
        let readable = !matches!(status.as_u16(), 300..=399 | 401);
        let answer = Message::parse(body.to_vec(), &self.endpoint.peer.limits)
            .ok()
            .filter(|message| message.kind() == Kind::Error && self.is_ours(message));
        match answer {
            Some(answer) if readable => {
                self.ready.push_back(answer.into());
                Ok(())
            }
            _ => Err(self.endpoint.failure(status, incoming::error_code(body))),
        }
    }

    async fn read(&mut self, response: Response<Incoming>) -> Result<(), UpstreamError> {
        let max_bytes = self.endpoint.peer.limits.max_bytes;
        match reply(response)? {
            Reply::Json(body) => {
                let body = collect(body, max_bytes).await?;
                self.accept(Vec::from(body))
            }
            Reply::Events(body) => {
                self.events = Some(Events::new(body, max_bytes));
                Ok(())
            }
            Reply::Empty => Err(UpstreamError::Unanswered),
        }
    }

    async fn advance(&mut self) -> Result<Parcel, UpstreamError> {
        loop {
            if let Some(parcel) = self.ready.pop_front() {
                return Ok(parcel);
            }
            if let Some(ended) = self.ended.clone() {
                self.resume(ended).await?;
            }
            let Some(events) = &mut self.events else {
                return Err(UpstreamError::Unanswered);
            };
            match events.next().await {
                Some(Ok(event)) => {
                    if let Some(retry) = event.retry {
                        self.resumption.retry =
                            Duration::from_millis(retry).clamp(MIN_RETRY, MAX_RETRY);
                    }
                    if event.id.is_some() {
                        self.resumption.last_event = event.id;
                    }
                    if !event.data.is_empty() {
                        self.resumption.left = MAX_RESUMES;
                        self.accept(event.data.into_bytes())?;
                    }
                }
                Some(Err(UpstreamError::Closed)) => self.ended = Some(UpstreamError::Closed),
                Some(Err(error)) => return Err(error),
                None => self.ended = Some(UpstreamError::Unanswered),
            }
        }
    }

    /// Asks for the rest of a legacy stream that ended before the answer. When the future is
    /// dropped on the way, the next read tries again.
    async fn resume(&mut self, ended: UpstreamError) -> Result<(), UpstreamError> {
        let resumption = &mut self.resumption;
        let Some(last_event) = resumption.last_event.clone() else {
            return Err(ended);
        };
        if self.era == Era::Modern || resumption.left == 0 {
            return Err(ended);
        }
        resumption.left -= 1;
        tokio::time::sleep(resumption.retry).await;
        let response = self.endpoint.bare(Verb::GET, Some(&last_event)).await?;
        if !response.status().is_success() {
            return Err(ended);
        }
        match reply(response)? {
            Reply::Events(body) => {
                let max_event = self.endpoint.peer.limits.max_bytes;
                self.events = Some(Events::new(body, max_event));
                self.ended = None;
                Ok(())
            }
            Reply::Json(_) | Reply::Empty => Err(ended),
        }
    }

    /// Takes one JSON text of the server: a message, or in 2025-03-26 a batch of them.
    fn accept(&mut self, text: Vec<u8>) -> Result<(), UpstreamError> {
        let peer = &self.endpoint.peer;
        let messages = incoming::messages(text, &peer.limits, peer.sends_batches())
            .inspect_err(|_| peer.malformed("a reply is no valid message"))?;
        for message in messages {
            let parcel = self.sort(message);
            self.ready.extend(parcel);
        }
        Ok(())
    }

    /// What the caller gets. What is meant for the connection, or for nobody, is handled here.
    fn sort(&self, message: Message) -> Option<Parcel> {
        let peer = &self.endpoint.peer;
        match message.kind() {
            Kind::Response | Kind::Error => {
                if self.is_ours(&message) {
                    return Some(message.into());
                }
                peer.discards.stray_answers.add();
                None
            }
            Kind::Request => {
                let request = requests::take(peer, message)?;
                if self.origin == Origin::Caller {
                    return Some(request);
                }
                peer.loose.ask(request);
                None
            }
            Kind::Notification if self.hears(&message) => Some(message.into()),
            Kind::Notification => {
                let used = match incoming::notice(&message) {
                    // Counted when it was heard.
                    Notice::ListChanged(_) => true,
                    Notice::Acknowledged => true,
                    Notice::Updated | Notice::ElicitationComplete if self.era == Era::Legacy => {
                        peer.loose.announce(message)
                    }
                    _ => false,
                };
                if !used {
                    peer.discards.notifications.add();
                }
                None
            }
        }
    }

    /// Whether the caller gets the notification. List changes are counted on the way.
    fn hears(&self, notification: &Message) -> bool {
        let is_legacy = self.era == Era::Legacy;
        // The stream says enough; only what names another subscription is not ours.
        let subscribed = self.origin == Origin::Subscription
            && incoming::subscription(notification).is_none_or(|id| id == self.id);
        match incoming::notice(notification) {
            Notice::Progress(token) => token == self.id,
            Notice::Log => true,
            Notice::ListChanged(method) => {
                self.endpoint.peer.changes.count(method);
                subscribed
            }
            Notice::Acknowledged | Notice::Updated | Notice::Task => subscribed,
            // The server gives up what it asked itself.
            Notice::Cancelled(_) => is_legacy && self.origin == Origin::Caller,
            Notice::ElicitationComplete | Notice::Other => false,
        }
    }

    fn is_ours(&self, message: &Message) -> bool {
        message.id().and_then(incoming::own_id) == Some(self.id)
    }

    /// Stops reading. In the modern era closing the stream is the cancellation; in the legacy
    /// era a disconnect is none, so the server is told (2025-11-25, Sending Messages).
    /// Leaves the connection to the next request, when the server ends its stream with the answer.
    fn let_go(&mut self) {
        let Some(events) = self.events.take() else {
            return;
        };
        let mut rest = Box::pin(events.run_out());
        // The end mostly comes with the answer.
        if rest.as_mut().now_or_never().is_some() {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(rest);
        }
    }

    fn cancel(&mut self) {
        let open = !std::mem::replace(&mut self.done, true);
        self.events = None;
        self.ready.clear();
        // The protocol forbids cancelling `initialize`; an exchange can be dropped outside of a
        // runtime, where nothing can be sent.
        if !open || self.era == Era::Modern || self.method == Method::Initialize {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            let endpoint = Arc::clone(&self.endpoint);
            let text = cancelled(self.id);
            runtime.spawn(async move { endpoint.tell(text).await });
        }
    }
}

impl Drop for HttpExchange {
    fn drop(&mut self) {
        self.cancel();
    }
}
