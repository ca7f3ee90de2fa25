use portcullis_token::identity::PrincipalKind;

use super::*;
use crate::authn::tests::signed_in;

#[test]
fn a_person_is_the_principal_and_comes_back_as_the_same() {
    for (principal, kind) in [
        (signed_in("ada", 1), PrincipalKind::User),
        (Principal::operator(), PrincipalKind::Workload),
    ] {
        let person = person(&principal);
        assert_eq!(person.issued.is_some(), principal.signed_in().is_some());
        let caller = caller(&person).unwrap();
        let asked = crate::credentials::asked(&principal, None);
        assert_eq!(caller.principal, asked.principal);
        assert_eq!(caller.tenant, asked.tenant);
        assert_eq!(caller.issued, asked.issued);
        assert_eq!(caller.kind, kind);
    }
}

#[test]
fn a_person_of_no_kind_is_nobody() {
    let mut person = person(&signed_in("bob", 1));
    for principal in ["bob", "robot:bob"] {
        principal.clone_into(&mut person.principal);
        assert!(caller(&person).is_none(), "{principal}");
    }
}

fn refuses(error: SignInError, expected: GrantError) {
    assert_eq!(refused(&error), expected);
}

#[test]
fn what_passes_by_itself_is_not_a_refusal() {
    let unavailable = SignInError::Needed(Needed::Unavailable);
    refuses(
        unavailable,
        GrantError::Unavailable("credential-unavailable"),
    );
    refuses(
        SignInError::Browser,
        GrantError::Refused("sign-in-other-browser"),
    );
}
