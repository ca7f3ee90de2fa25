use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use sha2::{Digest, Sha256};

use super::{CertificateUnreadable, PeerCertificate};

fn der() -> Vec<u8> {
    let mut params = CertificateParams::new(vec!["Agent.Example".to_owned()]).unwrap();
    params.subject_alt_names.push(SanType::URI(
        "spiffe://example.org/Agent".try_into().unwrap(),
    ));
    params
        .subject_alt_names
        .push(SanType::Rfc822Name("agent@example.org".try_into().unwrap()));
    params.distinguished_name.push(DnType::CommonName, "agent");
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

#[test]
fn the_names_and_the_digest_are_those_of_the_certificate() {
    let der = der();
    let certificate = PeerCertificate::from_der(&der).unwrap();
    assert_eq!(certificate.dns_names(), ["agent.example"]);
    assert_eq!(certificate.uris(), ["spiffe://example.org/Agent"]);
    assert!(
        certificate.subject().contains("CN=agent"),
        "{certificate:?}"
    );
    let digest: [u8; 32] = Sha256::digest(&der).into();
    assert_eq!(certificate.sha256(), &digest);
    assert_eq!(certificate.thumbprint().len(), 43);
}

#[test]
fn what_is_not_one_certificate_is_refused() {
    let mut longer = der();
    longer.push(0);
    let mut shorter = der();
    shorter.pop();
    for wrong in [&longer[..], &shorter, b"", b"certificate"] {
        assert_eq!(PeerCertificate::from_der(wrong), Err(CertificateUnreadable));
    }
}

#[test]
fn a_proxy_forwards_one_certificate_or_none() {
    let der = der();
    let encoded = STANDARD.encode(&der);
    let forwarded = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("client-cert", HeaderValue::from_str(value).unwrap());
        }
        PeerCertificate::forwarded(&headers)
    };
    let expected = PeerCertificate::from_der(&der).unwrap();
    let good = format!(":{encoded}:");
    assert_eq!(forwarded(&[]), Ok(None));
    assert_eq!(forwarded(&[&good]), Ok(Some(expected)));
    for wrong in [
        "",
        ":",
        "::",
        &encoded,
        &format!("{encoded}:"),
        &format!(":{encoded}"),
        &format!(":{encoded}:;a=1"),
        &format!(":{encoded}:, :{encoded}:"),
        ":AAAA:",
    ] {
        assert_eq!(forwarded(&[wrong]), Err(CertificateUnreadable), "{wrong}");
    }
    assert_eq!(forwarded(&[&good, &good]), Err(CertificateUnreadable));
}
