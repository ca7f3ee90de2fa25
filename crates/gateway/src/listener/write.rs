//! From an answer to an HTTP response: JSON where one message is all, an event stream otherwise.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use portcullis_mcp::framing::write_event;
use portcullis_mcp::version::Era;

use super::detach::Attached;
use super::edge::Accepted;
use crate::listening::Listening;
use crate::pipeline::Answer;
use crate::refusal::{Reason, Refusal};
use crate::replay::Resumed;
use crate::reply::{Outgoing, ReplyStream};

/// How long a legacy host waits before it gets a stream.
const EARLY: Duration = Duration::from_millis(250);
/// After how many milliseconds a host that lost its stream should come back.
const RETRY: u32 = 1_000;
/// Shows that a stream still lives.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");
/// How long a stream is silent before it shows that it still lives.
const QUIET: Duration = Duration::from_secs(15);

/// The body of every response.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

pub(super) async fn answer(answer: Answer, accepted: Accepted, verb: &Method) -> Response<Body> {
    match answer {
        Answer::Accepted if *verb == Method::DELETE => empty(StatusCode::NO_CONTENT),
        Answer::Accepted => empty(StatusCode::ACCEPTED),
        Answer::Message { body, session, .. } => {
            let mut response = message(StatusCode::OK, body, accepted);
            if let Some(value) = session.and_then(|session| HeaderValue::from_str(&session).ok()) {
                response.headers_mut().insert("mcp-session-id", value);
            }
            response
        }
        Answer::Refused {
            reason,
            status,
            body,
            challenges,
            nonce,
            ..
        } => {
            let mut response = refused(reason, status, body);
            challenge(response.headers_mut(), &challenges, nonce.as_deref());
            response
        }
        Answer::Stream(reply) => streamed(*reply, accepted).await,
        Answer::Listening(listening) => listened(*listening, accepted),
        Answer::Resumed(stream) => resumed(*stream),
    }
}

/// A body that is there in full.
pub(super) fn whole(body: Bytes) -> Body {
    Full::new(body).boxed_unsync()
}

/// A status and nothing else.
pub(super) fn plain(status: StatusCode) -> Response<Body> {
    empty(status)
}

pub(super) fn healthy() -> Response<Body> {
    let mut response = Response::new(full("ok\n".to_owned()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn refused(reason: Reason, status: u16, body: String) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = status_of(status);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if reason == Reason::VerbNotAllowed {
        headers.insert(ALLOW, HeaderValue::from_static("GET, POST, DELETE"));
    }
    response
}

/// One header for each challenge, so that none can be read into another.
fn challenge(headers: &mut HeaderMap, challenges: &[String], nonce: Option<&str>) {
    for challenge in challenges {
        if let Ok(value) = HeaderValue::from_str(challenge) {
            headers.append(WWW_AUTHENTICATE, value);
        }
    }
    if let Some(value) = nonce.and_then(|nonce| HeaderValue::from_str(nonce).ok()) {
        headers.insert("dpop-nonce", value);
    }
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Waits for the first message: if it is the answer, one JSON document says it all.
///
/// A legacy host does not wait for long: there the status is the same whatever comes, and a stream
/// that has begun can be taken up again when its connection is lost.
async fn streamed(mut reply: ReplyStream, accepted: Accepted) -> Response<Body> {
    if !accepted.stream {
        reply.answer_only();
        return answered(Attached::new(reply), accepted).await;
    }
    let early = reply.outlives_connection();
    let host = reply.host();
    let attached = Attached::new(reply);
    let record = attached.record();
    let mut first = Box::pin(advance(attached));
    let began = if early {
        tokio::time::timeout(EARLY, first.as_mut()).await.ok()
    } else {
        Some(first.as_mut().await)
    };
    let (begun, rest) = match began {
        Some((attached, Some(Outgoing::Answer { text, status: 200 })))
            if accepted.rather_stream =>
        {
            (Some(text), Box::pin(advance(attached)))
        }
        Some((_, Some(Outgoing::Answer { text, status }))) => {
            return message(status_of(status), text, accepted);
        }
        // The host took its request back and wants no answer.
        Some((_, None)) => return empty(StatusCode::ACCEPTED),
        Some((attached, Some(Outgoing::Message(text)))) => {
            (Some(text), Box::pin(advance(attached)))
        }
        None => (None, first),
    };
    let prime = host.map(|host| prime(&record.begin(&host)));
    let begun = begun.map(|text| event(record.push(&text).as_deref(), &text));
    let due: VecDeque<Bytes> = prime.into_iter().chain(begun).collect();
    let frames = stream::unfold((due, Some(rest)), move |(mut due, rest)| {
        let record = record.clone();
        async move {
            if let Some(bytes) = due.pop_front() {
                return Some((bytes, (due, rest)));
            }
            // The step under way is kept over a pause: it must not be cancelled half-way.
            let mut rest = rest?;
            match tokio::time::timeout(QUIET, rest.as_mut()).await {
                Err(_) => Some((COMMENT, (due, Some(rest)))),
                Ok((attached, outgoing)) => {
                    let text = outgoing?.into_text();
                    let bytes = event(record.push(&text).as_deref(), &text);
                    Some((bytes, (due, Some(Box::pin(advance(attached))))))
                }
            }
        }
    })
    .map(|bytes| Ok(Frame::data(bytes)));
    event_stream(BodyExt::boxed_unsync(StreamBody::new(frames)))
}

async fn advance(mut attached: Attached) -> (Attached, Option<Outgoing>) {
    let next = attached.next().await;
    (attached, next)
}

/// For a client that takes no stream: notifications are left out, only the answer reaches it.
async fn answered(mut reply: Attached, accepted: Accepted) -> Response<Body> {
    loop {
        match reply.next().await {
            Some(Outgoing::Answer { text, status }) => {
                return message(status_of(status), text, accepted);
            }
            Some(Outgoing::Message(_)) => {}
            None => return empty(StatusCode::ACCEPTED),
        }
    }
}

/// The rest of a stream that a host takes up again.
fn resumed(resumed: Resumed) -> Response<Body> {
    let frames = stream::unfold(resumed, |mut resumed| async move {
        match tokio::time::timeout(QUIET, resumed.next()).await {
            Err(_) => Some((COMMENT, resumed)),
            Ok(next) => next.map(|(id, text)| (event(Some(&id), &text), resumed)),
        }
    })
    .map(|bytes| Ok(Frame::data(bytes)));
    event_stream(BodyExt::boxed_unsync(StreamBody::new(frames)))
}

/// A stream that stays open. A comment now and then keeps what lies between from closing it.
fn listened(listening: Listening, accepted: Accepted) -> Response<Body> {
    if !accepted.stream {
        let refusal = Refusal::new(Reason::NotAcceptable);
        let status = refusal.status(Era::Modern);
        return refused(refusal.reason(), status, listening.turn_down(&refusal));
    }
    // The step under way is kept over a pause: it must not be cancelled half-way.
    let frames = stream::unfold(Some(Box::pin(step(listening))), |waiting| async move {
        let mut waiting = waiting?;
        match tokio::time::timeout(QUIET, waiting.as_mut()).await {
            Err(_) => Some((COMMENT, Some(waiting))),
            Ok((_, None)) => None,
            Ok((_, Some(Outgoing::Answer { text, .. }))) => Some((event(None, &text), None)),
            Ok((listening, Some(Outgoing::Message(text)))) => {
                Some((event(None, &text), Some(Box::pin(step(listening)))))
            }
        }
    })
    .map(|bytes| Ok(Frame::data(bytes)));
    event_stream(BodyExt::boxed_unsync(StreamBody::new(frames)))
}

async fn step(mut listening: Listening) -> (Listening, Option<Outgoing>) {
    let next = listening.next().await;
    (listening, next)
}

fn message(status: StatusCode, body: String, accepted: Accepted) -> Response<Body> {
    // A status that says what is wrong is told with a document; a stream has none of its own.
    let rather_stream = accepted.rather_stream && status == StatusCode::OK;
    if !accepted.json || rather_stream {
        return event_stream(Full::new(event(None, &body)).boxed_unsync());
    }
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn event_stream(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Reverse proxies must not collect a stream (2026-07-28, streamable HTTP).
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn event(id: Option<&str>, text: &str) -> Bytes {
    let mut out = Vec::with_capacity(text.len() + 32);
    write_event(&mut out, id, text);
    Bytes::from(out)
}

/// The event that begins a stream: an id to go on from, and when to come back (2025-11-25, SEP-1699).
fn prime(id: &str) -> Bytes {
    Bytes::from(format!("id: {id}\nretry: {RETRY}\ndata: \n\n"))
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(full(String::new()));
    *response.status_mut() = status;
    response
}

fn full(text: String) -> Body {
    Full::new(Bytes::from(text)).boxed_unsync()
}
