//! A loopback HTTP endpoint that records what it gets and answers as a test scripts it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use portcullis_upstream::{HttpKind, Spec, Transport};
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) verb: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Seen {
    pub(crate) fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }

    pub(crate) fn id(&self) -> &Value {
        &self.body["id"]
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn tool(&self) -> &str {
        self.body["params"]["name"].as_str().unwrap_or_default()
    }

    /// The answer to this request.
    pub(crate) fn result(&self, result: &Value) -> String {
        json!({"jsonrpc": "2.0", "id": self.id(), "result": result}).to_string()
    }

    /// The error answer to this request.
    pub(crate) fn error(&self, code: i64) -> String {
        json!({"jsonrpc": "2.0", "id": self.id(), "error": {"code": code, "message": "no"}})
            .to_string()
    }
}

/// What to answer.
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

enum Body {
    Whole(String),
    /// Chunks as the test sends them.
    Chunks(mpsc::Receiver<String>),
}

impl Reply {
    pub(crate) fn json(text: impl Into<String>) -> Self {
        Self::status(200)
            .with("content-type", "application/json")
            .body(text)
    }

    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Whole(String::new()),
        }
    }

    pub(crate) fn accepted() -> Self {
        Self::status(202)
    }

    /// A whole event stream.
    pub(crate) fn events(text: impl Into<String>) -> Self {
        Self::status(200)
            .with("content-type", "text/event-stream; charset=utf-8")
            .body(text)
    }

    /// An event stream that the test feeds.
    pub(crate) fn live() -> (Self, mpsc::Sender<String>) {
        let (sender, receiver) = mpsc::channel(16);
        let mut reply = Self::events("");
        reply.body = Body::Chunks(receiver);
        (reply, sender)
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, text: impl Into<String>) -> Self {
        self.body = Body::Whole(text.into());
        self
    }
}

/// An event with this message.
pub(crate) fn event(message: &str) -> String {
    format!("data: {message}\n\n")
}

pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Endpoint {
    pub(crate) async fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(None, script).await
    }

    pub(crate) async fn start_tls(
        config: ServerConfig,
        script: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::start_with(Some(acceptor), script).await
    }

    async fn start_with(
        tls: Option<TlsAcceptor>,
        script: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let script = Arc::new(script);
        let (log, count) = (Arc::clone(&seen), Arc::clone(&connections));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                let service = service_fn(move |request| {
                    answer(request, Arc::clone(&script), Arc::clone(&log))
                });
                let builder = http1::Builder::new();
                let Some(tls) = tls.clone() else {
                    tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
                    continue;
                };
                tokio::spawn(async move {
                    if let Ok(stream) = tls.accept(stream).await {
                        let connection = builder.serve_connection(TokioIo::new(stream), service);
                        let _ended = connection.await;
                    }
                });
            }
        });
        Self {
            address,
            seen,
            connections,
        }
    }

    /// Everything that arrived so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The methods of the POSTs and the verbs of the rest.
    pub(crate) fn log(&self) -> Vec<String> {
        self.seen()
            .iter()
            .map(|seen| {
                if seen.verb == "POST" {
                    seen.method().to_owned()
                } else {
                    seen.verb.clone()
                }
            })
            .collect()
    }

    pub(crate) fn spec(&self) -> Spec {
        let url = format!("http://user:pass@{}/mcp?key=query-secret", self.address);
        crate::support::spec(Transport::Http {
            url: url.parse().unwrap(),
            headers: vec![(
                "authorization".parse().unwrap(),
                "Bearer header-secret".into(),
            )],
            kind: HttpKind::Auto,
            tls: None,
        })
    }
}

async fn answer(
    request: Request<Incoming>,
    script: Arc<impl Fn(&Seen) -> Reply>,
    log: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Ok(Response::default());
    };
    let seen = Seen {
        verb: head.method.to_string(),
        target: head.uri.to_string(),
        headers: head.headers,
        body: serde_json::from_slice(&body.to_bytes()).unwrap_or_default(),
    };
    log.lock().unwrap().push(seen.clone());
    let reply = script(&seen);
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    let body = match reply.body {
        Body::Whole(text) => Full::new(Bytes::from(text)).boxed(),
        Body::Chunks(receiver) => {
            let frames = stream::unfold(receiver, |mut receiver| async move {
                let chunk = receiver.recv().await?;
                Some((Ok(Frame::data(Bytes::from(chunk))), receiver))
            });
            BodyExt::boxed(StreamBody::new(sync(frames)))
        }
    };
    Ok(response.body(body).unwrap())
}

/// `BoxBody` asks for `Sync`; the receiver in the stream is, the future around it is not known to be.
fn sync<T: Send + 'static>(
    frames: impl futures_util::Stream<Item = T> + Send + 'static,
) -> impl futures_util::Stream<Item = T> + Send + Sync {
    SyncStream(Mutex::new(Box::pin(frames)))
}

struct SyncStream<S: ?Sized>(Mutex<std::pin::Pin<Box<S>>>);

impl<S: futures_util::Stream> futures_util::Stream for SyncStream<S> {
    type Item = S::Item;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<S::Item>> {
        self.get_mut()
            .0
            .get_mut()
            .unwrap()
            .as_mut()
            .poll_next(context)
    }
}

/// A legacy server: `initialize` opens a session, the rest is the test's.
pub(crate) fn legacy(
    rest: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
) -> impl Fn(&Seen) -> Reply + Send + Sync {
    move |seen| match (seen.verb.as_str(), seen.method()) {
        ("POST", "server/discover") => Reply::status(400).body("Bad Request: no session"),
        ("POST", "initialize") => Reply::json(seen.result(&json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {"listChanged": true}},
            "serverInfo": {"name": "loopback", "version": "1"},
        })))
        .with("mcp-session-id", "session-1"),
        ("POST", "notifications/initialized" | "notifications/cancelled") => Reply::accepted(),
        _ => rest(seen),
    }
}

/// A modern server: `server/discover` is answered, the rest is the test's.
pub(crate) fn modern(
    rest: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
) -> impl Fn(&Seen) -> Reply + Send + Sync {
    move |seen| match (seen.verb.as_str(), seen.method()) {
        ("POST", "server/discover") => Reply::json(seen.result(&json!({
            "resultType": "complete",
            "supportedVersions": ["2026-07-28"],
            "capabilities": {"tools": {}},
            "ttlMs": 0,
            "cacheScope": "private",
        }))),
        _ => rest(seen),
    }
}
