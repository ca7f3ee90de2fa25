//! The floor: a reverse proxy that does nothing but pass on.
//!
//! hyper on both sides, kept-alive connections, a pool, all cores: what any proxy in Rust starts
//! from before it looks at anything.

use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Either;
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::{Outcome, child};

type Pool = Client<HttpConnector, Incoming>;
type Body = Either<Incoming, Empty<Bytes>>;

/// Passes everything on to `to` (`host:port`) until its standard input ends. Prints its port.
///
/// # Errors
/// When `to` is no address or no socket can be had.
pub(crate) fn serve(to: &str) -> Outcome {
    let to: Authority = to
        .parse()
        .map_err(|error| format!("{to} is no address: {error}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(child::serve_until_orphaned(|listener| accept(listener, to)))
}

async fn accept(listener: TcpListener, to: Authority) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let pool: Pool = Client::builder(TokioExecutor::new()).build(connector);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (pool, to) = (pool.clone(), to.clone());
        let service = service_fn(move |request| pass_on(pool.clone(), to.clone(), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn pass_on(
    pool: Pool,
    to: Authority,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, http::Error> {
    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(to);
    *request.uri_mut() = Uri::from_parts(parts)?;
    match pool.request(request).await {
        Ok(response) => Ok(response.map(Either::Left)),
        Err(_) => Response::builder()
            .status(StatusCode::BAD_GATEWAY)
            .body(Either::Right(Empty::new())),
    }
}
