mod mutants;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::fixture::{AUDIENCE, NOW, bearer, check, claims, issuer, jwk, key, key_set, line, sign};
use crate::peek;

#[test]
fn a_token_made_by_another_library_is_accepted() {
    use jsonwebtoken as other;
    for algorithm in [
        Algorithm::Rs256,
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::EdDsa,
    ] {
        let pem = crate::fixture::pem(algorithm);
        let ours = crate::assertion::SigningKey::from_pem(&pem.clone().into(), algorithm)
            .unwrap()
            .with_key_id("k");
        let theirs = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 => {
                other::EncodingKey::from_ec_pem(pem.as_bytes()).unwrap()
            }
            Algorithm::EdDsa => other::EncodingKey::from_ed_pem(pem.as_bytes()).unwrap(),
            _ => other::EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(),
        };
        let mut header = other::Header::new(algorithm.as_str().parse().unwrap());
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some("k".to_owned());
        let token = other::encode(&header, &claims(), &theirs).unwrap();
        let issuer = Issuer {
            algorithms: vec![algorithm],
            ..issuer()
        };
        let result = check(&token, &issuer, &key_set(&[jwk(&ours)]));
        assert!(result.is_ok(), "{algorithm}: {}", line(&result));
    }
}

#[test]
fn everything_a_token_says_is_kept() {
    let signer = key(Algorithm::Es256, "k");
    let mut claims = claims();
    claims["auth_time"] = json!(NOW - 20);
    claims["acr"] = json!("gold");
    claims["amr"] = json!(["pwd", "otp"]);
    claims["roles"] = json!(["reader"]);
    claims["groups"] = json!(["staff", "all staff"]);
    claims["aud"] = json!(["https://other.example", AUDIENCE]);
    let header = json!({"alg": "ES256", "typ": "application/at+jwt", "kid": "k"});
    let identity = check(
        &sign(&signer, &header, &claims),
        &issuer(),
        &key_set(&[jwk(&signer)]),
    );
    insta::assert_debug_snapshot!(identity, @r#"
    Ok(
        Identity {
            issuer: "corp",
            tenant: None,
            subject: "user-1",
            display_name: None,
            kind: User,
            agent: None,
            client: Some(
                "host-1",
            ),
            parent_application: None,
            actors: [],
            scopes: {
                "tools.call",
                "tools.read",
            },
            roles: {
                "reader",
            },
            groups: Listed(
                {
                    "all staff",
                    "staff",
                },
            ),
            guest: false,
            acr: Some(
                "gold",
            ),
            contexts: {},
            amr: {
                "otp",
                "pwd",
            },
            auth_time: Some(
                1899999980,
            ),
            issued: Some(
                1899999990,
            ),
            expires: 1900000600,
            token_id: Some(
                "token-1",
            ),
            binding: Binding {
                key_thumbprint: None,
                certificate_digest: None,
            },
            can_be_challenged: false,
        },
    )
    "#);
}

#[test]
fn a_token_without_key_id_needs_the_only_key() {
    let signer = key(Algorithm::Es256, "k");
    let token = sign(
        &signer,
        &json!({"alg": "ES256", "typ": "at+jwt"}),
        &claims(),
    );
    let one = key_set(&[jwk(&signer)]);
    assert!(check(&token, &issuer(), &one).is_ok());
    let two = key_set(&[jwk(&signer), jwk(&key(Algorithm::Es256, "other"))]);
    assert_eq!(check(&token, &issuer(), &two), Err(Rejection::KeyAmbiguous));
}

#[test]
fn times_are_exact_to_the_second() {
    let signer = key(Algorithm::Es256, "k");
    let keys = key_set(&[jwk(&signer)]);
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": "k"});
    let token = sign(&signer, &header, &claims());
    let audiences = [AUDIENCE.to_owned()];
    let mut issuer = issuer();
    let at = |issuer: &Issuer, now: u64| {
        let expected = Expected {
            now,
            ..bearer(&audiences)
        };
        validate(&peek(&token).unwrap(), issuer, &keys, &expected).err()
    };
    // The token is good from NOW - 10 to NOW + 600; the clocks may be 60 seconds apart.
    assert_eq!(at(&issuer, NOW - 71), Some(Rejection::NotYetValid));
    assert_eq!(at(&issuer, NOW - 70), None);
    assert_eq!(at(&issuer, NOW + 659), None);
    assert_eq!(at(&issuer, NOW + 660), Some(Rejection::Expired));
    issuer.max_age = Some(300);
    assert_eq!(at(&issuer, NOW + 350), None);
    assert_eq!(at(&issuer, NOW + 351), Some(Rejection::TooOld));
}

#[test]
fn a_bound_token_needs_what_it_is_bound_to() {
    let signer = key(Algorithm::Es256, "k");
    let keys = key_set(&[jwk(&signer)]);
    let digest = [7; 32];
    let audiences = [AUDIENCE.to_owned()];
    let with = |cnf: Option<serde_json::Value>, required: bool, certificate: Option<&[u8; 32]>| {
        let mut claims = claims();
        if let Some(cnf) = cnf {
            claims["cnf"] = cnf;
        }
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": "k"});
        let token = sign(&signer, &header, &claims);
        let issuer = Issuer {
            require_binding: required,
            ..issuer()
        };
        let expected = Expected {
            certificate,
            ..bearer(&audiences)
        };
        validate(&peek(&token).unwrap(), &issuer, &keys, &expected)
            .map(|identity| identity.binding.is_bound())
    };
    let bound = || Some(json!({"x5t#S256": base64url(&digest)}));
    assert_eq!(with(bound(), true, Some(&digest)), Ok(true));
    assert_eq!(with(None, false, Some(&digest)), Ok(false));
    assert_eq!(
        with(None, true, Some(&digest)),
        Err(Rejection::BindingRequired)
    );
    assert_eq!(
        with(bound(), false, None),
        Err(Rejection::CertificateMissing)
    );
    assert_eq!(
        with(bound(), false, Some(&[8; 32])),
        Err(Rejection::CertificateWrong)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn a_token_with_one_other_byte_is_refused(place in any::<prop::sample::Index>(), other in any::<u8>()) {
        static SIGNED: std::sync::LazyLock<(String, KeySet)> = std::sync::LazyLock::new(|| {
            let signer = key(Algorithm::Es256, "k");
            let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": "k"});
            (sign(&signer, &header, &claims()), key_set(&[jwk(&signer)]))
        });
        let (token, keys) = &*SIGNED;
        prop_assert!(check(token, &issuer(), keys).is_ok());
        let mut bytes = token.clone().into_bytes();
        let place = place.index(bytes.len());
        prop_assume!(bytes[place] != other);
        bytes[place] = other;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(check(&changed, &issuer(), keys).is_err(), "{}", changed);
        }
    }
}
