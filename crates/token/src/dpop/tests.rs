use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::assertion::SigningKey;
use crate::fixture::{
    AUDIENCE, NOW, bearer, check as check_token, claims, issuer, jwk, key, key_set, sign, sign_text,
};
use crate::{Expected, Presented, peek, validate};

const URL: &str = "https://gateway.example/research/mcp";
const TOKEN: &str = "an.access.token";

fn expected(nonces: Option<&NonceKey>) -> ProofExpected<'_> {
    ProofExpected {
        method: "POST",
        url: URL,
        algorithms: &ALGORITHMS,
        now: NOW,
        max_age: DEFAULT_MAX_AGE,
        skew: DEFAULT_SKEW,
        nonces,
    }
}

fn header(key: &SigningKey) -> Value {
    json!({"typ": "dpop+jwt", "alg": key.algorithm().as_str(), "jwk": jwk(key)})
}

fn proof_claims() -> Value {
    json!({
        "jti": "proof-1", "htm": "POST", "htu": URL, "iat": NOW,
        "ath": base64url(&sha256(TOKEN.as_bytes())),
    })
}

/// The resource request of RFC 9449 section 7.1.
#[test]
fn the_example_of_rfc_9449() {
    let proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    let expected = ProofExpected {
        method: "GET",
        url: "https://resource.example.org/protectedresource",
        now: 1_562_262_620,
        ..expected(None)
    };
    let verified = verify(proof, token, &expected).unwrap();
    assert_eq!(
        verified.key_thumbprint(),
        "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    );
    assert_eq!(verified.id(), "e1j3V_bKic8-LAEB");
}

#[test]
fn every_mutant_of_a_proof_is_refused_with_its_own_reason() {
    let client = key(Algorithm::Es256, "k");
    let thief = key(Algorithm::Es256, "k");
    let nonces = NonceKey::new(&[1; 32], 60);
    let mut rows = Vec::new();
    let mut judge = |name: &str, proof: &str, nonces: Option<&NonceKey>| {
        let result = verify(proof, TOKEN, &expected(nonces));
        let outcome = result.map_or_else(|cause| cause.code(), |_| "ACCEPTED");
        rows.push(format!("{name:<34} {outcome}"));
    };
    let good = sign(&client, &header(&client), &proof_claims());
    judge("untouched", &good, None);
    let mut claim = |name: &str, changes: Value, nonces: Option<&NonceKey>| {
        let mut claims = proof_claims();
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name.as_str()] = value.clone();
            }
        }
        judge(name, &sign(&client, &header(&client), &claims), nonces);
    };
    claim(
        "with the nonce",
        json!({"nonce": nonces.current(NOW)}),
        Some(&nonces),
    );
    claim(
        "with the last nonce",
        json!({"nonce": nonces.current(NOW - 60)}),
        Some(&nonces),
    );
    claim("without a nonce", json!({}), Some(&nonces));
    claim(
        "with an old nonce",
        json!({"nonce": nonces.current(NOW - 120)}),
        Some(&nonces),
    );
    claim(
        "with an invented nonce",
        json!({"nonce": "AAAA"}),
        Some(&nonces),
    );
    claim("htm GET", json!({"htm": "GET"}), None);
    claim("htm in small letters", json!({"htm": "post"}), None);
    claim("htm missing", json!({"htm": null}), None);
    claim(
        "htu of another path",
        json!({"htu": "https://gateway.example/finance/mcp"}),
        None,
    );
    claim(
        "htu of another host",
        json!({"htu": "https://attacker.example/research/mcp"}),
        None,
    );
    claim(
        "htu by http",
        json!({"htu": URL.replace("https", "http")}),
        None,
    );
    claim(
        "htu with a query",
        json!({"htu": format!("{URL}?a=1")}),
        None,
    );
    claim(
        "htu with a fragment",
        json!({"htu": format!("{URL}#a")}),
        None,
    );
    claim(
        "htu with an account",
        json!({"htu": URL.replace("//", "//a@")}),
        None,
    );
    claim("htu with a slash", json!({"htu": format!("{URL}/")}), None);
    claim("htu relative", json!({"htu": "/research/mcp"}), None);
    claim("htu missing", json!({"htu": null}), None);
    claim(
        "htu in other letters, with a port",
        json!({"htu": "HTTPS://Gateway.Example:443/x/../research/mcp"}),
        None,
    );
    claim(
        "ath of another token",
        json!({"ath": base64url(&sha256(b"other"))}),
        None,
    );
    claim("ath missing", json!({"ath": null}), None);
    claim("iat old", json!({"iat": NOW - 61}), None);
    claim("iat to come", json!({"iat": NOW + 11}), None);
    claim("iat missing", json!({"iat": null}), None);
    claim("jti missing", json!({"jti": null}), None);
    claim("jti empty", json!({"jti": ""}), None);
    claim("jti endless", json!({"jti": "x".repeat(513)}), None);

    let mut head = |name: &str, signer: &SigningKey, changes: Value| {
        let mut header = header(&client);
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                header.as_object_mut().unwrap().remove(name);
            } else {
                header[name.as_str()] = value.clone();
            }
        }
        judge(name, &sign(signer, &header, &proof_claims()), None);
    };
    head("typ JWT", &client, json!({"typ": "JWT"}));
    head("typ missing", &client, json!({"typ": null}));
    head("alg none", &client, json!({"alg": "none"}));
    head("alg HS256", &client, json!({"alg": "HS256"}));
    head(
        "alg of another kind of key",
        &client,
        json!({"alg": "RS256"}),
    );
    head("jwk missing", &client, json!({"jwk": null}));
    head(
        "jwk symmetric",
        &client,
        json!({"jwk": {"kty": "oct", "k": "AAAA"}}),
    );
    let mut private = jwk(&client);
    private["d"] = json!("AAAA");
    head("jwk private", &client, json!({"jwk": private}));
    head("jwk of somebody else", &client, json!({"jwk": jwk(&thief)}));
    head("jwk no object", &client, json!({"jwk": "k"}));
    head(
        "jwk with one coordinate",
        &client,
        json!({"jwk": {"kty": "EC", "crv": "P-256", "x": "AAAA"}}),
    );
    head("signed by somebody else", &thief, json!({}));
    head(
        "with jku",
        &client,
        json!({"jku": "https://attacker.example"}),
    );
    head("with crit", &client, json!({"crit": ["jwk"]}));
    judge(
        "an access token",
        &sign(
            &client,
            &json!({"alg": "ES256", "typ": "at+jwt"}),
            &claims(),
        ),
        None,
    );
    judge("nothing", "", None);
    judge("two proofs", &format!("{good}, {good}"), None);
    judge("endless", &"A".repeat(1 << 20), None);
    let twice = proof_claims()
        .to_string()
        .replacen('{', r#"{"htm":"GET","#, 1);
    judge(
        "htm twice",
        &sign_text(&client, &header(&client).to_string(), &twice),
        None,
    );
    insta::assert_snapshot!("mutants", rows.join("\n"));
}

#[test]
fn a_bound_token_needs_a_proof_by_its_key() {
    let server = key(Algorithm::Es256, "k");
    let client = key(Algorithm::EdDsa, "c");
    let thief = key(Algorithm::EdDsa, "t");
    let keys = key_set(&[jwk(&server)]);
    let token = |bound: bool| {
        let mut claims = claims();
        if bound {
            claims["cnf"] = json!({"jkt": client.thumbprint()});
        }
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": "k"});
        sign(&server, &header, &claims)
    };
    let audiences = [AUDIENCE.to_owned()];
    let present = |token: &str, by: &SigningKey| {
        let mut claims = proof_claims();
        claims["ath"] = json!(base64url(&sha256(token.as_bytes())));
        let proof = verify(&sign(by, &header(by), &claims), token, &expected(None))?;
        let expected = Expected {
            presented: Presented::Dpop(&proof),
            ..bearer(&audiences)
        };
        validate(&peek(token)?, &issuer(), &keys, &expected).map(|_| ())
    };
    assert_eq!(present(&token(true), &client), Ok(()));
    assert_eq!(present(&token(true), &thief), Err(Rejection::ProofKeyWrong));
    assert_eq!(
        present(&token(false), &client),
        Err(Rejection::TokenNotBound)
    );
    assert_eq!(
        check_token(&token(true), &issuer(), &keys),
        Err(Rejection::BoundTokenAsBearer)
    );
}

fn proof(id: &str, issued: u64) -> Proof {
    Proof {
        key_thumbprint: "t".to_owned(),
        id: id.to_owned(),
        issued,
        good_until: issued + DEFAULT_MAX_AGE,
    }
}

#[test]
fn a_proof_is_admitted_once() {
    let mut window = ReplayWindow::new(2);
    assert_eq!(window.admit(&proof("a", NOW), NOW), Ok(()));
    assert_eq!(
        window.admit(&proof("a", NOW), NOW + 1),
        Err(Rejection::ProofReplayed)
    );
    // The same id of another key is another proof.
    let other = Proof {
        key_thumbprint: "u".to_owned(),
        ..proof("a", NOW)
    };
    assert_eq!(window.admit(&other, NOW), Ok(()));
    assert_eq!(
        window.admit(&proof("b", NOW), NOW),
        Err(Rejection::ProofWindowFull)
    );
    assert_eq!(
        window.admit(&proof("a", NOW), NOW + 60),
        Err(Rejection::ProofReplayed)
    );
    // Both have become too old to be accepted, and make room.
    assert_eq!(window.admit(&proof("b", NOW + 61), NOW + 61), Ok(()));
    assert_eq!(window.len(), 1);
    // When the clock steps back, what was forgotten is not admitted again.
    assert_eq!(
        window.admit(&proof("a", NOW), NOW),
        Err(Rejection::ProofTooOld)
    );
}

proptest! {
    #[test]
    fn a_window_admits_no_proof_twice_and_never_grows_past_its_bound(
        steps in proptest::collection::vec((0u8..12, 0u64..40), 1..200),
    ) {
        let mut window = ReplayWindow::new(8);
        let mut now = NOW;
        let mut admitted = std::collections::HashSet::new();
        for (id, step) in steps {
            now += step;
            let issued = now - u64::from(id % 5);
            let name = format!("{id}-{issued}");
            if window.admit(&proof(&name, issued), now).is_ok() {
                prop_assert!(admitted.insert(name));
            }
            prop_assert!(window.len() <= 8);
        }
    }

    #[test]
    fn a_nonce_is_good_for_one_to_two_slots(start in 0u64..1 << 40, slot in 1u64..1000, later in 0u64..3000) {
        let key = NonceKey::new(&[7; 32], slot);
        let nonce = key.current(start);
        let accepted = key.accepts(&nonce, start + later);
        if later <= slot - (start % slot).min(slot - 1) {
            prop_assert!(accepted);
        }
        if later >= 2 * slot {
            prop_assert!(!accepted);
        }
        prop_assert!(!NonceKey::new(&[8; 32], slot).accepts(&nonce, start));
    }
}

#[test]
fn a_thumbprint_is_of_a_public_key() {
    let client = key(Algorithm::Es384, "k");
    assert_eq!(
        thumbprint(client.public_jwk().as_bytes()).as_ref(),
        Ok(&client.thumbprint())
    );
    assert_eq!(thumbprint(b"{}"), Err(KeyFault::Malformed));
    assert_eq!(
        thumbprint(br#"{"kty":"oct","k":"AAAA"}"#),
        Err(KeyFault::Symmetric)
    );
}
