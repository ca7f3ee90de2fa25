//! What leads a client inside: notations, names, rebinding.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use portcullis_egress::{Client, EgressError, Limits, Naming, Settings};

use crate::host::{Host, ok};
use crate::names::Names;

pub(crate) fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

/// A client that trusts nobody and looks names up here.
pub(crate) fn settings(names: Arc<Names>) -> Settings {
    Settings {
        resolver: names,
        use_system_roots: false,
        connect_timeout: Duration::from_secs(5),
        ..Settings::default()
    }
}

fn rule(outcome: &Result<http::Response<Bytes>, EgressError>) -> &'static str {
    match outcome {
        Ok(_) => "reached",
        Err(error) => error.rule().map_or("no rule", |rule| rule.as_str()),
    }
}

#[tokio::test]
async fn no_notation_of_an_inner_address_is_reached() {
    let host = Host::plain(|_| ok("inner")).await;
    let port = host.address.port();
    let names = Names::new(&[
        ("inner.example", &[&["127.0.0.1"]]),
        ("mixed.example", &[&["93.184.215.14", "127.0.0.1"]]),
        ("metadata.example", &[&["169.254.169.254"]]),
        ("mapped.example", &[&["::ffff:10.0.0.1"]]),
    ]);
    let client = Client::new(&settings(names)).unwrap();
    for (url, expected) in [
        (format!("http://127.0.0.1:{port}/"), "address-loopback"),
        (format!("http://127.1:{port}/"), "address-loopback"),
        (format!("http://2130706433:{port}/"), "address-loopback"),
        (format!("http://0x7f000001:{port}/"), "address-loopback"),
        (format!("http://0177.0.0.1:{port}/"), "address-loopback"),
        (
            format!("http://[::ffff:127.0.0.1]:{port}/"),
            "address-loopback",
        ),
        (format!("http://inner.example:{port}/"), "address-loopback"),
        (
            format!("http://mixed.example:{port}/"),
            "address-plain-http",
        ),
        ("https://mixed.example/".to_owned(), "address-loopback"),
        ("https://mapped.example/".to_owned(), "address-private"),
        (
            "https://metadata.example/latest/".to_owned(),
            "address-metadata",
        ),
        (
            "https://169.254.169.254/latest/".to_owned(),
            "address-metadata",
        ),
        ("https://2852039166/latest/".to_owned(), "address-metadata"),
        (
            "https://[fd00:ec2::254]/latest/".to_owned(),
            "address-metadata",
        ),
        ("https://0.0.0.0/".to_owned(), "address-unspecified"),
        ("https://10.0.0.1/".to_owned(), "address-private"),
        (
            "https://user@93.184.215.14/".to_owned(),
            "address-user-information",
        ),
        ("ftp://93.184.215.14/".to_owned(), "address-scheme"),
    ] {
        let outcome = client
            .send(get(&url), Naming::Found, &Limits::default())
            .await;
        assert_eq!(rule(&outcome), expected, "{url}");
    }
    assert_eq!(host.connections(), 0);
}

#[tokio::test]
async fn what_the_operator_configured_may_be_inside_but_no_metadata_address() {
    let host = Host::plain(|_| ok("inner")).await;
    let port = host.address.port();
    let names = Names::new(&[
        ("inner.example", &[&["127.0.0.1"]]),
        ("metadata.example", &[&["169.254.169.254"]]),
    ]);
    let client = Client::new(&settings(names)).unwrap();
    for (url, expected) in [
        (format!("http://inner.example:{port}/"), "reached"),
        (format!("http://0x7f.1:{port}/"), "reached"),
        ("http://metadata.example/".to_owned(), "address-metadata"),
        ("http://169.254.169.254/".to_owned(), "address-metadata"),
        ("http://10.0.0.1/".to_owned(), "address-plain-http"),
        ("http://[fe80::1]/".to_owned(), "address-link-local"),
    ] {
        let outcome = client
            .send(get(&url), Naming::Configured, &Limits::default())
            .await;
        assert_eq!(rule(&outcome), expected, "{url}");
    }
    let hosts: Vec<_> = host
        .seen()
        .iter()
        .map(|seen| seen.headers["host"].clone())
        .collect();
    assert_eq!(
        hosts,
        [format!("inner.example:{port}"), format!("127.0.0.1:{port}")]
    );
}

#[tokio::test]
async fn a_connection_of_the_operator_serves_nobody_else() {
    let host = Host::plain(|_| ok("inner")).await;
    let client = Client::new(&settings(Names::new(&[]))).unwrap();
    let url = host.url("http", "/");
    let limits = Limits::default();
    client
        .send(get(&url), Naming::Configured, &limits)
        .await
        .unwrap();
    client
        .send(get(&url), Naming::Configured, &limits)
        .await
        .unwrap();
    assert_eq!(host.connections(), 1, "the connection is used again");
    let found = client.send(get(&url), Naming::Found, &limits).await;
    assert_eq!(rule(&found), "address-loopback");
}

/// The name leads to an allowed place when it is judged and to another one a moment later.
#[tokio::test]
async fn a_name_that_changes_its_mind_is_looked_up_once_and_judged_again() {
    let inner = Host::plain(|_| ok("inner")).await;
    let port = inner.address.port();
    let outer = Host::start(&format!("127.0.0.2:{port}"), None, |_| {
        let mut response = ok("outer");
        response
            .headers_mut()
            .insert("connection", "close".parse().unwrap());
        response
    })
    .await;
    let names = Names::new(&[("rebind.example", &[&["127.0.0.2"], &["127.0.0.1"]])]);
    let mut settings = settings(Arc::clone(&names));
    settings.allow = vec!["127.0.0.2".parse().unwrap()];
    let client = Client::new(&settings).unwrap();
    let url = format!("http://rebind.example:{port}/");

    let first = client
        .send(get(&url), Naming::Found, &Limits::default())
        .await
        .unwrap();
    assert_eq!(first.body().as_ref(), b"outer");
    assert_eq!(
        names.asked().len(),
        1,
        "no second look-up for one connection"
    );

    let second = client
        .send(get(&url), Naming::Found, &Limits::default())
        .await;
    assert_eq!(rule(&second), "address-loopback");
    assert_eq!((outer.connections(), inner.connections()), (1, 0));
}

#[tokio::test]
async fn a_name_without_an_address_is_an_error_of_its_own() {
    let client = Client::new(&settings(Names::new(&[("empty.example", &[&[]])]))).unwrap();
    for url in [
        "https://empty.example/",
        "https://unknown.example/?q=secret",
    ] {
        let error = client
            .send(get(url), Naming::Found, &Limits::default())
            .await
            .unwrap_err();
        assert!(matches!(error, EgressError::Resolve(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
