//! HTTP/1.1 on the loopback interface.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

use crate::era::Eras;
use crate::server::{Everything, Shared};

/// The path of the one endpoint.
pub(crate) const PATH: &str = "/mcp";
/// The largest body that is read, in bytes.
const BODY_LIMIT: usize = 4 << 20;

type Body = BoxBody<Bytes, Infallible>;
type Service = StreamableHttpService<Everything, LocalSessionManager>;

/// Takes the port; 0 takes a free one.
pub(crate) async fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

/// Serves every connection until the process ends.
pub(crate) async fn serve(listener: TcpListener, eras: Eras) -> io::Result<()> {
    let service = Arc::new(service(eras));
    loop {
        let (stream, _) = listener.accept().await?;
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            let answer = service_fn(move |request| answer(Arc::clone(&service), eras, request));
            // A client that goes away in the middle is an everyday matter.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

fn service(eras: Eras) -> Service {
    let shared = Arc::new(Shared::default());
    let config = StreamableHttpServerConfig::default()
        .with_allowed_origins(["http://localhost:*", "http://127.0.0.1:*"])
        .with_legacy_session_mode(eras != Eras::Modern)
        .with_stateless_protocol_metadata_required(eras == Eras::Modern);
    StreamableHttpService::new(
        move || Ok(Everything::new(eras, Arc::clone(&shared))),
        Arc::default(),
        config,
    )
}

async fn answer(
    service: Arc<Service>,
    eras: Eras,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    if request.uri().path() != PATH {
        return Ok(status(StatusCode::NOT_FOUND));
    }
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return Ok(status(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let request = Request::from_parts(head, body.to_bytes());
    if let Some(refusal) = eras.refusal(&request) {
        return Ok(refusal.map(BodyExt::boxed));
    }
    Ok(service.handle(request.map(Full::new)).await)
}

fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(Full::default().boxed());
    *response.status_mut() = code;
    response
}
