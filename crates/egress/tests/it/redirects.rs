//! Redirects, hop by hop.

use portcullis_egress::{Client, EgressError, Limits, Naming, Rule, Settings};

use crate::forgery::{get, settings};
use crate::host::{Host, ok, redirect};
use crate::names::Names;

fn limits(redirects: u8) -> Limits {
    Limits {
        redirects,
        ..Limits::default()
    }
}

fn client() -> Client {
    Client::new(&settings(Names::new(&[]))).unwrap()
}

#[tokio::test]
async fn nothing_is_followed_unless_asked_to() {
    let host = Host::plain(|_| redirect(302, "/elsewhere")).await;
    let url = host.url("http", "/");
    let answer = client()
        .send(get(&url), Naming::Configured, &limits(0))
        .await
        .unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(host.seen().len(), 1);
}

#[tokio::test]
async fn so_many_are_followed_and_no_more() {
    let host = Host::plain(|seen| match seen.line.as_str() {
        "GET /3" => ok("there"),
        "GET /2" => redirect(302, "3"),
        "GET /1" => redirect(307, "/2"),
        _ => redirect(301, "/1"),
    })
    .await;
    let url = host.url("http", "/0");
    let answer = client()
        .send(get(&url), Naming::Configured, &limits(3))
        .await
        .unwrap();
    assert_eq!(answer.body().as_ref(), b"there");
    let error = client()
        .send(get(&url), Naming::Configured, &limits(2))
        .await
        .unwrap_err();
    assert!(matches!(error, EgressError::TooManyRedirects), "{error:?}");
}

#[tokio::test]
async fn a_configured_address_cannot_redirect_inside() {
    let inner = Host::plain(|_| ok("inner")).await;
    let port = inner.address.port();
    for (target, expected) in [
        (format!("http://127.0.0.1:{port}/"), "address-loopback"),
        (format!("http://0x7f.1:{port}/"), "address-loopback"),
        (format!("//[::ffff:127.0.0.1]:{port}/"), "address-loopback"),
        ("https://169.254.169.254/".to_owned(), "address-metadata"),
        (
            "https://user@93.184.215.14/".to_owned(),
            "address-user-information",
        ),
        ("file:///etc/passwd".to_owned(), "address-scheme"),
    ] {
        let place = target.clone();
        let outer = Host::plain(move |_| redirect(302, &place)).await;
        let error = client()
            .send(get(&outer.url("http", "/")), Naming::Configured, &limits(5))
            .await
            .unwrap_err();
        assert_eq!(error.rule().map(Rule::as_str), Some(expected), "{target}");
    }
    assert_eq!(inner.connections(), 0);
}

#[tokio::test]
async fn a_chain_through_an_allowed_place_is_judged_at_its_end() {
    let inner = Host::plain(|_| ok("inner")).await;
    let end = inner.url("http", "/");
    let middle = Host::plain(move |_| redirect(302, &end)).await;
    let next = middle.url("http", "/");
    let outer = Host::plain(move |_| redirect(302, &next)).await;
    let client = Client::new(&Settings {
        allow: vec![middle.address.to_string().parse().unwrap()],
        ..settings(Names::new(&[]))
    })
    .unwrap();
    let error = client
        .send(get(&outer.url("http", "/")), Naming::Configured, &limits(5))
        .await
        .unwrap_err();
    assert_eq!(error.rule().map(Rule::as_str), Some("address-loopback"));
    assert_eq!((middle.connections(), inner.connections()), (1, 0));
}

#[tokio::test]
async fn credentials_stay_with_the_origin_they_are_for() {
    let other = Host::plain(|_| ok("other")).await;
    let place = other.url("http", "/");
    let host = Host::plain(move |seen| match seen.line.as_str() {
        "GET /same" => ok("same"),
        "GET /foreign" => redirect(302, &place),
        "POST /token" => redirect(307, &place),
        _ => redirect(302, "/same"),
    })
    .await;
    let client = Client::new(&Settings {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ..settings(Names::new(&[]))
    })
    .unwrap();
    let with_secret = |path: &str| {
        let mut request = get(&host.url("http", path));
        let headers = request.headers_mut();
        headers.insert("authorization", "Bearer secret".parse().unwrap());
        headers.insert("x-vault-token", "secret".parse().unwrap());
        headers.insert("accept", "application/json".parse().unwrap());
        request
    };
    let five = limits(5);
    let send = |request| client.send(request, Naming::Configured, &five);

    send(with_secret("/")).await.unwrap();
    let seen = host.seen();
    assert!(
        seen.iter()
            .all(|seen| seen.headers.contains_key("authorization")),
        "{seen:?}"
    );

    send(with_secret("/foreign")).await.unwrap();
    let seen = other.seen();
    assert_eq!(seen.len(), 1);
    assert!(!format!("{seen:?}").contains("secret"), "{seen:?}");
    assert_eq!(seen[0].headers["accept"], "application/json");

    let mut token = with_secret("/token");
    *token.method_mut() = http::Method::POST;
    *token.body_mut() = "client_secret=secret".into();
    let error = send(token).await.unwrap_err();
    assert_eq!(error.rule(), Some(Rule::ForeignBody));
    assert_eq!(other.seen().len(), 1);
}
