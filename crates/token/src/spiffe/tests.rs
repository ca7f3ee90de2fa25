use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::Algorithm;
use crate::fixture::{AUDIENCE, NOW, jwk, key, key_set, line, sign};

#[test]
fn spiffe_ids_are_read_strictly() {
    let check = |id: &str, expected: Option<&str>| assert_eq!(trust_domain(id), expected, "{id}");
    check("spiffe://example.org/ns/prod/sa/agent", Some("example.org"));
    check("spiffe://example.org/a.b_C-1", Some("example.org"));
    for wrong in [
        "",
        "spiffe://example.org",
        "spiffe://example.org/",
        "spiffe://example.org/a/",
        "spiffe://example.org/a//b",
        "spiffe://example.org/a/../b",
        "spiffe://example.org/./b",
        "spiffe://Example.org/a",
        "spiffe://example.org:8080/a",
        "spiffe://user@example.org/a",
        "spiffe:///a",
        "spiffe://example.org/a?b",
        "spiffe://example.org/a#b",
        "spiffe://example.org/a%2e",
        "SPIFFE://example.org/a",
        "https://example.org/a",
    ] {
        check(wrong, None);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "spiffe://\\PC*") {
        let _ = trust_domain(&text);
    }
}

#[test]
fn a_jwt_svid_is_a_workload_or_an_agent() {
    let signer = key(Algorithm::Es256, "k");
    let keys = key_set(&[jwk(&signer)]);
    let mut issuer = Issuer::spiffe("mesh", "example.org");
    issuer.agents.insert("spiffe://example.org/bot".to_owned());
    let check = |header: Value, changes: Value| {
        let mut claims =
            json!({"sub": "spiffe://example.org/job", "aud": [AUDIENCE], "exp": NOW + 60});
        for (name, value) in changes.as_object().unwrap() {
            claims[name.as_str()] = value.clone();
        }
        let token = sign(&signer, &header, &claims);
        line(&crate::fixture::check(&token, &issuer, &keys))
    };
    let plain = json!({"alg": "ES256", "kid": "k"});
    assert_eq!(
        check(plain.clone(), json!({})),
        "ACCEPTED Workload spiffe://example.org/job client=spiffe://example.org/job"
    );
    let bot = json!({"sub": "spiffe://example.org/bot"});
    assert_eq!(
        check(json!({"alg": "ES256", "kid": "k", "typ": "JOSE"}), bot),
        "ACCEPTED Agent spiffe://example.org/bot agent=Autonomous client=spiffe://example.org/bot"
    );
    let sub = |id: &str| json!({ "sub": id });
    assert_eq!(check(plain.clone(), sub("job")), "spiffe-id-malformed");
    assert_eq!(
        check(plain.clone(), sub("spiffe://example.com/job")),
        "trust-domain-wrong"
    );
    assert_eq!(
        check(plain.clone(), json!({"aud": ["x"]})),
        "audience-wrong"
    );
    assert_eq!(check(plain.clone(), json!({"exp": NOW - 60})), "expired");
    assert_eq!(
        check(plain, json!({"iss": "https://x.example"})),
        "issuer-wrong"
    );
    assert_eq!(
        check(
            json!({"alg": "ES256", "kid": "k", "typ": "at+jwt"}),
            json!({})
        ),
        "type-wrong"
    );
}
