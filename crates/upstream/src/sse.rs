//! A server of the old HTTP+SSE transport (2024-11-05, basic/transports): one stream for all that
//! it says, and an address for all that it is told.

mod address;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderName, Method as Verb, StatusCode, Uri};
use hyper::body::Incoming;
use portcullis_mcp::Method;
use portcullis_mcp::framing::{FrameError, SseEvent};
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::http::{Endpoint, Events, Reply, reply, send_queued};
use crate::link::Origin;
use crate::outgoing::Call;
use crate::peer::Peer;
use crate::stdio::{Dispatch, Pending, StdioExchange, before};
use crate::{Credentials, HttpClient, StartupFailure, UpstreamError};

/// How long the stream may take until it says where to send messages.
const FIRST_EVENT: Duration = Duration::from_secs(10);
/// Cancellations that may wait to be sent.
const CANCEL_QUEUE: usize = 32;
/// The event that says where to send messages.
const ENDPOINT: &str = "endpoint";

/// The stream of one server and the requests that wait for it. Answers come as on a pipe, each
/// under its id, so requests are kept and sorted as those to a child process.
#[derive(Debug)]
pub(crate) struct SseLink {
    /// Where messages go.
    endpoint: Arc<Endpoint>,
    pending: Arc<Pending>,
    cancels: mpsc::Sender<String>,
}

impl SseLink {
    /// Opens the stream and waits for the address of messages, which must have the same origin as
    /// the stream: credentials are sent there.
    pub(crate) async fn open(
        peer: Arc<Peer>,
        client: HttpClient,
        url: &Uri,
        headers: &[(HeaderName, SecretString)],
        credentials: Option<&Arc<dyn Credentials>>,
        replies: mpsc::Receiver<String>,
    ) -> Result<Self, UpstreamError> {
        let own = || credentials.cloned();
        let (of_stream, for_stream) = (url.clone(), client.clone());
        let stream = Endpoint::new(Arc::clone(&peer), for_stream, of_stream, headers, own())?;
        let opening = timeout(FIRST_EVENT, first_event(&stream));
        let (event, events) = opening
            .await
            .map_err(|_| StartupFailure::TimedOut)
            .map_err(UpstreamError::from)
            .flatten()?;
        if event.event.as_deref() != Some(ENDPOINT) {
            return Err(StartupFailure::Malformed.into());
        }
        let address = address::resolve(url, &event.data).ok_or(StartupFailure::Origin)?;
        let endpoint = Endpoint::new(Arc::clone(&peer), client, address, headers, own())?;
        let endpoint = Arc::new(endpoint);

        let pending = Arc::new(Pending::default());
        let (cancels, to_cancel) = mpsc::channel(CANCEL_QUEUE);
        tokio::spawn(read(events, Arc::clone(&peer), Arc::clone(&pending)));
        tokio::spawn(send_queued(Arc::clone(&endpoint), replies));
        tokio::spawn(send_queued(Arc::clone(&endpoint), to_cancel));
        Ok(Self {
            endpoint,
            pending,
            cancels,
        })
    }

    /// POSTs a request, until the server has taken it or `deadline` has come.
    pub(crate) async fn send(
        &self,
        call: &Call<'_>,
        deadline: Option<Instant>,
        origin: Origin,
    ) -> Result<StdioExchange, UpstreamError> {
        let (mut exchange, text) = StdioExchange::register(
            &self.endpoint.peer,
            &self.pending,
            &self.cancels,
            call,
            deadline,
            origin,
        )?;
        // From the first byte on the server may have it, except that the protocol forbids
        // cancelling `initialize`.
        if call.method != Method::Initialize {
            exchange.mark_sent();
        }
        match before(deadline, self.post_with(text, call.credentials)).await {
            Some(outcome) => outcome.map(|()| exchange),
            None => Err(UpstreamError::TimedOut),
        }
    }

    /// POSTs one message.
    pub(crate) async fn post(&self, text: String) -> Result<(), UpstreamError> {
        self.post_with(text, None).await
    }

    async fn post_with(
        &self,
        text: String,
        credentials: Option<&dyn Credentials>,
    ) -> Result<(), UpstreamError> {
        let outcome = self.endpoint.tell_with(text, credentials).await;
        if let Err(UpstreamError::Http { status, .. }) = &outcome
            && *status == StatusCode::NOT_FOUND
            && self.endpoint.peer.version().is_some()
        {
            // The address belongs to the stream: a server that does not know it any more has
            // forgotten the session.
            self.endpoint.peer.lifeline.end(UpstreamError::SessionEnded);
            return Err(UpstreamError::SessionEnded);
        }
        outcome
    }

    /// Ends the connection; the reader closes the stream, which is how the server hears of it.
    pub(crate) fn stop(&self) {
        self.endpoint.peer.lifeline.end(UpstreamError::Closed);
    }
}

impl Drop for SseLink {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn first_event(stream: &Endpoint) -> Result<(SseEvent, Events<Incoming>), UpstreamError> {
    let response = stream.bare(Verb::GET, None).await?;
    let status = response.status();
    if !status.is_success() {
        return Err(stream.failure(status, None));
    }
    let Reply::Events(body) = reply(response)? else {
        return Err(UpstreamError::ContentType);
    };
    let mut events = Events::new(body, stream.peer.limits.max_bytes);
    let first = events.next().await.ok_or(UpstreamError::Unanswered)??;
    Ok((first, events))
}

/// Reads the stream until it or the connection ends. The end of the stream is the end of the
/// connection: the old transport has no way to take it up again.
async fn read(mut events: Events<Incoming>, peer: Arc<Peer>, pending: Arc<Pending>) {
    let dispatch = Dispatch {
        peer: Arc::clone(&peer),
        pending: Arc::clone(&pending),
    };
    let reading = async {
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => match event.event.as_deref() {
                    None | Some("message") if !event.data.is_empty() => {
                        dispatch.line(Ok(event.data.into_bytes()));
                    }
                    Some(ENDPOINT) => peer.warn("ignored a second address for messages"),
                    _ => {}
                },
                Err(UpstreamError::Closed) => return,
                Err(_) => {
                    let limit = peer.limits.max_bytes;
                    dispatch.line(Err(FrameError::TooLong { limit }));
                }
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = peer.lifeline.closed() => {}
    }
    let cause = peer
        .lifeline
        .ended()
        .map_or(UpstreamError::Closed, |end| end.cause);
    pending.close(cause.clone());
    peer.lifeline.end(cause);
}
