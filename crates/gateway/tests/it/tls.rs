//! The gateway behind TLS of its own, on a real socket.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use portcullis_egress::{
    Client, EgressError, Identity, Limits, Naming, Settings, SpkiPin, TlsVersion, certificates,
};
use portcullis_gateway::listener::{self, ClientCertificates, Tls, TlsKey, TlsSettings};
use portcullis_testkit::{Script, TestGateway};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Authority::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a new certificate for the gateway, in two steps as tools do, and gives its pin.
fn renew(authority: &Authority, folder: &Path) -> SpkiPin {
    let (certificate, key) = issue(authority);
    std::fs::write(folder.join("gateway.key"), key).unwrap();
    std::fs::write(folder.join("gateway.pem"), &certificate).unwrap();
    SpkiPin::of(&certificates(certificate.as_bytes()).unwrap()[0]).unwrap()
}

fn issue(authority: &Authority) -> (String, String) {
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn tls_settings(folder: &Path) -> TlsSettings {
    TlsSettings {
        certificate: folder.join("gateway.pem"),
        key: TlsKey::File(folder.join("gateway.key")),
        min_version: TlsVersion::Tls13,
        clients: ClientCertificates::Off,
        check_every: Duration::from_millis(10),
    }
}

struct Serving {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Serving {
    async fn start(gateway: &TestGateway, settings: TlsSettings) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let tls = Tls::load(settings).unwrap();
        let gateway = Arc::clone(gateway.gateway());
        let task = tokio::spawn(listener::serve_tls(gateway, socket, tls, async move {
            let _either = stopped.await;
        }));
        Self {
            address,
            stop,
            task,
        }
    }

    async fn end(self) {
        drop(self.stop);
        self.task.await.unwrap();
    }
}

fn settings(authority: &Authority) -> Settings {
    Settings {
        roots: vec![authority.der().clone()],
        use_system_roots: false,
        ..Settings::default()
    }
}

async fn healthy(client: &Client, address: SocketAddr) -> Result<(), EgressError> {
    let request = Request::get(format!("https://{address}/healthz"))
        .body(Bytes::new())
        .unwrap();
    let limits = Limits::default();
    let response = client.send(request, Naming::Configured, &limits).await?;
    assert_eq!(response.status(), StatusCode::OK);
    Ok(())
}

async fn gateway() -> TestGateway {
    TestGateway::builder()
        .server("one", Script::modern())
        .start()
        .await
}

#[tokio::test]
async fn a_host_speaks_the_protocol_over_tls_and_not_in_clear_text() {
    let (gateway, authority) = (gateway().await, authority());
    let folder = tempfile::tempdir().unwrap();
    renew(&authority, folder.path());
    let serving = Serving::start(&gateway, tls_settings(folder.path())).await;
    let address = serving.address;
    let initialize = |scheme: &str| {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"tester","version":"1"}}}"#;
        Request::post(format!("{scheme}://{address}/mcp/main"))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap()
    };
    let client = Client::new(&settings(&authority)).unwrap();
    let limits = Limits::default();
    let answer = client
        .send(initialize("https"), Naming::Configured, &limits)
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(
        answer.headers().contains_key("mcp-session-id"),
        "{answer:?}"
    );
    assert_eq!(answer.version(), http::Version::HTTP_2);
    let clear = client
        .send(initialize("http"), Naming::Configured, &limits)
        .await;
    assert!(matches!(clear, Err(EgressError::Broken(_))), "{clear:?}");
    drop(client);
    serving.end().await;
    gateway.finish().await;
}

#[tokio::test]
async fn a_client_without_a_required_certificate_reaches_nothing() {
    let (gateway, authority, clients) = (gateway().await, authority(), authority());
    let folder = tempfile::tempdir().unwrap();
    renew(&authority, folder.path());
    std::fs::write(folder.path().join("clients.pem"), clients.pem()).unwrap();
    let serving = Serving::start(
        &gateway,
        TlsSettings {
            clients: ClientCertificates::Required {
                authorities: folder.path().join("clients.pem"),
            },
            ..tls_settings(folder.path())
        },
    )
    .await;
    let stranger = Client::new(&settings(&authority)).unwrap();
    let refused = healthy(&stranger, serving.address).await;
    assert!(matches!(refused, Err(EgressError::Tls(_))), "{refused:?}");
    let (certificate, key) = issue(&clients);
    let identity = Identity::from_pem(certificate.as_bytes(), &key.into()).unwrap();
    let known = Client::new(&Settings {
        identity: Some(identity),
        ..settings(&authority)
    })
    .unwrap();
    healthy(&known, serving.address).await.unwrap();
    drop((stranger, known));
    serving.end().await;
    gateway.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_under_load_loses_no_request() {
    let (gateway, authority) = (gateway().await, Arc::new(authority()));
    let folder = tempfile::tempdir().unwrap();
    renew(&authority, folder.path());
    let serving = Serving::start(&gateway, tls_settings(folder.path())).await;
    let address = serving.address;
    let (done, asked) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let load = |keeps: bool| {
        let (done, asked) = (Arc::clone(&done), Arc::clone(&asked));
        let settings = settings(&authority);
        tokio::spawn(async move {
            let mut client = Client::new(&settings).unwrap();
            while !done.load(Ordering::SeqCst) {
                healthy(&client, address).await.unwrap();
                asked.fetch_add(1, Ordering::SeqCst);
                if !keeps {
                    client = Client::new(&settings).unwrap();
                }
            }
        })
    };
    let workers = [load(true), load(false), load(false)];
    for _ in 0..5 {
        let before = asked.load(Ordering::SeqCst);
        let pin = renew(&authority, folder.path());
        let pinned = Settings {
            pins: vec![pin],
            ..settings(&authority)
        };
        portcullis_testkit::eventually("the new certificate", || async {
            let fresh = Client::new(&pinned).unwrap();
            healthy(&fresh, address).await.ok()
        })
        .await;
        portcullis_testkit::eventually("more requests", || async {
            (asked.load(Ordering::SeqCst) > before + 20).then_some(())
        })
        .await;
    }
    done.store(true, Ordering::SeqCst);
    for worker in workers {
        worker.await.unwrap();
    }
    serving.end().await;
    gateway.finish().await;
}
