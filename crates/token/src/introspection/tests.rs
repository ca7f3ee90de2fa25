use serde_json::{Value, json};

use super::*;
use crate::entra::EntraRules;
use crate::fixture::{AUDIENCE, NOW, bearer, claims, issuer, line};

fn check(changes: Value) -> String {
    let mut answer = claims();
    answer["active"] = json!(true);
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            answer.as_object_mut().unwrap().remove(name);
        } else {
            answer[name.as_str()] = value.clone();
        }
    }
    let audiences = [AUDIENCE.to_owned()];
    line(&from_introspection(
        answer.to_string().as_bytes(),
        &issuer(),
        &bearer(&audiences),
    ))
}

#[test]
fn an_answer_is_judged_like_a_token() {
    assert_eq!(
        check(json!({})),
        "ACCEPTED User user-1 client=host-1 scopes=tools.call+tools.read"
    );
    assert_eq!(check(json!({"active": false})), "token-inactive");
    assert_eq!(check(json!({"active": null})), "introspection-malformed");
    assert_eq!(check(json!({"active": "true"})), "introspection-malformed");
    assert_eq!(check(json!({"active": 1})), "introspection-malformed");
    assert_eq!(check(json!({"iss": null})), "issuer-missing");
    assert_eq!(
        check(json!({"iss": "https://other.example"})),
        "issuer-wrong"
    );
    assert_eq!(check(json!({"aud": null})), "audience-missing");
    assert_eq!(
        check(json!({"aud": "https://other.example"})),
        "audience-wrong"
    );
    assert_eq!(check(json!({"exp": null})), "expiry-missing");
    assert_eq!(check(json!({"exp": NOW - 60})), "expired");
    assert_eq!(check(json!({"sub": null})), "subject-missing");
    assert_eq!(check(json!({"jti": null})), "claim-missing");
    assert_eq!(check(json!({"cnf": {"jkt": "t"}})), "bound-token-as-bearer");
}

#[test]
fn what_is_not_an_answer_is_refused() {
    let audiences = [AUDIENCE.to_owned()];
    let check = |body: &[u8], issuer: &Issuer| {
        from_introspection(body, issuer, &bearer(&audiences)).unwrap_err()
    };
    let malformed = Rejection::IntrospectionMalformed;
    assert_eq!(check(b"", &issuer()), malformed);
    assert_eq!(check(b"[true]", &issuer()), malformed);
    assert_eq!(
        check(br#"{"active":false,"active":true}"#, &issuer()),
        Rejection::DuplicateMember
    );
    assert_eq!(
        check(&vec![b' '; MAX_ANSWER_BYTES + 1], &issuer()),
        malformed
    );
    let entra = Issuer::entra("entra", EntraRules::new([]));
    assert_eq!(check(b"{}", &entra), Rejection::IntrospectionNotAccepted);
    let spiffe = Issuer::spiffe("mesh", "example.org");
    assert_eq!(check(b"{}", &spiffe), Rejection::IntrospectionNotAccepted);
}
