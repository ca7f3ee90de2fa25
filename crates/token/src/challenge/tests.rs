use proptest::prelude::*;

use super::*;

const TENANT: &str = "11111111-1111-4111-8111-111111111111";

fn resource(scopes: &[String]) -> Resource<'_> {
    Resource {
        metadata_url: "https://gw.example/.well-known/oauth-protected-resource/research",
        scopes,
    }
}

fn sign_in() -> EntraSignIn<'static> {
    EntraSignIn {
        tenant: TENANT,
        authorization_url: "https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/oauth2/v2.0/authorize",
        client_id: "aaaaaaaa-0000-4000-8000-000000000001",
    }
}

#[test]
fn every_challenge_as_it_is_sent() {
    let scopes = ["tools.read".to_owned(), "tools.call".to_owned()];
    let algorithms = [Algorithm::Es256, Algorithm::EdDsa];
    let lines = [
        bearer(&resource(&scopes), None),
        bearer(&resource(&[]), Some(Rejection::Expired)),
        insufficient_scope("Bearer", &resource(&scopes)),
        insufficient_authentication("Bearer", &resource(&[]), &["gold".into()], Some(300)),
        insufficient_authentication("DPoP", &resource(&[]), &[], Some(60)),
        dpop(&resource(&[]), &algorithms, None),
        dpop(&resource(&[]), &algorithms, Some(Rejection::ProofReplayed)),
        dpop(
            &resource(&[]),
            &algorithms,
            Some(Rejection::ProofNonceMissing),
        ),
        entra_context(&sign_in(), "c1"),
        entra_claims(
            &sign_in(),
            r#"{"access_token":{"polids":{"essential":true,"values":["p"]}}}"#,
        )
        .unwrap(),
    ];
    for challenge in &lines {
        assert_eq!(
            parse(&challenge.to_string()).as_deref(),
            Ok(&[challenge.clone()][..])
        );
    }
    let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    Bearer resource_metadata="https://gw.example/.well-known/oauth-protected-resource/research", scope="tools.read tools.call"
    Bearer resource_metadata="https://gw.example/.well-known/oauth-protected-resource/research", error="invalid_token", error_description="the token has expired"
    Bearer resource_metadata="https://gw.example/.well-known/oauth-protected-resource/research", scope="tools.read tools.call", error="insufficient_scope"
    Bearer resource_metadata="https://gw.example/.well-known/oauth-protected-resource/research", error="insufficient_user_authentication", acr_values="gold", max_age="300"
    DPoP resource_metadata="https://gw.example/.well-known/oauth-protected-resource/research", error="insufficient_user_authentication", max_age="60"
    DPoP resource_metadata="https://gw.example/.well-known/oauth-protected-resource/research", algs="ES256 EdDSA"
    DPoP resource_metadata="https://gw.example/.well-known/oauth-protected-resource/research", error="invalid_dpop_proof", error_description="the proof was used before", algs="ES256 EdDSA"
    DPoP resource_metadata="https://gw.example/.well-known/oauth-protected-resource/research", error="use_dpop_nonce", error_description="the proof needs a nonce", algs="ES256 EdDSA"
    Bearer realm="11111111-1111-4111-8111-111111111111", authorization_uri="https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/oauth2/v2.0/authorize", client_id="aaaaaaaa-0000-4000-8000-000000000001", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19", cc_type="authcontext"
    Bearer realm="11111111-1111-4111-8111-111111111111", authorization_uri="https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/oauth2/v2.0/authorize", client_id="aaaaaaaa-0000-4000-8000-000000000001", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsicG9saWRzIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWVzIjpbInAiXX19fQ=="
    "#);
}

#[test]
fn entra_claims_decode_to_the_exact_json() {
    let challenge = entra_context(&sign_in(), "c1");
    assert_eq!(
        challenge.claims().as_deref(),
        Some(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#)
    );
    for wrong in ["", "claims", "[]", r#"{"a":1,"a":2}"#] {
        assert_eq!(entra_claims(&sign_in(), wrong), None, "{wrong}");
    }
    // The alphabet of URLs is read too.
    let text = parse(r#"Bearer claims="eyJhIjoiPz8_In0""#).unwrap();
    assert_eq!(text[0].claims().as_deref(), Some(r#"{"a":"???"}"#));
    assert_eq!(parse(r#"Bearer claims="!""#).unwrap()[0].claims(), None);
}

#[test]
fn no_value_ends_its_string_or_its_header() {
    let challenge = Challenge::new("Bear\r\ner")
        .with("re alm\"", "a\"b\\c\r\nSet-Cookie: x=1\u{e9}")
        .with("scope", "x")
        .with("scope", "y");
    assert_eq!(
        challenge.to_string(),
        r#"Bearer realm="a\"b\\c??Set-Cookie: x=1?", scope="y""#
    );
}

#[track_caller]
fn check(value: &str, expected: &[&str]) {
    let read: Vec<_> = parse(value)
        .unwrap()
        .iter()
        .map(|challenge| {
            let mut parts = vec![challenge.scheme().to_owned()];
            parts.extend(challenge.token68().map(|value| format!("({value})")));
            parts.extend(
                challenge
                    .parameters()
                    .map(|(name, value)| format!("{name}={value}")),
            );
            parts.join(" ")
        })
        .collect();
    assert_eq!(read, expected, "{value}");
}

#[test]
fn several_challenges_are_told_apart() {
    check("", &[]);
    check("Bearer", &["Bearer"]);
    check(
        r#"Bearer realm="a, b", error=x"#,
        &["Bearer realm=a, b error=x"],
    );
    check(
        r#"Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple""#,
        &[
            "Newauth realm=apps type=1 title=Login to \"apps\"",
            "Basic realm=simple",
        ],
    );
    check("Bearer a", &["Bearer (a)"]);
    check("Negotiate, NTLM", &["Negotiate", "NTLM"]);
    check(
        "Negotiate oRQwEgYJ+/==, Bearer",
        &["Negotiate (oRQwEgYJ+/==)", "Bearer"],
    );
    check(" , ,Bearer a=1 ,, b=2,", &["Bearer a=1 b=2"]);
    check("Bearer A = 1 ,b\t=\t\"2\"", &["Bearer a=1 b=2"]);
    check("Bearer error=\"\"", &["Bearer error="]);
    check(
        "DPoP algs=\"ES256\", Bearer a=b",
        &["DPoP algs=ES256", "Bearer a=b"],
    );
    assert!(parse("bEARER").unwrap()[0].is("Bearer"));
}

#[test]
fn what_is_not_a_list_of_challenges_is_refused() {
    let check = |value: &str, expected: ChallengeError| {
        assert_eq!(parse(value), Err(expected), "{value:.60}");
    };
    let at = |offset| ChallengeError::Syntax { offset };
    check("=", at(0));
    check("a=b", at(3));
    check("Bearer a b", at(8));
    check("Bearer a=\"b", at(10));
    check("Bearer a=\"b\\", at(10));
    check("Bearer a=\"b\nc\"", at(10));
    check("Bearer a=b c=d", at(11));
    check("Bearer a=b, a=c", ChallengeError::Duplicate);
    check("Bearer a=b, A=c", ChallengeError::Duplicate);
    check("Bearer é", at(7));
    check(&"a,".repeat(100), ChallengeError::TooMany);
    check(&"a".repeat(MAX_HEADER_BYTES + 1), ChallengeError::TooLarge);
}

proptest! {
    #[test]
    fn no_value_makes_the_reader_panic(value in "\\PC*|[A-Za-z=,\" \\\\]{0,60}") {
        let _ = parse(&value);
    }

    #[test]
    fn what_is_written_is_read_again(
        values in proptest::collection::vec(("[a-z_]{1,8}", "[ -~]{0,20}"), 0..6),
    ) {
        let challenge = values
            .iter()
            .fold(Challenge::new("Bearer"), |it, (name, value)| it.with(name, value));
        prop_assert_eq!(parse(&challenge.to_string()), Ok(vec![challenge]));
    }

    #[test]
    fn what_is_written_is_one_challenge_of_printable_text(
        scheme in "[A-Z][a-z]{0,5}", name in "[a-z]{1,5}", value in "\\PC*|[\\x00-\\x7f]{0,20}",
    ) {
        let text = Challenge::new(&scheme).with(&name, value).to_string();
        prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        let read = parse(&text).unwrap();
        prop_assert_eq!(read.len(), 1);
        prop_assert_eq!(read[0].parameters().count(), 1);
    }
}
