//! From an address to a connection: looked up once, judged, connected to what was judged.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::error::EgressError;
use crate::guard::{Guard, Naming, Rule};
use crate::resolve::Resolve;
use crate::stream::Stream;
use crate::target::{Host, Target};

/// Silent streams stay open for long; a host that is gone is noticed by probes of the system.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Opens connections for one kind of naming. A pool belongs to one connector, so that a
/// connection that was judged by one measure is never used by another.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) naming: Naming,
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) guard: Guard,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) connect_timeout: Duration,
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = EgressError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, EgressError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), EgressError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.shared.connect(&uri, connector.naming).await })
    }
}

impl Shared {
    async fn connect(&self, uri: &Uri, naming: Naming) -> Result<Stream, EgressError> {
        let target = Target::read(&uri.to_string())?;
        let addresses = self.addresses(&target).await?;
        self.guard.judge(&target, &addresses, naming)?;
        let tcp = self.open(&addresses, target.port).await?;
        if !target.is_secure {
            return Ok(Stream::Plain(TokioIo::new(tcp)));
        }
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let handshake = connector.connect(target.server_name()?, tcp);
        let stream = timeout(self.connect_timeout, handshake)
            .await
            .map_err(|_| EgressError::TimedOut)?
            .map_err(EgressError::of_handshake)?;
        Ok(Stream::Tls(TokioIo::new(Box::new(stream))))
    }

    async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, EgressError> {
        let name = match &target.host {
            Host::Address(address) => return Ok(vec![*address]),
            Host::Name(name) => name,
        };
        let found = timeout(self.connect_timeout, self.resolver.resolve(name))
            .await
            .map_err(|_| EgressError::TimedOut)?
            .map_err(|error| EgressError::Resolve(Arc::new(error)))?;
        if found.is_empty() {
            let error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            return Err(EgressError::Resolve(Arc::new(error)));
        }
        Ok(found)
    }

    /// Connects to one of these addresses, IPv6 and IPv4 in turn (RFC 8305).
    async fn open(&self, addresses: &[IpAddr], port: u16) -> Result<TcpStream, EgressError> {
        let judged = Judged(addresses.iter().map(|one| (*one, port).into()).collect());
        let mut connector = HttpConnector::new_with_resolver(judged);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(self.connect_timeout));
        connector.set_keepalive(Some(KEEPALIVE));
        // The host is a word that only `Judged` answers for: the connector cannot look up any other.
        let address: Uri = format!("http://judged:{port}/")
            .parse()
            .map_err(|_| Rule::Malformed)?;
        let stream = connector
            .call(address)
            .await
            .map_err(|error| EgressError::Connect(Arc::new(error)))?;
        Ok(stream.into_inner())
    }
}

/// Answers every name with the addresses that were judged.
#[derive(Clone)]
struct Judged(Vec<SocketAddr>);

impl Service<Name> for Judged {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _name: Name) -> Self::Future {
        std::future::ready(Ok(self.0.clone().into_iter()))
    }
}
