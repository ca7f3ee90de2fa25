//! The MCP server that everything is measured with: Streamable HTTP, both eras, answers of a known
//! size, and as little work of its own as it can do.
//!
//! The path says how many tools it has: `/100/anything` is a server with a hundred.

mod answer;

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::{Outcome, child};
use answer::Answer;
pub(crate) use answer::{LARGE, PROGRESS};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Serves on a free port, which it prints, until its standard input ends.
///
/// # Errors
/// When no socket can be had.
pub(crate) fn serve() -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(child::serve_until_orphaned(accept))
}

async fn accept(listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(respond)),
        );
    }
}

async fn respond(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let (head, body) = request.into_parts();
    match head.method {
        Method::POST => {}
        Method::DELETE => return Ok(empty(StatusCode::NO_CONTENT)),
        _ => return Ok(empty(StatusCode::METHOD_NOT_ALLOWED)),
    }
    let body = body.collect().await?.to_bytes();
    Ok(match answer::to(&body, tools(head.uri.path())) {
        Answer::Nothing => empty(StatusCode::ACCEPTED),
        Answer::Json(text) => json(text),
        Answer::Session(text) => {
            let mut response = json(text);
            let session = HeaderValue::from_static("bench-session");
            response.headers_mut().insert("mcp-session-id", session);
            response
        }
        Answer::Events(events) => stream(events),
        Answer::Unreadable => empty(StatusCode::BAD_REQUEST),
    })
}

/// How many tools the server at this path has.
fn tools(path: &str) -> usize {
    path.split('/')
        .nth(1)
        .and_then(|first| first.parse().ok())
        .unwrap_or(10)
}

fn json(text: String) -> Response<Body> {
    typed(
        "application/json",
        Full::new(Bytes::from(text)).boxed_unsync(),
    )
}

/// Every event leaves by itself, as it would from a server that works between them.
fn stream(events: Vec<String>) -> Response<Body> {
    let frames = futures_util::stream::unfold(events.into_iter(), |mut events| async move {
        let event = events.next()?;
        tokio::task::yield_now().await;
        Some((Ok(Frame::data(Bytes::from(event))), events))
    });
    typed("text/event-stream", StreamBody::new(frames).boxed_unsync())
}

fn typed(media: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let media = HeaderValue::from_static(media);
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::new()).boxed_unsync());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
