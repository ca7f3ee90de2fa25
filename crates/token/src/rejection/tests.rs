use std::collections::BTreeSet;

use super::*;

#[test]
fn every_cause_has_a_code_of_its_own() {
    let codes: BTreeSet<_> = Rejection::ALL.iter().map(|cause| cause.code()).collect();
    assert_eq!(codes.len(), Rejection::ALL.len());
    for cause in Rejection::ALL {
        let code = cause.code();
        let is_kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(code.chars().all(is_kebab), "{code}");
        // What a challenge's `error_description` may hold (RFC 6750 section 3).
        let text = cause.text();
        assert!(
            text.chars()
                .all(|c| matches!(c, ' '..='~') && c != '"' && c != '\\'),
            "{text}"
        );
    }
}

#[test]
fn a_proof_that_lacks_a_nonce_is_asked_for_one() {
    assert_eq!(Rejection::ProofNonceMissing.oauth_error(), "use_dpop_nonce");
    assert_eq!(Rejection::ProofReplayed.oauth_error(), "invalid_dpop_proof");
    assert_eq!(Rejection::ProofKeyWrong.oauth_error(), "invalid_token");
    assert_eq!(Rejection::NoPermission.oauth_error(), "insufficient_scope");
    assert_eq!(Rejection::Expired.oauth_error(), "invalid_token");
}
