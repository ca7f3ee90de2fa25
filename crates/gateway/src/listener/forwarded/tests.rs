use http::HeaderValue;
use rcgen::{CertificateParams, DnType, KeyPair, SanType};

use super::*;

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
fn a_proxy_forwards_one_certificate_or_none() {
    let der = der();
    let encoded = STANDARD.encode(&der);
    let forwarded = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("client-cert", HeaderValue::from_str(value).unwrap());
        }
        certificate(&headers)
    };
    let expected = Certificate::from_der(&der).unwrap();
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
