//! A service over HTTP on loopback that remembers what it was asked.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis_egress::{Client, Settings};
use serde_json::Value;
use tokio::task::JoinHandle;

#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) target: String,
    pub(super) body: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

pub(super) struct Answer(Response<Full<bytes::Bytes>>);

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        let answer = Response::builder()
            .status(status)
            .header("content-type", "application/json");
        Self(answer.body(Full::from(body.to_string())).unwrap())
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.0.headers_mut().insert(name, value.parse().unwrap());
        self
    }
}

pub(super) struct Service {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: JoinHandle<()>,
}

impl Service {
    /// Answers the request of that number, from 0.
    pub(super) async fn start(
        answer: impl Fn(usize) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        let number = std::sync::atomic::AtomicUsize::new(0);
        Self::with(move |_, _| {
            let (status, body) = answer(number.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
            Answer::json(status, &body)
        })
        .await
    }

    pub(super) async fn with(
        answer: impl Fn(&Asked, &str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&asked), Arc::new(answer));
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                    async move {
                        let asked = read(request).await;
                        seen.lock().unwrap().push(asked.clone());
                        let own = format!("http://{address}");
                        Ok::<_, Infallible>(answer(&asked, &own).0)
                    }
                });
                tokio::spawn(async move {
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _gone = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self {
            address,
            asked,
            serving,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn read(request: Request<Incoming>) -> Asked {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Asked {
        target: format!("{} {}", head.method, head.uri),
        body: String::from_utf8(body.to_vec()).unwrap(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
    }
}

pub(super) fn client() -> Client {
    let settings = Settings {
        use_system_roots: false,
        ..Settings::default()
    };
    Client::new(&settings).unwrap()
}
