use serde_json::{Value, json};

use super::*;
use crate::fixture::{AUDIENCE, bearer, check, claims, issuer, jwk, key, key_set, sign};
use crate::{Expected, Issuer, peek, validate};

/// The key of RFC 7638 section 3.1.
const RFC_7638: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;

#[test]
fn the_thumbprint_of_rfc_7638() {
    let key = Object::parse(RFC_7638).unwrap();
    assert_eq!(
        PublicKey::read(&key).unwrap().thumbprint(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
}

/// A good key with these members added, replaced, or (by null) removed.
fn changed(base: &Value, changes: Value) -> Value {
    let mut base = base.clone();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            base.as_object_mut().unwrap().remove(name);
        } else {
            base[name.as_str()] = value.clone();
        }
    }
    base
}

#[test]
fn keys_that_must_not_be_used_are_skipped() {
    let ec = jwk(&key(Algorithm::Es256, "ec"));
    let rsa: Value = serde_json::from_str(RFC_7638).unwrap();
    let ed = jwk(&key(Algorithm::EdDsa, "ed"));
    let check = |jwk: Value, expected: KeyFault| {
        let set = key_set(std::slice::from_ref(&jwk));
        assert!(set.keys().is_empty(), "{jwk}");
        assert_eq!(set.skipped().first().unwrap().fault, expected, "{jwk}");
    };
    check(json!({"kty": "oct", "k": "AAAA"}), KeyFault::Symmetric);
    check(changed(&ec, json!({"d": "AAAA"})), KeyFault::Private);
    check(changed(&ed, json!({"d": "AAAA"})), KeyFault::Private);
    check(changed(&rsa, json!({"p": "AAAA"})), KeyFault::Private);
    check(
        changed(&ec, json!({"use": "enc"})),
        KeyFault::NotForSignatures,
    );
    check(
        changed(&ec, json!({"key_ops": ["sign"]})),
        KeyFault::NotForSignatures,
    );
    check(
        changed(&ec, json!({"alg": "RS256"})),
        KeyFault::AlgorithmUnsupported,
    );
    check(
        changed(&rsa, json!({"alg": "HS256"})),
        KeyFault::AlgorithmUnsupported,
    );
    check(
        changed(&rsa, json!({"alg": "RSA-OAEP"})),
        KeyFault::AlgorithmUnsupported,
    );
    check(
        changed(&ec, json!({"crv": "P-521"})),
        KeyFault::KindUnsupported,
    );
    check(changed(&ec, json!({"crv": "P-384"})), KeyFault::Malformed);
    check(
        changed(&ed, json!({"crv": "X25519"})),
        KeyFault::KindUnsupported,
    );
    check(
        changed(&ec, json!({"kty": "PQ"})),
        KeyFault::KindUnsupported,
    );
    check(changed(&ec, json!({"kty": null})), KeyFault::Malformed);
    check(changed(&ec, json!({"x": null})), KeyFault::Malformed);
    check(changed(&ec, json!({"x": "AAAA"})), KeyFault::Malformed);
    // Not on the curve.
    let (x, y) = (ec["x"].clone(), ec["y"].clone());
    check(changed(&ec, json!({"x": y, "y": x})), KeyFault::Malformed);
    check(changed(&ed, json!({"x": "AAAA"})), KeyFault::Malformed);
    let short = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        [0xff; 128],
    );
    check(changed(&rsa, json!({"n": short})), KeyFault::WrongSize);
    check(changed(&rsa, json!({"e": "AQ"})), KeyFault::Malformed);
    check(changed(&rsa, json!({"e": "AQAA"})), KeyFault::Malformed);
    check(
        changed(&rsa, json!({"n": "not base64!"})),
        KeyFault::Malformed,
    );
}

#[test]
fn what_is_not_a_key_set_is_refused() {
    let check = |text: &str, expected: KeySetError| {
        assert_eq!(
            KeySet::parse(text.as_bytes()).err(),
            Some(expected),
            "{text:.60}"
        );
    };
    check("", KeySetError::Malformed);
    check("[]", KeySetError::Malformed);
    check("{}", KeySetError::NoKeys);
    check(r#"{"keys":{}}"#, KeySetError::NoKeys);
    check(r#"{"keys":[],"keys":[]}"#, KeySetError::Malformed);
    check(r#"{"keys":["x"]}"#, KeySetError::Malformed);
    check(
        &format!(r#"{{"keys":[{}]}}"#, vec!["{}"; MAX_KEYS + 1].join(",")),
        KeySetError::TooMany,
    );
    assert!(KeySet::parse(br#"{"keys":[]}"#).unwrap().keys().is_empty());
}

#[test]
fn a_key_is_found_by_its_id_and_algorithm() {
    let set = key_set(&[
        jwk(&key(Algorithm::Es256, "a")),
        jwk(&key(Algorithm::Es256, "b")),
        jwk(&key(Algorithm::EdDsa, "a")),
        changed(
            &jwk(&key(Algorithm::Es384, "c")),
            json!({"alg": null, "kid": null}),
        ),
    ]);
    let found = |id, algorithm| set.find(id, algorithm).map(|key| (key.id(), key.kind()));
    assert_eq!(
        found(Some("a"), Algorithm::Es256),
        Ok((Some("a"), KeyKind::P256))
    );
    assert_eq!(
        found(Some("a"), Algorithm::EdDsa),
        Ok((Some("a"), KeyKind::Ed25519))
    );
    assert_eq!(
        found(None, Algorithm::EdDsa),
        Ok((Some("a"), KeyKind::Ed25519))
    );
    assert_eq!(found(None, Algorithm::Es384), Ok((None, KeyKind::P384)));
    assert_eq!(found(None, Algorithm::Es256), Err(Rejection::KeyAmbiguous));
    assert_eq!(
        found(Some("b"), Algorithm::EdDsa),
        Err(Rejection::KeyUnknown)
    );
    assert_eq!(
        found(Some("c"), Algorithm::Es384),
        Err(Rejection::KeyUnknown)
    );
    assert_eq!(
        found(Some("a"), Algorithm::Rs256),
        Err(Rejection::KeyUnknown)
    );
    assert!(set.contains("a") && !set.contains("c"));
}

#[test]
fn a_key_for_one_algorithm_does_not_serve_another() {
    let rsa: Value = serde_json::from_str(RFC_7638).unwrap();
    let one = key_set(std::slice::from_ref(&rsa));
    assert!(one.find(None, Algorithm::Rs256).is_ok());
    assert!(one.find(None, Algorithm::Ps256).is_err());
    let any = key_set(&[changed(&rsa, json!({"alg": null}))]);
    assert!(any.find(None, Algorithm::Ps256).is_ok());
    assert!(any.find(None, Algorithm::Es256).is_err());
}

#[test]
fn a_modulus_may_have_a_leading_zero() {
    let rsa: Value = serde_json::from_str(RFC_7638).unwrap();
    let n = crate::encoding::from_base64url(rsa["n"].as_str().unwrap()).unwrap();
    let padded = crate::encoding::base64url(&[&[0], n.as_slice()].concat());
    let set = key_set(&[changed(&rsa, json!({"n": padded}))]);
    assert!(set.find(Some("2011-04-29"), Algorithm::Rs256).is_ok());
}

#[test]
fn only_tokens_that_the_keys_signed_are_remembered() {
    let (own, other) = (key(Algorithm::Es256, "k"), key(Algorithm::Es256, "k"));
    let keys = key_set(&[jwk(&own)]);
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": "k"});
    let remembered = |token: &str| {
        let digest = peek(token).unwrap().jws.digest();
        keys.verified.contains(&digest)
    };
    let (good, foreign) = (
        sign(&own, &header, &claims()),
        sign(&other, &header, &claims()),
    );
    for _ in 0..2 {
        assert_eq!(
            check(&foreign, &issuer(), &keys),
            Err(Rejection::SignatureWrong)
        );
        assert!(!remembered(&foreign));
    }
    for _ in 0..2 {
        assert!(check(&good, &issuer(), &keys).is_ok());
        assert!(remembered(&good));
    }
    // A set in which the key was replaced knows nothing of it, and neither does one without it.
    let replaced = key_set(&[jwk(&other)]);
    assert_eq!(
        check(&good, &issuer(), &replaced),
        Err(Rejection::SignatureWrong)
    );
    let removed = key_set(&[jwk(&key(Algorithm::Es256, "l"))]);
    assert_eq!(
        check(&good, &issuer(), &removed),
        Err(Rejection::KeyUnknown)
    );
    // Nor does what was remembered speak for another signature over the same text, or another text
    // with the same signature.
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (foreign_signed, foreign_signature) = foreign.rsplit_once('.').unwrap();
    assert_eq!(signed, foreign_signed);
    let forged = format!("{signed}.{foreign_signature}");
    assert_eq!(
        check(&forged, &issuer(), &keys),
        Err(Rejection::SignatureWrong)
    );
    let mut changed = claims();
    changed["sub"] = json!("somebody else");
    let changed = sign(&other, &header, &changed);
    let (changed, _) = changed.rsplit_once('.').unwrap();
    let forged = format!("{changed}.{signature}");
    assert_eq!(
        check(&forged, &issuer(), &keys),
        Err(Rejection::SignatureWrong)
    );
}

#[test]
fn everything_but_the_signature_is_judged_anew() {
    let signer = key(Algorithm::Es256, "k");
    let keys = key_set(&[jwk(&signer)]);
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": "k"});
    let token = sign(&signer, &header, &claims());
    let own = [AUDIENCE.to_owned()];
    let judge = |issuer: &Issuer, expected: &Expected<'_>| {
        let peeked = peek(&token).unwrap();
        validate(&peeked, issuer, &keys, expected).map(drop)
    };
    assert_eq!(judge(&issuer(), &bearer(&own)), Ok(()));
    let later = Expected {
        now: bearer(&own).now + 10_000,
        ..bearer(&own)
    };
    assert_eq!(judge(&issuer(), &later), Err(Rejection::Expired));
    let elsewhere = ["https://gateway.example/other".to_owned()];
    assert_eq!(
        judge(&issuer(), &bearer(&elsewhere)),
        Err(Rejection::AudienceWrong)
    );
    let rsa = Issuer {
        algorithms: vec![Algorithm::Rs256],
        ..issuer()
    };
    assert_eq!(
        judge(&rsa, &bearer(&own)),
        Err(Rejection::AlgorithmNotAllowed)
    );
    let bound = Issuer {
        require_binding: true,
        ..issuer()
    };
    assert_eq!(
        judge(&bound, &bearer(&own)),
        Err(Rejection::BindingRequired)
    );
    assert_eq!(judge(&issuer(), &bearer(&own)), Ok(()));
}
