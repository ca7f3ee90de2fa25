use proptest::prelude::*;

use super::*;
use crate::encoding::base64url;

/// A token with these texts and no signature.
fn token(header: &str, payload: &str) -> String {
    format!(
        "{}.{}.AA",
        base64url(header.as_bytes()),
        base64url(payload.as_bytes())
    )
}

#[track_caller]
fn check(token: &str, expected: Rejection) {
    assert_eq!(peek(token).err(), Some(expected), "{token:.80}");
}

#[test]
fn what_is_not_a_compact_jws_is_refused() {
    use Rejection::{
        ClaimsMalformed, DuplicateMember, HeaderMalformed, TokenEncrypted, TokenMalformed,
        TokenTooLarge,
    };
    let good = token(r#"{"alg":"RS256"}"#, "{}");
    assert!(peek(&good).is_ok());
    check("", TokenMalformed);
    check("..", HeaderMalformed);
    check("a.b", TokenMalformed);
    check(&format!("{good}."), TokenMalformed);
    check(&format!("{good}.a.b"), TokenEncrypted);
    check(&format!("{good}="), TokenMalformed);
    check(&format!("{good}\n"), TokenMalformed);
    check(&format!(" {good}"), TokenMalformed);
    // `AB` leaves bits over, and would be a second spelling of `AA`.
    check(&good.replace(".AA", ".AB"), TokenMalformed);
    check(&good.replace(".AA", ".+/"), TokenMalformed);
    check(&"a".repeat(MAX_TOKEN_BYTES + 1), TokenTooLarge);
    check(&format!("{good}{}", "A".repeat(1 << 20)), TokenTooLarge);
    check(&token("[]", "{}"), HeaderMalformed);
    check(&token("{}", "{}"), HeaderMalformed);
    check(&token(r#"{"alg":7}"#, "{}"), HeaderMalformed);
    check(&token(r#"{"alg":"RS256","kid":7}"#, "{}"), HeaderMalformed);
    check(&token(r#"{"alg":"RS256"} {}"#, "{}"), HeaderMalformed);
    check(
        &token(r#"{"alg":"RS256","\u0061lg":"none"}"#, "{}"),
        DuplicateMember,
    );
    check(&token(r#"{"alg":"RS256"}"#, "[]"), ClaimsMalformed);
    check(&token(r#"{"alg":"RS256"}"#, ""), ClaimsMalformed);
    check(
        &token(r#"{"alg":"RS256"}"#, r#"{"a":{"b":1,"b":2}}"#),
        DuplicateMember,
    );
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(40), "]".repeat(40));
    check(&token(r#"{"alg":"RS256"}"#, &deep), ClaimsMalformed);
    let not_utf8 = format!(
        "{}.{}.AA",
        base64url(br#"{"alg":"RS256"}"#),
        base64url(&[0xff])
    );
    check(&not_utf8, ClaimsMalformed);
}

#[test]
fn what_a_token_says_is_there_to_choose_by() {
    let text = token(
        r#"{"alg":"none","kid":"k","typ":"at+jwt"}"#,
        r#"{"iss":"i","sub":"s","ver":"2.0","tid":"t"}"#,
    );
    let said = peek(&text).unwrap();
    assert_eq!(said.issuer(), Some("i"));
    assert_eq!(said.subject(), Some("s"));
    assert_eq!(said.version(), Some("2.0"));
    assert_eq!(said.tenant(), Some("t"));
    assert_eq!(said.key_id(), Some("k"));
    assert_eq!(said.algorithm(), "none");
    assert_eq!(said.token_type(), Some("at+jwt"));
    // `Debug` is for logs, and shows neither claims nor signature.
    assert_eq!(
        format!("{said:?}"),
        r#"Peeked { issuer: Some("i"), key_id: Some("k"), .. }"#
    );
}

#[test]
fn media_types_are_compared_without_their_prefix_and_case() {
    assert!(is_media_type("at+jwt", "at+jwt"));
    assert!(is_media_type("application/AT+JWT", "at+jwt"));
    assert!(!is_media_type("text/at+jwt", "at+jwt"));
    assert!(!is_media_type("at+jwt2", "at+jwt"));
    assert!(!is_media_type("jwt", "at+jwt"));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*|[A-Za-z0-9_.=-]{0,200}") {
        let _ = peek(&text);
        let _ = Jws::read(&text, HeaderUse::Proof).err();
    }

    #[test]
    fn no_header_and_no_claims_make_the_reader_panic(
        header in proptest::collection::vec(any::<u8>(), 0..64),
        claims in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let alg = br#"{"alg":"RS256"}"#;
        for header in [header.as_slice(), alg] {
            let token = format!("{}.{}.AA", base64url(header), base64url(&claims));
            let _ = peek(&token);
        }
    }
}
