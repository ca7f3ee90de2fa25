//! The two addresses of this machine that the browser visits: where it starts, and where it comes
//! back to.
//!
//! The start is under a random path that only the terminal shows, and gives the browser a cookie;
//! who comes back without it is another browser. No page of another site can get at either: the
//! `Host` header has to be ours, and the cookie is not sent along with requests that others cause.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use portcullis_broker::{Broker, Caller, Completed, SignInError, Visit};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::exit::Failure;

/// Where the authorization server sends the browser.
pub(super) const CALLBACK: &str = "/oauth/callback";
/// `Lax`: it comes along when the authorization server sends the browser back.
const COOKIE: &str = "portcullis-connect";
/// How long connections may still be open when the sign-in is over.
const LEAVE: Duration = Duration::from_secs(1);

/// What this sign-in is recognised by.
pub(super) struct Visits {
    address: SocketAddr,
    start: String,
    browser: SecretString,
}

impl Visits {
    pub(super) fn new(address: SocketAddr) -> Result<Self, Failure> {
        Ok(Self {
            address,
            start: random()?,
            browser: SecretString::from(random()?),
        })
    }

    /// The address to open.
    pub(super) fn start(&self) -> String {
        format!("http://{}/{}", self.address, self.start)
    }
}

/// 256 random bits as text.
fn random() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| Failure::new("the system gives no randomness"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Serves the two addresses until the browser came back.
pub(super) async fn serve(
    listener: &TcpListener,
    visits: &Visits,
    broker: &Broker,
    server: &str,
    caller: &Caller<'_>,
) -> Result<Completed, SignInError> {
    let (done, mut came_back) = mpsc::channel(1);
    let sign_in = SignIn {
        visits,
        broker,
        server,
        caller,
        done: Mutex::new(Some(done)),
    };
    // Browsers open connections that they do not use: each is served beside the others.
    let mut connections = FuturesUnordered::new();
    let result = loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connections.push(converse(stream, &sign_in)),
                Err(error) => tracing::debug!(%error, "a browser could not be accepted"),
            },
            Some(()) = connections.next() => {}
            Some(result) = came_back.recv() => break result,
        }
    };
    // The last page gets its time to leave.
    let leave = async { while connections.next().await.is_some() {} };
    let _in_time = tokio::time::timeout(LEAVE, leave).await;
    result
}

async fn converse(stream: TcpStream, sign_in: &SignIn<'_>) {
    let service = service_fn(|request: Request<Incoming>| async move {
        Ok::<_, Infallible>(sign_in.answer(&request).await)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a browser went away");
    }
}

struct SignIn<'a> {
    visits: &'a Visits,
    broker: &'a Broker,
    server: &'a str,
    caller: &'a Caller<'a>,
    done: Mutex<Option<mpsc::Sender<Result<Completed, SignInError>>>>,
}

impl SignIn<'_> {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let own = self.visits.address.to_string();
        let host = request.headers().get(header::HOST);
        if host.is_none_or(|host| host.as_bytes() != own.as_bytes()) {
            return page(StatusCode::MISDIRECTED_REQUEST, "This is another address.");
        }
        if request.method() != Method::GET {
            return page(
                StatusCode::METHOD_NOT_ALLOWED,
                "Open the address in a browser.",
            );
        }
        match request.uri().path() {
            CALLBACK => self.complete(request).await,
            path if path.strip_prefix('/') == Some(&self.visits.start) => self.begin().await,
            _ => page(
                StatusCode::NOT_FOUND,
                "Open the address that the terminal shows.",
            ),
        }
    }

    async fn begin(&self) -> Response<Full<Bytes>> {
        let visit = Visit {
            browser: &self.visits.browser,
            return_to: None,
            scopes: &[],
            claims: None,
        };
        let begun = match self.broker.begin(self.server, self.caller, &visit).await {
            Ok(begun) => begun,
            Err(error) => {
                self.tell(Err(error));
                return page(
                    StatusCode::BAD_GATEWAY,
                    "The sign-in cannot begin. The terminal says why.",
                );
            }
        };
        let cookie = format!(
            "{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax",
            self.visits.browser.expose_secret()
        );
        let mut response = page(StatusCode::SEE_OTHER, "Go on to the sign-in.");
        let values = (
            HeaderValue::from_str(begun.url.as_str()),
            HeaderValue::from_str(&cookie),
        );
        let (Ok(location), Ok(cookie)) = values else {
            return page(StatusCode::BAD_GATEWAY, "The sign-in cannot begin.");
        };
        response.headers_mut().insert(header::LOCATION, location);
        response.headers_mut().insert(header::SET_COOKIE, cookie);
        response
    }

    async fn complete(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let Some(browser) = cookie(request.headers()) else {
            return page(
                StatusCode::FORBIDDEN,
                "The sign-in began in another browser. Open the address that the terminal shows.",
            );
        };
        let query = request.uri().query().unwrap_or_default();
        let completed = self.broker.complete(query, &browser).await;
        let response = match &completed {
            Ok(_) => page(StatusCode::OK, "Connected. You may close this page."),
            // Not the end: the person may still be in front of the right page.
            Err(SignInError::Browser | SignInError::Unknown) => {
                return page(
                    StatusCode::FORBIDDEN,
                    "This sign-in is not known. Open the address that the terminal shows again.",
                );
            }
            Err(_) => page(
                StatusCode::FORBIDDEN,
                "The sign-in is refused. The terminal says why.",
            ),
        };
        self.tell(completed);
        response
    }

    fn tell(&self, result: Result<Completed, SignInError>) {
        let mut done = self
            .done
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(done) = done.take() {
            // Only one is told, and there is room for one.
            let _told = done.try_send(result);
        }
    }
}

/// What marks the browser, if it brings it.
fn cookie(headers: &HeaderMap) -> Option<SecretString> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .map(SecretString::from)
}

/// A page with one of our own sentences.
fn page(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Portcullis</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <h1>Portcullis</h1><p>{text}</p></html>"
    );
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
