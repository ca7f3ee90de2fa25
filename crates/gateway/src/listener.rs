//! Streamable HTTP for both eras on one endpoint (MCP 2025-11-25 transports, 2026-07-28
//! streamable HTTP).
//!
//! What can be refused without reading the body is refused here: verb, `Host`, `Origin`, media
//! types. Everything else is the pipeline's.

mod capacity;
mod cors;
mod detach;
mod edge;
mod forwarded;
mod patience;
mod tls;
mod unread;
mod write;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use portcullis_front::Front;
use portcullis_identity::Certificate;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::arrival::Arrival;
use crate::authn::Principal;
use crate::gateway::Gateway;
use crate::pipeline::{self, Received};
use crate::protocol::claims_modern;
use crate::refusal::{Reason, Refusal};
use capacity::Capacity;
use patience::{Activity, Answering, Watched};
use unread::Unread;
use write::Body;

pub use tls::{ClientCertificates, Tls, TlsError, TlsKey, TlsSettings};

/// How long a client may take to send its request head, and then its body.
const SLOW_CLIENT: Duration = Duration::from_secs(15);
/// The largest form that a page takes.
const FORM: usize = 64 * 1024;
/// How long open connections get to end when the gateway stops.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves connections in clear text until `stop` resolves, then lets open ones end.
pub async fn serve(gateway: Arc<Gateway>, listener: TcpListener, stop: impl Future<Output = ()>) {
    run(gateway, listener, None, stop).await;
}

/// Serves connections over TLS until `stop` resolves, then lets open ones end. The files that `tls`
/// was loaded from are looked at meanwhile.
pub async fn serve_tls(
    gateway: Arc<Gateway>,
    listener: TcpListener,
    tls: Tls,
    stop: impl Future<Output = ()>,
) {
    tokio::select! {
        () = run(gateway, listener, Some(tls.clone()), stop) => {}
        () = tls.watch() => {}
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
struct Peer {
    remote: SocketAddr,
    certificate: Option<Arc<Certificate>>,
}

async fn run(
    gateway: Arc<Gateway>,
    listener: TcpListener,
    tls: Option<Tls>,
    stop: impl Future<Output = ()>,
) {
    let mut server = Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(SLOW_CLIENT);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(256)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let capacity = Capacity::of_this_process();
    capacity::lengthen_queue(&listener);
    tokio::pin!(stop);
    loop {
        let next = async { (capacity.place().await, listener.accept().await) };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = &mut stop => break,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: leave time for some to be closed.
                tracing::error!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
        let (server, gateway, watcher) = (server.clone(), Arc::clone(&gateway), graceful.watcher());
        let tls = tls.clone();
        while connections.try_join_next().is_some() {}
        connections.spawn(async move {
            let _place = place;
            let activity = Activity::new(Instant::now());
            let stream = Watched {
                stream,
                activity: activity.clone(),
            };
            let Some(tls) = tls else {
                let peer = Peer {
                    remote,
                    certificate: None,
                };
                return converse(&server, gateway, (stream, activity), peer, watcher).await;
            };
            if let Some((stream, certificate)) = tls.accept(stream).await {
                let peer = Peer {
                    remote,
                    certificate,
                };
                converse(&server, gateway, (stream, activity), peer, watcher).await;
            }
        });
    }
    drop(listener);
    // Streams would never end by themselves.
    gateway.close_streams();
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("connections that did not end in time are dropped");
        // What they carried is cancelled, and its audit entries are closed.
        connections.shutdown().await;
    }
}

/// Serves one connection until it ends or is not worth keeping.
async fn converse<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    server: &Builder<TokioExecutor>,
    gateway: Arc<Gateway>,
    (stream, activity): (S, Activity),
    peer: Peer,
    watcher: Watcher,
) {
    let given_up = activity.clone().given_up();
    let service = service_fn(move |request| {
        let (gateway, peer) = (Arc::clone(&gateway), peer.clone());
        let busy = activity.request();
        async move {
            let response = respond(&gateway, request, peer).await;
            Ok::<_, Infallible>(response.map(|body| Answering { body, _busy: busy }))
        }
    });
    let connection = server.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = watcher.watch(connection.into_owned()) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended with an error");
            }
        }
        () = given_up => tracing::debug!("a connection that did nothing was closed"),
    }
}

async fn respond(gateway: &Arc<Gateway>, request: Request<Incoming>, peer: Peer) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = Unread::new(body, &head.headers);
    let response = answer(gateway, head, &body, peer).await;
    body.forget().await;
    response
}

async fn answer(gateway: &Arc<Gateway>, head: Parts, body: &Unread, peer: Peer) -> Response<Body> {
    let snapshot = gateway.snapshot();
    if head.method == Method::GET && head.uri.path() == "/healthz" {
        return write::healthy();
    }
    let config = snapshot.config();
    let arrival = edge::arrival(&head, peer.remote, peer.certificate, config);
    let path = head.uri.path();
    let front = snapshot.facilities().front.as_ref();
    let front = front.filter(|front| front.owns(path));
    let judged = match front.is_some_and(|front| front.is_public(path)) {
        true => edge::check_host(&head, config),
        false => edge::check(&head, config),
    };
    if let Err(refusal) = judged {
        return write::answer(
            pipeline::turn_away(gateway, &arrival, &refusal),
            edge::Accepted::both(),
            &head.method,
        )
        .await;
    }
    if let Some(front) = front {
        let principal = snapshot.authenticator().without_token(&arrival.facts);
        return visit(front, head, body, peer.remote, principal.as_deref()).await;
    }
    let Some(reader) = cors::Reader::of(&head.headers, config) else {
        return endpoint(gateway, head, body, arrival).await;
    };
    match reader.preflight(&head) {
        Some(answer) => answer,
        None => reader.may_read(endpoint(gateway, head, body, arrival).await),
    }
}

/// Answers at an MCP endpoint.
async fn endpoint(
    gateway: &Arc<Gateway>,
    head: Parts,
    body: &Unread,
    arrival: Arrival,
) -> Response<Body> {
    if head.method == Method::DELETE {
        return write::answer(
            pipeline::end_session(gateway, arrival).await,
            edge::Accepted::both(),
            &head.method,
        )
        .await;
    }
    let accepted = edge::Accepted::read(&head.headers);
    if head.method == Method::GET && names_session(&arrival) {
        return match accepted.filter(|accepted| accepted.stream) {
            Some(accepted) => {
                write::answer(
                    pipeline::listen(gateway, arrival).await,
                    accepted,
                    &head.method,
                )
                .await
            }
            None => turned_away(gateway, &arrival, Reason::NotAcceptable, &head.method).await,
        };
    }
    let refused = match (
        head.method == Method::POST,
        edge::is_json(&head.headers),
        accepted,
    ) {
        (false, ..) => Some(Reason::VerbNotAllowed),
        (true, false, _) => Some(Reason::ContentTypeWrong),
        (true, true, None) => Some(Reason::NotAcceptable),
        (true, true, Some(_)) => None,
    };
    if let Some(reason) = refused {
        return turned_away(gateway, &arrival, reason, &head.method).await;
    }
    let limit = gateway.snapshot().config().limits.max_message;
    let entry = pipeline::begin(gateway, &arrival.facts, None);
    // A host in a session may lose its connection and not mean it.
    let answer = if pipeline::is_in_session(&arrival.facts) {
        let (served, body) = (Arc::clone(gateway), body.clone());
        let making =
            async move { pipeline::serve(&served, entry, arrival, read(&body, limit)).await };
        detach::Detachable::new(making, gateway.detached()).await
    } else {
        pipeline::serve(gateway, entry, arrival, read(body, limit)).await
    };
    write::answer(
        answer,
        accepted.unwrap_or(edge::Accepted::both()),
        &head.method,
    )
    .await
}

/// Serves a page or a document: what is no MCP endpoint.
async fn visit(
    front: &Front,
    head: Parts,
    body: &Unread,
    remote: SocketAddr,
    principal: Option<&Principal>,
) -> Response<Body> {
    let body = match read(body, FORM).await {
        Ok(Received::Bytes(bytes)) => Bytes::from(bytes),
        Ok(Received::Message(_)) => Bytes::new(),
        Err(_) => return write::plain(StatusCode::PAYLOAD_TOO_LARGE),
    };
    let facts = portcullis_front::Facts {
        peer: remote.ip().to_canonical(),
        principal: principal.map(|principal| &**principal.key()),
    };
    let request = Request::from_parts(head, body);
    front.respond(request, &facts).await.map(write::whole)
}

async fn turned_away(
    gateway: &Gateway,
    arrival: &Arrival,
    reason: Reason,
    verb: &Method,
) -> Response<Body> {
    write::answer(
        pipeline::turn_away(gateway, arrival, &Refusal::new(reason)),
        edge::Accepted::both(),
        verb,
    )
    .await
}

/// Whether a GET is for the stream of a legacy session. The modern era has neither (2026-07-28,
/// streamable HTTP).
fn names_session(arrival: &Arrival) -> bool {
    let headers = &arrival.facts.headers;
    headers.session.is_some() && !claims_modern(headers.version.as_deref())
}

/// Reads a body within its limits of size and time.
async fn read(body: &Unread, limit: usize) -> Result<Received, Refusal> {
    let Some(body) = body.take() else {
        return Ok(Received::Bytes(Vec::new()));
    };
    let collected = tokio::time::timeout(SLOW_CLIENT, Limited::new(body, limit).collect()).await;
    match collected {
        Err(_) => {
            Err(Refusal::new(Reason::InvalidRequest).detail("the body did not arrive in time"))
        }
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Refusal::new(Reason::MessageTooLarge))
        }
        Ok(Err(_)) => Err(Refusal::new(Reason::InvalidRequest).detail("the body broke off")),
        Ok(Ok(collected)) => {
            let bytes: Bytes = collected.to_bytes();
            Ok(Received::Bytes(Vec::from(bytes)))
        }
    }
}
