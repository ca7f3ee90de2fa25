//! TLS in front of a scripted server, with a certificate that a test can change.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use portcullis_egress::{CertificateDer, PrivateKeyDer, SpkiPin, crypto_provider};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub(crate) type Authority = CertifiedIssuer<'static, KeyPair>;

pub(crate) fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Authority::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for `localhost` and its key.
pub(crate) struct Issued {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) pem: String,
    pub(crate) key_pem: String,
    key: PrivateKeyDer<'static>,
}

impl Issued {
    pub(crate) fn by(authority: &Authority) -> Self {
        Self::for_name(authority, "localhost")
    }

    pub(crate) fn for_name(authority: &Authority, name: &str) -> Self {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, authority).unwrap();
        Self {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    pub(crate) fn pin(&self) -> String {
        SpkiPin::of(&self.certificate).unwrap().to_string()
    }

    fn config(&self, clients: Option<&Authority>) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(crypto_provider())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.der().clone()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crypto_provider());
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain = vec![self.certificate.clone()];
        Arc::new(
            builder
                .with_single_cert(chain, self.key.clone_key())
                .unwrap(),
        )
    }
}

pub(crate) struct Front {
    address: SocketAddr,
    config: Arc<Mutex<Arc<ServerConfig>>>,
    connections: Arc<Mutex<JoinSet<()>>>,
    accepted: Arc<AtomicUsize>,
}

impl Front {
    /// Speaks TLS with `issued` on a loopback address, for the server at `behind`.
    pub(crate) async fn start(at: &str, behind: SocketAddr, issued: &Issued) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let front = Self {
            address: listener.local_addr().unwrap(),
            config: Arc::new(Mutex::new(issued.config(None))),
            connections: Arc::default(),
            accepted: Arc::default(),
        };
        let (config, connections) = (Arc::clone(&front.config), Arc::clone(&front.connections));
        let accepted = Arc::clone(&front.accepted);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let acceptor = TlsAcceptor::from(Arc::clone(&config.lock().unwrap()));
                let accepted = Arc::clone(&accepted);
                connections.lock().unwrap().spawn(async move {
                    let Ok(mut stream) = acceptor.accept(tcp).await else {
                        return;
                    };
                    accepted.fetch_add(1, Ordering::SeqCst);
                    let mut server = TcpStream::connect(behind).await.unwrap();
                    let _ended = copy_bidirectional(&mut stream, &mut server).await;
                });
            }
        });
        front
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/mcp", self.address.port())
    }

    /// How many handshakes were completed.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Ends every connection and shows another certificate from now on.
    pub(crate) async fn become_another(&self, issued: &Issued, clients: Option<&Authority>) {
        *self.config.lock().unwrap() = issued.config(clients);
        let mut connections = std::mem::take(&mut *self.connections.lock().unwrap());
        connections.shutdown().await;
    }
}
