//! The HTTP side of a scripted server.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::{Received, Shared, answer};

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;
pub(super) type Events = mpsc::Sender<Result<String, io::Error>>;

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| respond(Arc::clone(&shared), request));
        tokio::spawn(async move {
            // A script that lets the connection die ends it with an error.
            let _ended = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

async fn respond(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Body>, io::Error> {
    let (head, body) = request.into_parts();
    // It publishes nothing about itself, and is not at any path but its own.
    if head.uri.path().starts_with("/.well-known/") {
        return Ok(empty(StatusCode::NOT_FOUND));
    }
    let bytes = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let body = String::from_utf8_lossy(&bytes).into_owned();
    let envelope = serde_json::from_str::<Envelope<'_>>(&body).ok();
    let raw = |value: Option<&RawValue>| value.map(|value| value.get().to_owned());
    let received = Received {
        verb: head.method.to_string(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
        method: envelope
            .as_ref()
            .and_then(|envelope| envelope.method.clone())
            .unwrap_or_default(),
        id: envelope.as_ref().and_then(|envelope| raw(envelope.id)),
        params: envelope.as_ref().and_then(|envelope| raw(envelope.params)),
        body,
    };
    let hook = shared.hook.lock().unwrap().clone();
    shared.received.lock().unwrap().push(received.clone());
    if let Some(hook) = hook {
        hook(received.clone()).await;
    }
    if shared.down.load(Ordering::SeqCst) {
        return Err(io::Error::other("down"));
    }
    let guard = shared.guard.lock().unwrap().clone();
    if let Some((status, headers)) = guard.and_then(|guard| guard(&received)) {
        let mut refused = empty(StatusCode::from_u16(status).unwrap());
        for (name, value) in headers {
            refused.headers_mut().insert(name, value.parse().unwrap());
        }
        return Ok(refused);
    }
    match received.verb.as_str() {
        "POST" => answer::answer(&shared, received).await,
        "GET" => Ok(answer::announcements(&shared, None)),
        _ => Ok(empty(StatusCode::OK)),
    }
}

pub(super) fn empty(status: StatusCode) -> Response<Body> {
    respond_with(status, "text/plain", String::new())
}

pub(super) fn json(text: String) -> Response<Body> {
    respond_with(StatusCode::OK, "application/json", text)
}

pub(super) fn respond_with(status: StatusCode, kind: &str, text: String) -> Response<Body> {
    let body = Full::new(Bytes::from(text))
        .map_err(|never| match never {})
        .boxed_unsync();
    Response::builder()
        .status(status)
        .header("content-type", kind)
        .body(body)
        .unwrap()
}

/// An event stream that sends what comes through the channel. An error breaks the connection.
pub(super) fn events() -> (Events, Response<Body>) {
    let (sender, receiver) = mpsc::channel(16);
    let frames = futures_util::stream::unfold(
        receiver,
        |mut receiver: mpsc::Receiver<Result<String, io::Error>>| async {
            let event = receiver.recv().await?.map(|text| {
                let lines: String = text.lines().map(|line| format!("data: {line}\n")).collect();
                Frame::data(Bytes::from(format!("{lines}\n")))
            });
            Some((event, receiver))
        },
    );
    let response = Response::builder()
        .header("content-type", "text/event-stream")
        .body(StreamBody::new(frames).boxed_unsync())
        .unwrap();
    (sender, response)
}
