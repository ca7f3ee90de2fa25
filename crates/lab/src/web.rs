//! HTTP/1.1 for the lab's identity servers: one function answers, everything asked is counted and remembered, and
//! an answer can be slow, endless or broken off.

mod body;
mod tls;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub(crate) use body::Ending;
use body::Sending;

/// What one request may hold.
const BODY_LIMIT: usize = 1 << 20;
/// Remembered requests; the oldest go first.
const MEMORY: usize = 4096;

/// Names and values, as often and in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `application/x-www-form-urlencoded` text.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    /// The first value of that name; an empty one counts as absent (RFC 6749, section 3.1).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of that name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// All names and values.
    #[must_use]
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

/// One request that reached a lab server.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query's parameters.
    pub query: Parameters,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Asked {
    /// The body as a form.
    #[must_use]
    pub fn form(&self) -> Parameters {
        Parameters::parse(&self.body)
    }

    /// The body as JSON; `Null` when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header field as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What a server answers.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Bytes,
    /// How long the peer waits for the head.
    pub(crate) after: Duration,
    pub(crate) ending: Ending,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, kind: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![(header::CONTENT_TYPE, kind.to_owned())],
            body: body.into(),
            after: Duration::ZERO,
            ending: Ending::End,
        }
    }

    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", body.to_string())
    }

    pub(crate) fn html(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(status, "text/html; charset=utf-8", body)
    }

    pub(crate) fn redirect(location: impl Into<String>) -> Self {
        Self::html(StatusCode::FOUND, Bytes::new()).with(header::LOCATION, location)
    }

    pub(crate) fn not_found() -> Self {
        Self::html(StatusCode::NOT_FOUND, Bytes::new())
    }

    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Where a server listens, and whether it speaks TLS.
pub(crate) struct Place<'a> {
    pub(crate) listen: SocketAddr,
    /// The folder that gets the certificate authority, and the names of the server's certificate.
    pub(crate) tls: Option<(&'a Path, &'a [&'a str])>,
}

/// A bound server that does not answer yet: its address is needed for what it will say.
pub(crate) struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
}

impl Bound {
    /// # Errors
    /// When the address cannot be bound, or the certificates cannot be made or written.
    pub(crate) async fn new(place: &Place<'_>) -> io::Result<Self> {
        let listener = TcpListener::bind(place.listen).await?;
        let address = listener.local_addr()?;
        let acceptor = match place.tls {
            Some((folder, names)) => Some(tls::acceptor(folder, names)?),
            None => None,
        };
        Ok(Self {
            listener,
            address,
            acceptor,
        })
    }

    /// The origin, without a slash at the end.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.acceptor.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    pub(crate) fn serve(self, answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
        let memory = Arc::new(Mutex::new(Vec::new()));
        let handler = Arc::new(Handler {
            answer: Box::new(answer),
            memory: Arc::clone(&memory),
        });
        let mut task = JoinSet::new();
        task.spawn(accept(self.listener, self.acceptor, handler));
        Server {
            memory,
            _task: Arc::new(task),
        }
    }
}

/// A running server; it ends when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Server {
    memory: Arc<Mutex<Vec<Asked>>>,
    _task: Arc<JoinSet<()>>,
}

impl Server {
    /// What was asked so far on that path, oldest first.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        lock(&self.memory)
            .iter()
            .filter(|asked| asked.path == path)
            .cloned()
            .collect()
    }
}

/// A mutex whose holder panicked is a test that failed already.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Handler {
    answer: Box<dyn Fn(&Asked) -> Answer + Send + Sync>,
    memory: Arc<Mutex<Vec<Asked>>>,
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, handler: Arc<Handler>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let (acceptor, handler) = (acceptor.clone(), Arc::clone(&handler));
        connections.spawn(converse(stream, acceptor, handler));
        while connections.try_join_next().is_some() {}
    }
}

/// A peer that breaks off, in the handshake or later, has no one to tell.
async fn converse(stream: TcpStream, acceptor: Option<TlsAcceptor>, handler: Arc<Handler>) {
    let service = service_fn(move |request| respond(Arc::clone(&handler), request));
    let server = hyper::server::conn::http1::Builder::new();
    let _ended = match acceptor {
        None => server.serve_connection(TokioIo::new(stream), service).await,
        Some(acceptor) => {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            server.serve_connection(TokioIo::new(stream), service).await
        }
    };
}

async fn respond(
    handler: Arc<Handler>,
    request: Request<Incoming>,
) -> Result<Response<Sending>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        let answer = Answer::html(StatusCode::PAYLOAD_TOO_LARGE, Bytes::new());
        return Ok(response(answer));
    };
    let asked = Asked {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: Parameters::parse(head.uri.query().unwrap_or_default().as_bytes()),
        headers: head.headers,
        body: body.to_bytes(),
    };
    {
        let mut memory = lock(&handler.memory);
        if memory.len() >= MEMORY {
            memory.remove(0);
        }
        memory.push(asked.clone());
    }
    let answer = (handler.answer)(&asked);
    tokio::time::sleep(answer.after).await;
    Ok(response(answer))
}

fn response(answer: Answer) -> Response<Sending> {
    let mut response = Response::new(Sending::new(answer.body, answer.ending));
    *response.status_mut() = answer.status;
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().append(name, value);
        }
    }
    let caching = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(caching);
    response
}
