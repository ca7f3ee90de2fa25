//! A client application that publishes a document about itself, over TLS, on hosts that a test
//! names.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use portcullis_egress::{CertificateDer, Client, Resolve, Resolving, Settings};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Says where a name leads.
#[derive(Debug)]
struct Names;

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let address: IpAddr = match name {
                "app.example" | "evil.example" => Ipv4Addr::LOCALHOST.into(),
                "metadata.example" => Ipv4Addr::new(169, 254, 169, 254).into(),
                "inside.example" => Ipv4Addr::new(10, 0, 0, 1).into(),
                _ => return Err(std::io::ErrorKind::NotFound.into()),
            };
            Ok(vec![address])
        })
    }
}

/// The hosts `app.example` and `evil.example`.
pub(crate) struct App {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    certificate: CertificateDer<'static>,
}

impl App {
    pub(crate) async fn start() -> Self {
        let names = ["app.example", "evil.example"].map(str::to_owned);
        let certified = rcgen::generate_simple_self_signed(names).unwrap();
        let certificate = CertificateDer::from(certified.cert.der().to_vec());
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(portcullis_egress::crypto_provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], PrivateKeyDer::Pkcs8(key))
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, noted) = (acceptor.clone(), Arc::clone(&noted));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = service_fn(move |request: Request<Incoming>| {
                        let noted = Arc::clone(&noted);
                        async move { Ok::<_, Infallible>(answer(&request, port, &noted)) }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            port,
            asked,
            certificate,
        }
    }

    /// The client id whose document is `name`.
    pub(crate) fn id(&self, host: &str, name: &str) -> String {
        format!("https://{host}:{}/{name}.json", self.port)
    }

    /// A client that trusts this server and may reach it.
    pub(crate) fn egress(&self) -> Client {
        Client::new(&Settings {
            use_system_roots: false,
            allow: vec![
                "app.example".parse().unwrap(),
                "evil.example".parse().unwrap(),
            ],
            roots: vec![self.certificate.clone()],
            resolver: Arc::new(Names),
            ..Settings::default()
        })
        .unwrap()
    }

    /// Every path that was asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(
    request: &Request<Incoming>,
    port: u16,
    noted: &Mutex<Vec<String>>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let host = request.headers()["host"].to_str().unwrap().to_owned();
    let host = host.split(':').next().unwrap();
    noted.lock().unwrap().push(path.clone());
    let redirect = |to: &str| {
        let answer = Response::builder().status(302).header("location", to);
        answer.body(Full::default()).unwrap()
    };
    let callback = format!("https://{host}/callback");
    let (name, redirects): (_, Value) = match path.as_str() {
        "/web.json" => ("Example Notes", json!([callback])),
        "/lasting.json" => ("Example Notes", json!([callback])),
        "/local.json" => (
            "Example Desk",
            json!(["http://127.0.0.1/cb", "http://localhost:3000/cb"]),
        ),
        "/keyed.json" => ("Example Notes", json!([callback])),
        "/chain.json" => return redirect("/chain2"),
        "/chain2" => return redirect("http://169.254.169.254/latest/meta-data/"),
        "/other.json" => {
            let body = json!({"client_id": "https://app.example/web.json",
                "redirect_uris": [callback]});
            return json_answer(&body);
        }
        _ => {
            let answer = Response::builder().status(404);
            return answer.body(Full::default()).unwrap();
        }
    };
    let mut body = json!({
        "client_id": format!("https://{host}:{port}{path}"),
        "client_name": name,
        "redirect_uris": redirects,
    });
    if path == "/keyed.json" {
        body["token_endpoint_auth_method"] = "private_key_jwt".into();
    }
    if path == "/lasting.json" {
        body["grant_types"] = json!(["authorization_code", "refresh_token"]);
    }
    json_answer(&body)
}

fn json_answer(body: &Value) -> Response<Full<Bytes>> {
    let answer = Response::builder().header("content-type", "application/json");
    answer.body(Full::from(body.to_string())).unwrap()
}
