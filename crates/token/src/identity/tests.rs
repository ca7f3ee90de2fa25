use serde_json::{Value, json};

use super::*;
use crate::fixture::{check, claims, issuer, jwk, key, key_set, sign};
use crate::{Algorithm, Rejection};

/// The identity of a good token with these claims besides.
fn with(more: Value) -> Result<Identity, Rejection> {
    let signer = key(Algorithm::Es256, "k");
    let mut claims = claims();
    for (name, value) in more.as_object().unwrap() {
        claims[name.as_str()] = value.clone();
    }
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": "k"});
    check(
        &sign(&signer, &header, &claims),
        &issuer(),
        &key_set(&[jwk(&signer)]),
    )
}

fn chain(length: usize) -> Value {
    (0..length).rev().fold(Value::Null, |inner, number| {
        let mut actor = json!({"sub": format!("actor-{number}")});
        if !inner.is_null() {
            actor["act"] = inner;
        }
        actor
    })
}

#[test]
fn a_chain_of_actors_is_kept_outermost_first_and_bounded() {
    let identity = with(json!({"act": chain(MAX_ACTORS)})).unwrap();
    let subjects: Vec<_> = identity.actors.iter().map(|a| a.subject.as_str()).collect();
    assert_eq!(subjects, ["actor-0", "actor-1", "actor-2", "actor-3"]);
    let refused = |act: Value| with(json!({ "act": act })).unwrap_err();
    assert_eq!(refused(chain(MAX_ACTORS + 1)), Rejection::ActorChainTooDeep);
    assert_eq!(refused(json!("agent")), Rejection::ActorMalformed);
    assert_eq!(refused(json!({})), Rejection::ActorMalformed);
    assert_eq!(refused(json!({"sub": ""})), Rejection::ActorMalformed);
    assert_eq!(
        refused(json!({"sub": "a", "act": []})),
        Rejection::ActorMalformed
    );
}

#[test]
fn a_name_is_cleaned_for_showing() {
    let shown = |name: &str| with(json!({ "name": name })).unwrap().display_name;
    assert_eq!(shown("Ada Lovelace").as_deref(), Some("Ada Lovelace"));
    assert_eq!(shown("A\u{202e}d\u{200b}a\n").as_deref(), Some("Ada"));
    assert_eq!(shown(&"x".repeat(500)).unwrap().len(), 128);
    assert_eq!(shown("\n"), None);
}

#[test]
fn a_subject_must_be_fit_for_a_key() {
    let refused = |sub: Value| with(json!({ "sub": sub })).unwrap_err();
    assert_eq!(refused(json!("")), Rejection::SubjectMalformed);
    assert_eq!(refused(json!("a\nb")), Rejection::SubjectMalformed);
    assert_eq!(refused(json!("x".repeat(513))), Rejection::SubjectMalformed);
    assert_eq!(refused(json!(7)), Rejection::ClaimWrongKind);
}

#[test]
fn a_binding_by_unknown_means_is_refused() {
    let bound = |cnf: Value| with(json!({ "cnf": cnf })).unwrap_err();
    assert_eq!(bound(json!({"jkt": "t"})), Rejection::BoundTokenAsBearer);
    assert_eq!(
        bound(json!({"x5t#S256": "t"})),
        Rejection::CertificateMissing
    );
    for cnf in [
        json!({}),
        json!({"kid": "k"}),
        json!({"jwk": {}}),
        json!({"jkt": "t", "jwk": {}}),
    ] {
        assert_eq!(bound(cnf), Rejection::BindingUnsupported);
    }
    assert_eq!(bound(json!("t")), Rejection::ClaimWrongKind);
}
