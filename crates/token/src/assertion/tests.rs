use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::*;
use crate::Algorithm;
use crate::encoding::sha256;
use crate::fixture::{NOW, key, pem};

fn assertion() -> ClientAssertion<'static> {
    ClientAssertion {
        client_id: "gate\"way",
        audience: "https://issuer.example/token",
        token_id: "id-1",
        now: NOW,
        lifetime: 300,
    }
}

/// What another library reads out of a signed assertion, with the key's published JWK.
fn read(signed: &str, key: &SigningKey) -> (Value, Value) {
    use jsonwebtoken as other;
    let jwk: other::jwk::Jwk = serde_json::from_str(&key.public_jwk()).unwrap();
    let mut rules = other::Validation::new(key.algorithm().as_str().parse().unwrap());
    rules.set_audience(&["https://issuer.example/token"]);
    let token =
        other::decode::<Value>(signed, &other::DecodingKey::from_jwk(&jwk).unwrap(), &rules)
            .unwrap();
    (serde_json::to_value(token.header).unwrap(), token.claims)
}

#[test]
fn an_assertion_is_read_by_another_library() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm, "k-1");
        let signed = assertion().sign(&key).unwrap();
        let (header, claims) = read(signed.expose_secret(), &key);
        assert_eq!(
            claims,
            json!({
                "iss": "gate\"way", "sub": "gate\"way", "aud": "https://issuer.example/token",
                "jti": "id-1", "iat": NOW, "nbf": NOW, "exp": NOW + 300,
            })
        );
        assert_eq!(header["alg"], algorithm.as_str());
        assert_eq!(header["typ"], "JWT");
        assert_eq!(header["kid"], "k-1");
    }
}

#[test]
fn entra_finds_the_certificate_by_its_digest() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["gateway.example".to_owned()])
        .unwrap()
        .self_signed(&pair)
        .unwrap();
    let key = SigningKey::from_pem(&pair.serialize_pem().into(), Algorithm::Ps256)
        .unwrap()
        .with_certificate(&certificate.pem())
        .unwrap();
    let signed = assertion().sign(&key).unwrap();
    let (header, _) = read(signed.expose_secret(), &key);
    assert_eq!(
        header,
        json!({
            "alg": "PS256", "typ": "JWT", "x5t#S256": base64url(&sha256(certificate.der())),
        })
    );
}

#[test]
fn an_assertion_does_not_live_long() {
    let key = key(Algorithm::EdDsa, "k");
    let long = ClientAssertion {
        lifetime: u64::MAX,
        ..assertion()
    };
    let (_, claims) = read(long.sign(&key).unwrap().expose_secret(), &key);
    assert_eq!(claims["exp"], NOW + MAX_LIFETIME);
}

#[test]
fn a_key_must_fit_its_algorithm() {
    let check = |pem: &str, algorithm: Algorithm, expected: SigningKeyError| {
        assert_eq!(
            SigningKey::from_pem(&pem.to_owned().into(), algorithm).err(),
            Some(expected)
        );
    };
    let ec = pem(Algorithm::Es256);
    let wrong = SigningKeyError::WrongKind;
    check(&ec, Algorithm::Rs256, wrong(Algorithm::Rs256));
    check(&ec, Algorithm::Es384, wrong(Algorithm::Es384));
    check(&ec, Algorithm::EdDsa, wrong(Algorithm::EdDsa));
    check(
        &pem(Algorithm::EdDsa),
        Algorithm::Es256,
        wrong(Algorithm::Es256),
    );
    check("", Algorithm::Es256, SigningKeyError::NotPem);
    check(
        "-----BEGIN PRIVATE KEY-----\n!\n",
        Algorithm::Es256,
        SigningKeyError::NotPem,
    );
    let key = key(Algorithm::Es256, "k");
    assert_eq!(
        key.with_certificate(&ec).err(),
        Some(SigningKeyError::NoCertificate)
    );
}

#[test]
fn a_key_is_never_shown() {
    let key = key(Algorithm::Es256, "k");
    assert_eq!(
        format!("{key:?}"),
        r#"SigningKey { algorithm: Es256, key_id: Some("k"), .. }"#
    );
    assert!(!key.public_jwk().contains("\"d\""));
}
