//! Big answers, slow answers, no answers.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use portcullis_egress::{Client, EgressError, Limits, Naming};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::forgery::{get, settings};
use crate::host::{Body, Host, ok};
use crate::names::Names;

fn client() -> Client {
    Client::new(&settings(Names::new(&[]))).unwrap()
}

fn sized(length: usize) -> Response<Body> {
    Response::new(Full::new(Bytes::from(vec![b'x'; length])).boxed())
}

/// Sends a piece, and then nothing for ever.
fn stalling() -> Response<Body> {
    let first = stream::iter([Bytes::from_static(b"begun")]);
    pieces(first.chain(stream::pending()))
}

fn endless() -> Response<Body> {
    pieces(stream::repeat(Bytes::from_static(&[b'x'; 1024])))
}

fn pieces(pieces: impl Stream<Item = Bytes> + Send + Sync + 'static) -> Response<Body> {
    let frames = pieces.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
    Response::new(BodyExt::boxed(StreamBody::new(frames)))
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let host = Host::plain(|seen| match seen.line.as_str() {
        "GET /fits" => sized(4096),
        "GET /endless" => endless(),
        _ => sized(4097),
    })
    .await;
    let limits = Limits {
        max_body: 4096,
        ..Limits::default()
    };
    let send = async |path: &str| {
        let url = host.url("http", path);
        client().send(get(&url), Naming::Configured, &limits).await
    };
    assert_eq!(send("/fits").await.unwrap().body().len(), 4096);
    for path in ["/over", "/endless"] {
        let error = send(path).await.unwrap_err();
        assert!(
            matches!(error, EgressError::TooLarge { limit: 4096 }),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_request_has_one_time_limit_from_its_beginning_to_its_end() {
    let host = Host::plain(|_| stalling()).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limits = Limits {
        timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    for url in [
        host.url("http", "/"),
        // The system accepts the connection; nobody ever says a word on it.
        format!("http://{}/", silent.local_addr().unwrap()),
        format!("https://{}/", silent.local_addr().unwrap()),
    ] {
        let error = client()
            .send(get(&url), Naming::Configured, &limits)
            .await
            .unwrap_err();
        assert!(matches!(error, EgressError::TimedOut), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn a_stream_is_handed_out_as_it_comes() {
    let host = Host::plain(|_| stalling()).await;
    let request = Request::get(host.url("http", "/"))
        .body(Full::default())
        .unwrap();
    let response = client().open(request, Naming::Configured).await.unwrap();
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.data_ref().unwrap().as_ref(), b"begun");
}

#[tokio::test]
async fn a_host_that_hangs_up_or_is_not_there_is_told_apart() {
    let rude = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", rude.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = rude.accept().await.unwrap();
            let _read = stream.read(&mut [0; 64]).await;
        }
    });
    let limits = Limits::default();
    let error = client()
        .send(get(&url), Naming::Configured, &limits)
        .await
        .unwrap_err();
    assert!(matches!(error, EgressError::Broken(_)), "{error:?}");

    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{free}/?q=secret");
    let error = client()
        .send(get(&url), Naming::Configured, &limits)
        .await
        .unwrap_err();
    assert!(matches!(error, EgressError::Connect(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[tokio::test]
async fn a_request_says_who_sends_it_and_carries_its_body() {
    let host = Host::plain(|_| ok("fine")).await;
    let request = Request::post(host.url("http", "/x?y=z"))
        .header("content-type", "text/plain")
        .body(Bytes::from_static(b"hello"))
        .unwrap();
    client()
        .send(request, Naming::Configured, &Limits::default())
        .await
        .unwrap();
    let seen = host.seen();
    assert_eq!(seen[0].body.as_ref(), b"hello");
    assert!(
        seen[0].headers["user-agent"]
            .to_str()
            .unwrap()
            .starts_with("portcullis/")
    );
}
