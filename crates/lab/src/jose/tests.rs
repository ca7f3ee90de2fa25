use serde_json::json;

use super::*;

#[test]
fn a_signature_is_by_its_key_alone() {
    for (key, other) in [
        (SigningKey::rsa().unwrap(), SigningKey::rsa().unwrap()),
        (SigningKey::ec().unwrap(), SigningKey::ec().unwrap()),
    ] {
        let algorithm = if key.jwk()["kty"] == "RSA" {
            "RS256"
        } else {
            "ES256"
        };
        let token = key
            .sign(&json!({"alg": algorithm}), &json!({"sub": "ada"}))
            .unwrap();
        assert!(is_signed_by(&token, &key.jwk_with_certificate()));
        assert!(!is_signed_by(&token, &other.jwk()));
        let forged = token.replacen('.', ".e", 1);
        assert!(!is_signed_by(&forged, &key.jwk()));
        assert_eq!(Parts::read(&token).unwrap().claim("sub"), "ada");
    }
}

#[test]
fn a_key_signs_pss_when_the_header_says_so() {
    let key = SigningKey::rsa().unwrap();
    let token = key.sign(&json!({"alg": "PS256"}), &json!({})).unwrap();
    assert!(is_signed_by(&token, &key.jwk()));
    let header = encode(json!({"alg": "RS256"}).to_string());
    let (_, rest) = token.split_once('.').unwrap();
    assert!(!is_signed_by(&format!("{header}.{rest}"), &key.jwk()));
}

#[test]
fn a_guid_looks_like_one() {
    let guid = random_guid();
    let lengths: Vec<usize> = guid.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
    assert_eq!(guid.as_bytes()[14], b'4');
    assert!(matches!(guid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    assert_ne!(guid, random_guid());
}
