//! Who a server is: certificate authorities, pins and a certificate of ours, for one server.

use std::sync::Arc;

use portcullis_egress::{
    CertificateDer, Identity, PeerTls, PrivateKeyDer, Rule, Settings, SpkiPin, crypto_provider,
};
use portcullis_upstream::{HttpClient, Spec, Transport, Upstream, UpstreamError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;

use crate::endpoint::{Endpoint, Reply, modern};
use crate::support::call;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Authority::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn issue(authority: &Authority) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    (certificate.der().clone(), key)
}

/// A server that takes only clients of this authority, and its own certificate.
async fn server(authority: &Authority, clients: &Authority) -> (Endpoint, CertificateDer<'static>) {
    let (certificate, key) = issue(authority);
    let mut roots = RootCertStore::empty();
    roots.add(clients.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crypto_provider())
        .build()
        .unwrap();
    let config = ServerConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let script = modern(|seen| Reply::json(seen.result(&json!({"content": []}))));
    (Endpoint::start_tls(config, script).await, certificate)
}

async fn reach(endpoint: &Endpoint, peer: PeerTls) -> Result<(), UpstreamError> {
    // Whatever the machine trusts does not matter for this server.
    let settings = Settings {
        use_system_roots: false,
        ..Settings::default()
    };
    let client = HttpClient::with_settings(&settings).unwrap();
    let upstream = Upstream::new(secure(endpoint, Some(peer)), client);
    let connection = upstream.connection().await?;
    call(&connection, "t", json!({})).await?;
    call(&connection, "t", json!({})).await?;
    Ok(())
}

fn secure(endpoint: &Endpoint, peer: Option<PeerTls>) -> Spec {
    let mut spec = endpoint.spec();
    if let Transport::Http { url, tls, .. } = &mut spec.transport {
        *url = format!("https://{}/mcp", endpoint.address).parse().unwrap();
        *tls = peer.map(Box::new);
    }
    spec
}

#[tokio::test]
async fn a_server_proves_who_it_is_and_so_does_the_gateway() {
    let (authority, clients) = (authority(), authority());
    let (endpoint, certificate) = server(&authority, &clients).await;
    let (ours, key) = issue(&clients);
    let good = PeerTls {
        roots: vec![authority.der().clone()],
        pins: vec![SpkiPin::of(&certificate).unwrap()],
        identity: Some(Identity::new(vec![ours], key)),
    };
    reach(&endpoint, good.clone()).await.unwrap();
    let connections = endpoint
        .connections
        .load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(connections, 1, "the connection is used again");
    let seen = endpoint.seen().len();

    let other_key = PeerTls {
        pins: vec![SpkiPin::of(&issue(&authority).0).unwrap()],
        ..good.clone()
    };
    let error = reach(&endpoint, other_key).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Identity), "{error:?}");
    let other_authority = PeerTls {
        roots: vec![clients.der().clone()],
        ..good.clone()
    };
    let error = reach(&endpoint, other_authority).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Tls(_)), "{error:?}");
    let nobody = PeerTls {
        identity: None,
        ..good
    };
    let error = reach(&endpoint, nobody).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Tls(_)), "{error:?}");
    assert_eq!(endpoint.seen().len(), seen, "no request reached it");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_reaches_nothing() {
    let authority = authority();
    let (endpoint, _) = server(&authority, &authority).await;
    let (certificate, _) = issue(&authority);
    let (_, other_key) = issue(&authority);
    let peer = PeerTls {
        identity: Some(Identity::new(vec![certificate], other_key)),
        ..PeerTls::default()
    };
    let error = reach(&endpoint, peer).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Tls(_)), "{error:?}");
    assert!(endpoint.seen().is_empty());
}

#[tokio::test]
async fn a_server_at_no_place_for_servers_is_not_asked() {
    let endpoint = Endpoint::start(|_| Reply::accepted()).await;
    for (address, rule) in [
        (
            "http://169.254.169.254/latest/meta-data",
            "address-metadata",
        ),
        ("https://[fe80::1]/mcp", "address-link-local"),
        ("http://192.168.1.1/mcp", "address-plain-http"),
    ] {
        let mut spec = endpoint.spec();
        if let Transport::Http { url, .. } = &mut spec.transport {
            *url = address.parse().unwrap();
        }
        let upstream = Upstream::new(spec, HttpClient::new().unwrap());
        let error = upstream.connection().await.unwrap_err();
        let refused = match &error {
            UpstreamError::Address { rule } => Some(*rule),
            _ => None,
        };
        assert_eq!(refused.map(Rule::as_str), Some(rule), "{error:?}");
    }
}
