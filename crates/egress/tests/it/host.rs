//! A host on this machine that records what it gets and answers as a test says.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rustls::{NamedGroup, ProtocolVersion, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub(crate) type Body = BoxBody<Bytes, Infallible>;

#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What a connection agreed on.
#[derive(Clone, Debug)]
pub(crate) struct Agreed {
    pub(crate) version: Option<ProtocolVersion>,
    pub(crate) group: Option<NamedGroup>,
    pub(crate) has_client_certificate: bool,
}

pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    agreed: Arc<Mutex<Vec<Agreed>>>,
    connections: Arc<AtomicUsize>,
}

impl Host {
    pub(crate) async fn plain(
        script: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        Self::start("127.0.0.1:0", None, script).await
    }

    pub(crate) async fn tls(
        config: ServerConfig,
        script: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        Self::start("127.0.0.1:0", Some(config), script).await
    }

    pub(crate) async fn start(
        address: &str,
        tls: Option<ServerConfig>,
        script: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let host = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            agreed: Arc::default(),
            connections: Arc::default(),
        };
        let (seen, agreed, connections) = (
            Arc::clone(&host.seen),
            Arc::clone(&host.agreed),
            Arc::clone(&host.connections),
        );
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let script = Arc::new(script);
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let (seen, agreed) = (Arc::clone(&seen), Arc::clone(&agreed));
                let (script, acceptor) = (Arc::clone(&script), acceptor.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        answer(request, Arc::clone(&script), Arc::clone(&seen))
                    });
                    let builder = Builder::new(TokioExecutor::new());
                    let Some(acceptor) = acceptor else {
                        let _ended = builder.serve_connection(TokioIo::new(tcp), service).await;
                        return;
                    };
                    if let Ok(stream) = acceptor.accept(tcp).await {
                        let tls = stream.get_ref().1;
                        agreed.lock().unwrap().push(Agreed {
                            version: tls.protocol_version(),
                            group: tls
                                .negotiated_key_exchange_group()
                                .map(|group| group.name()),
                            has_client_certificate: tls.peer_certificates().is_some(),
                        });
                        let _ended = builder
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    }
                });
            }
        });
        host
    }

    pub(crate) fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://{}{path}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn agreed(&self) -> Vec<Agreed> {
        self.agreed.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

pub(crate) fn ok(text: &'static str) -> Response<Body> {
    Response::new(Full::new(Bytes::from_static(text.as_bytes())).boxed())
}

pub(crate) fn redirect(status: u16, location: &str) -> Response<Body> {
    let mut response = ok("elsewhere");
    *response.status_mut() = status.try_into().unwrap();
    response
        .headers_mut()
        .insert("location", location.parse().unwrap());
    response
}

async fn answer(
    request: Request<Incoming>,
    script: Arc<impl Fn(&Seen) -> Response<Body>>,
    log: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes());
    let seen = Seen {
        line: format!("{} {}", head.method, head.uri.path()),
        headers: head.headers,
        body: body.unwrap_or_default(),
    };
    log.lock().unwrap().push(seen.clone());
    Ok(script(&seen))
}
