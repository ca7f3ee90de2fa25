//! A tiny HTTP/1.1 server on a listener, for servers that are reached by URL.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const BODY_LIMIT: usize = 1 << 20;

/// What a server answers to one POST.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Value>,
}

/// A request as it arrived.
pub(crate) struct Arrival {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A running server; it ends when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Running {
    _task: Arc<JoinSet<()>>,
}

/// Answers every connection of the listener.
pub(crate) fn answer_all(
    listener: TcpListener,
    answer: impl FnMut(Arrival) -> Reply + Send + 'static,
) -> Running {
    let answer = Arc::new(Mutex::new(answer));
    let mut task = JoinSet::new();
    task.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let answer = Arc::clone(&answer);
            connections.spawn(async move {
                let service = service_fn(move |request| respond(Arc::clone(&answer), request));
                // A peer that breaks off has no one to tell.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
            while connections.try_join_next().is_some() {}
        }
    });
    Running {
        _task: Arc::new(task),
    }
}

async fn respond<A: FnMut(Arrival) -> Reply>(
    answer: Arc<Mutex<A>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return Ok(response(Reply {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            headers: HeaderMap::new(),
            body: None,
        }));
    };
    let arrival = Arrival {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
    };
    let reply = {
        let mut answer = answer
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        (*answer)(arrival)
    };
    Ok(response(reply))
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let body = reply.body.map(|body| body.to_string()).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}
