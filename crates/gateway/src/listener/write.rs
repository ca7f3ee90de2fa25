//! From an answer to an HTTP response: JSON where one message is all, an event stream otherwise.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use portcullis_mcp::framing::write_event;
use portcullis_mcp::version::Era;

use super::edge::Accepted;
use crate::listening::Listening;
use crate::pipeline::Answer;
use crate::refusal::{Reason, Refusal};
use crate::reply::{Outgoing, ReplyStream};

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
            ..
        } => refused(reason, status, body),
        Answer::Stream(reply) => streamed(*reply, accepted).await,
        Answer::Listening(listening) => listened(*listening, accepted),
    }
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
    match reason {
        // RFC 6750 section 3.1: no error code when no credential was sent.
        Reason::CredentialMissing => {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"portcullis\""),
            );
        }
        Reason::CredentialInvalid => {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"portcullis\", error=\"invalid_token\""),
            );
        }
        Reason::VerbNotAllowed => {
            headers.insert(ALLOW, HeaderValue::from_static("POST, DELETE"));
        }
        _ => {}
    }
    response
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Waits for the first message: if it is the answer, one JSON document says it all.
async fn streamed(mut reply: ReplyStream, accepted: Accepted) -> Response<Body> {
    if !accepted.stream {
        // The client cannot take notifications; only the answer reaches it.
        reply.answer_only();
        loop {
            match reply.next().await {
                Some(Outgoing::Answer { text, status }) => {
                    return message(status_of(status), text, accepted);
                }
                Some(Outgoing::Message(_)) => {}
                None => return empty(StatusCode::INTERNAL_SERVER_ERROR),
            }
        }
    }
    let first = match reply.next().await {
        Some(Outgoing::Answer { text, status }) => {
            return message(status_of(status), text, accepted);
        }
        Some(Outgoing::Message(text)) => text,
        None => return empty(StatusCode::INTERNAL_SERVER_ERROR),
    };
    let rest = stream::unfold(reply, |mut reply| async move {
        let text = reply.next().await?.into_text();
        Some((text, reply))
    });
    let events = stream::once(std::future::ready(first))
        .chain(rest)
        .map(|text| Ok(Frame::data(event(&text))));
    event_stream(BodyExt::boxed_unsync(StreamBody::new(events)))
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
            Err(_) => Some((Bytes::from_static(b":\n\n"), Some(waiting))),
            Ok((_, None)) => None,
            Ok((_, Some(Outgoing::Answer { text, .. }))) => Some((event(&text), None)),
            Ok((listening, Some(Outgoing::Message(text)))) => {
                Some((event(&text), Some(Box::pin(step(listening)))))
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
    if !accepted.json {
        return event_stream(Full::new(event(&body)).boxed_unsync());
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

fn event(text: &str) -> Bytes {
    let mut out = Vec::with_capacity(text.len() + 32);
    write_event(&mut out, None, text);
    Bytes::from(out)
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(full(String::new()));
    *response.status_mut() = status;
    response
}

fn full(text: String) -> Body {
    Full::new(Bytes::from(text)).boxed_unsync()
}
