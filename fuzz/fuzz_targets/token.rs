//! Tokens, proofs, key sets, answers about tokens, and challenges: nothing makes a reader panic, an
//! answer that is accepted says to another parser what it was accepted for, and a challenge that was
//! read is read alike after it is written.
//!
//! Input: a token, a key set, an introspection answer and a challenge.

#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use portcullis_fuzz::parts;
use portcullis_token::challenge;
use portcullis_token::dpop::{self, ALGORITHMS, ProofExpected};
use portcullis_token::entra::{Cloud, EntraRules, Version};
use portcullis_token::{Expected, Issuer, KeySet, Presented, from_introspection, peek, validate};
use serde_json::Value;
use serde_json::value::RawValue;

const NOW: u64 = 1_900_000_000;
const ISSUER: &str = "https://issuer.example/realm";
const AUDIENCE: &str = "https://gateway.example/research";
const TENANT: &str = "11111111-1111-4111-8111-111111111111";

fuzz_target!(|data: &[u8]| {
    let Some([token, keys, answer, header]) = parts::<4>(data) else {
        return;
    };
    let audiences = [AUDIENCE.to_owned()];
    let expected = Expected {
        audiences: &audiences,
        now: NOW,
        presented: Presented::Bearer,
        certificate: None,
    };
    signed(token, keys, &expected);
    introspected(answer, &expected);
    challenges(header);
});

fn signed(token: &str, keys: &str, expected: &Expected<'_>) {
    let request = ProofExpected {
        method: "POST",
        url: AUDIENCE,
        algorithms: &ALGORITHMS,
        now: NOW,
        max_age: 60,
        skew: 10,
        nonces: None,
    };
    let _ = dpop::verify(token, token, &request);
    let keys = KeySet::parse(keys.as_bytes());
    let Ok(token) = peek(token) else {
        return;
    };
    let mut entra = EntraRules::new([TENANT.to_owned()]);
    entra.versions.insert(Version::V1);
    let issuers = [
        Issuer::standard("corp", ISSUER),
        Issuer::entra("entra", entra),
        Issuer::spiffe("mesh", "example.org"),
    ];
    let chosen = Issuer::choose(&issuers, &token);
    if let (Ok(issuer), Ok(keys)) = (chosen, keys)
        && let Ok(identity) = validate(&token, issuer, &keys, expected)
    {
        assert!(!identity.subject.is_empty() && identity.expires > NOW - 60);
        assert!(!identity.binding.is_bound());
    }
    if let Some(tenant) = token.issuer().and_then(|iss| {
        let cloud = Cloud::global();
        cloud.tenant_of(iss).map(str::to_owned)
    }) {
        assert!(portcullis_token::entra::is_guid(&tenant));
    }
}

fn introspected(answer: &str, expected: &Expected<'_>) {
    let issuer = Issuer::standard("corp", ISSUER);
    let Ok(identity) = from_introspection(answer.as_bytes(), &issuer, expected) else {
        return;
    };
    let members: HashMap<String, &RawValue> =
        serde_json::from_str(answer).expect("what strict reading accepts");
    // A number that no double holds is JSON all the same, where nobody reads it.
    let value = |name: &str| -> Value {
        let raw = members.get(name);
        raw.map_or(Value::Null, |raw| {
            serde_json::from_str(raw.get()).expect("what was read")
        })
    };
    assert_eq!(value("active"), true);
    assert_eq!(value("iss"), ISSUER);
    assert_eq!(value("sub"), identity.subject);
    let is_ours = |name: &Value| name == AUDIENCE;
    let audience = value("aud");
    assert!(
        is_ours(&audience)
            || audience
                .as_array()
                .is_some_and(|all| all.iter().any(is_ours))
    );
    assert!(
        value("exp")
            .as_f64()
            .is_some_and(|end| end + 60.0 > NOW as f64)
    );
    assert!(!members.contains_key("cnf"));
}

fn challenges(header: &str) {
    let Ok(read) = challenge::parse(header) else {
        return;
    };
    let written: Vec<_> = read.iter().map(ToString::to_string).collect();
    let written = written.join(", ");
    assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    if written.len() > challenge::MAX_HEADER_BYTES {
        return;
    }
    let again = challenge::parse(&written).expect("what was written");
    assert_eq!(again.len(), read.len());
    for (one, other) in read.iter().zip(&again) {
        assert_eq!(one.scheme(), other.scheme());
        assert_eq!(one.token68(), other.token68());
        let names = |it: &challenge::Challenge| -> Vec<String> {
            it.parameters().map(|(name, _)| name.to_owned()).collect()
        };
        assert_eq!(names(one), names(other));
    }
}
