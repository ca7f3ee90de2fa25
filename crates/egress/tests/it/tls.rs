//! Who a host is: chains, names, times, versions, pins, and certificates of our own.

use std::sync::Arc;

use portcullis_egress::{
    Client, EgressError, Limits, Naming, PeerTls, Settings, SpkiPin, TlsVersion, crypto_provider,
};
use rcgen::date_time_ymd;
use rustls::server::WebPkiClientVerifier;
use rustls::{NamedGroup, ProtocolVersion, RootCertStore, ServerConfig, version};

use crate::authority::{Authority, Issued};
use crate::forgery::{get, settings};
use crate::host::{Host, ok};
use crate::names::Names;

fn trusting(authority: &Authority) -> Settings {
    Settings {
        roots: vec![authority.certificate()],
        ..settings(Names::new(&[("a.example", &[&["127.0.0.1"]])]))
    }
}

async fn host(issued: &Issued) -> Host {
    Host::tls(issued.server(), |_| ok("fine")).await
}

async fn ask(settings: &Settings, host: &Host, name: &str) -> Result<(), EgressError> {
    let url = format!("https://{name}:{}/", host.address.port());
    let client = Client::new(settings).unwrap();
    let answer = client
        .send(get(&url), Naming::Configured, &Limits::default())
        .await?;
    assert_eq!(answer.body().as_ref(), b"fine");
    Ok(())
}

fn is_tls(outcome: &Result<(), EgressError>) -> bool {
    matches!(outcome, Err(EgressError::Tls(_)))
}

#[tokio::test]
async fn a_host_proves_its_name_or_its_address() {
    let authority = Authority::new();
    let settings = trusting(&authority);
    let named = host(&authority.issue("a.example")).await;
    ask(&settings, &named, "a.example").await.unwrap();
    ask(&settings, &named, "a.example.").await.unwrap();
    assert!(is_tls(&ask(&settings, &named, "127.0.0.1").await));
    let addressed = host(&authority.issue("127.0.0.1")).await;
    ask(&settings, &addressed, "127.0.0.1").await.unwrap();
    let refused = ask(&settings, &addressed, "a.example").await;
    assert!(is_tls(&refused), "{refused:?}");
    assert!(addressed.seen().len() == 1 && named.seen().len() == 2);
}

#[tokio::test]
async fn an_unknown_authority_and_a_wrong_time_are_refused() {
    let authority = Authority::new();
    let settings = trusting(&authority);
    let stranger = host(&Authority::new().issue("a.example")).await;
    let expired = authority.issue_with("a.example", |params| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    let early = authority.issue_with("a.example", |params| {
        params.not_before = date_time_ymd(4000, 1, 1);
        params.not_after = date_time_ymd(4001, 1, 1);
    });
    for host in [stranger, host(&expired).await, host(&early).await] {
        let refused = ask(&settings, &host, "a.example").await;
        assert!(is_tls(&refused), "{refused:?}");
        assert!(host.seen().is_empty());
    }
}

#[tokio::test]
async fn the_key_exchange_is_the_hybrid_one_and_http2_is_chosen() {
    let authority = Authority::new();
    let mut config = authority.issue("a.example").server();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let host = Host::tls(config, |_| ok("fine")).await;
    ask(&trusting(&authority), &host, "a.example")
        .await
        .unwrap();
    let agreed = host.agreed();
    assert_eq!(agreed[0].group, Some(NamedGroup::X25519MLKEM768));
    assert_eq!(agreed[0].version, Some(ProtocolVersion::TLSv1_3));
    assert!(
        !host.seen()[0].headers.contains_key("host"),
        "HTTP/2 has none"
    );
}

#[tokio::test]
async fn an_older_version_is_spoken_only_when_configured() {
    let authority = Authority::new();
    let issued = authority.issue("a.example");
    let identity = issued.identity();
    let config = ServerConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(&[&version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain(), identity.key())
        .unwrap();
    let host = Host::tls(config, |_| ok("fine")).await;
    let mut settings = trusting(&authority);
    let refused = ask(&settings, &host, "a.example").await;
    assert!(is_tls(&refused), "{refused:?}");
    settings.min_version = TlsVersion::Tls12;
    ask(&settings, &host, "a.example").await.unwrap();
}

#[tokio::test]
async fn a_pinned_key_is_asked_for_in_addition_to_the_chain() {
    let authority = Authority::new();
    let issued = authority.issue("a.example");
    let host = host(&issued).await;
    let pin = SpkiPin::of(&issued.certificate).unwrap();
    let other = SpkiPin::of(&authority.issue("a.example").certificate).unwrap();
    let mut settings = trusting(&authority);
    settings.pins = vec![other, pin];
    ask(&settings, &host, "a.example").await.unwrap();
    settings.pins = vec![other];
    let refused = ask(&settings, &host, "a.example").await;
    assert!(matches!(refused, Err(EgressError::Pin)), "{refused:?}");
    // A pin stands in for no chain.
    settings.pins = vec![pin];
    settings.roots = vec![Authority::new().certificate()];
    let refused = ask(&settings, &host, "a.example").await;
    assert!(is_tls(&refused), "{refused:?}");
}

#[tokio::test]
async fn a_host_that_wants_a_certificate_gets_the_configured_one() {
    for protocol in ["h2", "http/1.1"] {
        wants_a_certificate(protocol).await;
    }
}

async fn wants_a_certificate(protocol: &str) {
    let (authority, clients) = (Authority::new(), Authority::new());
    let mut roots = RootCertStore::empty();
    roots.add(clients.certificate()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crypto_provider())
        .build()
        .unwrap();
    let identity = authority.issue("a.example").identity();
    let mut config = ServerConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain(), identity.key())
        .unwrap();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let host = Host::tls(config, |_| ok("fine")).await;
    let mut settings = trusting(&authority);
    let refused = ask(&settings, &host, "a.example").await;
    assert!(is_tls(&refused), "{refused:?}");
    settings.identity = Some(Authority::new().issue("us.example").identity());
    let refused = ask(&settings, &host, "a.example").await;
    assert!(is_tls(&refused), "{refused:?}");
    settings.identity = Some(clients.issue("us.example").identity());
    ask(&settings, &host, "a.example").await.unwrap();
    assert!(
        host.agreed()
            .iter()
            .all(|agreed| agreed.has_client_certificate)
    );
    assert_eq!(host.seen().len(), 1);
}

#[tokio::test]
async fn what_is_particular_to_a_host_replaces_what_all_have() {
    let (all, one) = (Authority::new(), Authority::new());
    let issued = one.issue("a.example");
    let host = host(&issued).await;
    let common = Client::new(&trusting(&all)).unwrap();
    let peer = PeerTls {
        roots: vec![one.certificate()],
        pins: vec![SpkiPin::of(&issued.certificate).unwrap()],
        identity: None,
    };
    let url = format!("https://a.example:{}/", host.address.port());
    let send = async |client: Client| {
        client
            .send(get(&url), Naming::Configured, &Limits::default())
            .await
    };
    assert!(send(common.clone()).await.is_err());
    send(common.for_peer(&peer).unwrap()).await.unwrap();
    // Its authorities stand in place of the others.
    let stranger = PeerTls {
        roots: vec![all.certificate()],
        ..PeerTls::default()
    };
    assert!(send(common.for_peer(&stranger).unwrap()).await.is_err());
}

#[test]
fn nothing_shows_a_key() {
    let identity = Authority::new().issue("us.example").identity();
    let settings = Settings {
        identity: Some(identity),
        ..Settings::default()
    };
    let shown = format!("{settings:?}");
    assert!(shown.contains("identity: Some(Identity)"), "{shown}");
}
