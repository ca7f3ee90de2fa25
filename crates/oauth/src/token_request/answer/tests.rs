use bytes::Bytes;
use http::Response;
use secrecy::ExposeSecret as _;

use super::*;
use crate::exchange::{ACCESS_TOKEN, ID_JAG, JWT};

const NOW: u64 = 1_800_000_000;

const RULES: Rules = Rules {
    growth: Growth::Never,
    bound: false,
    bearer: true,
};

fn answer(status: u16, media: &str, body: &str) -> Answer {
    Answer {
        response: Response::builder()
            .status(status)
            .header("content-type", media)
            .body(Bytes::from(body.to_owned()))
            .unwrap(),
        sent: vec![SecretString::from("the-refresh-token")],
    }
}

fn read_access(body: &str, asked: &str) -> Result<Tokens, TokenError> {
    let scopes = Scopes::parse(asked).unwrap();
    let expected = Expected {
        scopes: &scopes,
        kind: Kind::Access,
    };
    read(
        &answer(200, "application/json; charset=utf-8", body),
        &expected,
        RULES,
        NOW,
    )
}

fn read_error(status: u16, media: &str, body: &str) -> TokenError {
    let expected = Expected {
        scopes: &Scopes::default(),
        kind: Kind::Access,
    };
    read(&answer(status, media, body), &expected, RULES, NOW).unwrap_err()
}

#[test]
fn reads_the_answer_of_rfc_6749() {
    let tokens = read_access(
        r#"{"access_token":"a","token_type":"bearer","expires_in":3600,"refresh_token":"r","scope":"x","example_parameter":"y"}"#,
        "x y",
    )
    .unwrap();
    assert_eq!(tokens.access.expose_secret(), "a");
    assert_eq!(tokens.refresh.as_ref().unwrap().expose_secret(), "r");
    assert_eq!(tokens.token_type, TokenType::Bearer);
    assert_eq!(tokens.expires_at, Some(NOW + 3600));
    assert_eq!(tokens.scopes.to_string(), "x");
    assert!(tokens.rotated(&SecretString::from("old")));
    assert!(!tokens.rotated(&SecretString::from("r")));
    assert!(!format!("{tokens:?}").contains("\"a\""));
}

#[test]
fn what_is_left_out_is_what_was_asked_for() {
    let tokens = read_access(r#"{"access_token":"a","token_type":"Bearer"}"#, "x y").unwrap();
    assert_eq!(tokens.scopes.to_string(), "x y");
    assert_eq!(tokens.expires_at, None);
    assert!(tokens.refresh.is_none());
    let tokens = read_access(
        r#"{"access_token":"a","token_type":"Bearer","expires_in":"3599"}"#,
        "",
    )
    .unwrap();
    assert_eq!(tokens.expires_at, Some(NOW + 3599));
}

#[test]
fn refuses_answers_that_are_not_what_they_should_be() {
    let check = |body: &str, code: &str| {
        assert_eq!(read_access(body, "x").unwrap_err().code(), code, "{body}");
    };
    let malformed = "token-answer-malformed";
    check(r#"{"token_type":"Bearer"}"#, malformed);
    check(r#"{"access_token":"","token_type":"Bearer"}"#, malformed);
    check(r#"{"access_token":"a b","token_type":"Bearer"}"#, malformed);
    check(
        r#"{"access_token":"a\r\nx: y","token_type":"Bearer"}"#,
        malformed,
    );
    check(r#"{"access_token":7,"token_type":"Bearer"}"#, malformed);
    check(r#"{"access_token":"a"}"#, malformed);
    check(
        r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#,
        malformed,
    );
    check(
        r#"{"access_token":"a","token_type":"Bearer","expires_in":-1}"#,
        malformed,
    );
    check(
        r#"{"access_token":"a","token_type":"Bearer","expires_in":"soon"}"#,
        malformed,
    );
    check(
        r#"{"access_token":"a","token_type":"Bearer","scope":"x\ny"}"#,
        malformed,
    );
    check(
        r#"{"access_token":"a","token_type":"Bearer","refresh_token":{}}"#,
        malformed,
    );
    check(r#"["access_token"]"#, malformed);
    check("", malformed);
    check(
        r#"{"access_token":"a","token_type":"mac"}"#,
        "token-type-wrong",
    );
    check(
        r#"{"access_token":"a","token_type":"DPoP"}"#,
        "token-type-wrong",
    );
    check(
        r#"{"access_token":"a","token_type":"N_A"}"#,
        "token-type-wrong",
    );
    check(
        r#"{"access_token":"a","token_type":"Bearer","scope":"x y"}"#,
        "token-scope-widened",
    );
    check(r#"{"error":"invalid_grant"}"#, "token-refused");
    let long = format!(
        r#"{{"access_token":"{}","token_type":"Bearer"}}"#,
        "a".repeat(MAX_TOKEN + 1)
    );
    check(&long, malformed);
    assert_eq!(
        read_error(
            200,
            "text/html",
            r#"{"access_token":"a","token_type":"Bearer"}"#
        )
        .code(),
        malformed
    );
}

#[test]
fn an_exchanged_token_is_of_the_type_that_was_asked_for() {
    let check = |wanted: &str, issued: &str, token_type: &str, expected: Option<TokenType>| {
        let body = format!(
            r#"{{"access_token":"a","token_type":"{token_type}","issued_token_type":"{issued}"}}"#
        );
        let expectation = Expected {
            scopes: &Scopes::default(),
            kind: Kind::Issued(wanted),
        };
        let tokens = read(
            &answer(200, "application/json", &body),
            &expectation,
            RULES,
            NOW,
        );
        assert_eq!(
            tokens.map(|tokens| tokens.token_type).ok(),
            expected,
            "{body} for {wanted}"
        );
    };
    check(
        ACCESS_TOKEN,
        ACCESS_TOKEN,
        "Bearer",
        Some(TokenType::Bearer),
    );
    check(ACCESS_TOKEN, JWT, "Bearer", Some(TokenType::Bearer));
    check(ACCESS_TOKEN, ACCESS_TOKEN, "N_A", None);
    check(ACCESS_TOKEN, ID_JAG, "N_A", None);
    check(ID_JAG, ID_JAG, "N_A", Some(TokenType::NotApplicable));
    check(ID_JAG, ID_JAG, "n_a", Some(TokenType::NotApplicable));
    check(ID_JAG, ID_JAG, "Bearer", None);
    check(ID_JAG, ACCESS_TOKEN, "Bearer", None);
}

#[test]
fn an_answer_to_an_exchange_says_what_it_gives() {
    let expectation = Expected {
        scopes: &Scopes::default(),
        kind: Kind::Issued(ACCESS_TOKEN),
    };
    let body = r#"{"access_token":"a","token_type":"Bearer"}"#;
    let error = read(
        &answer(200, "application/json", body),
        &expectation,
        RULES,
        NOW,
    )
    .unwrap_err();
    assert_eq!(error.code(), "token-answer-malformed");
}

#[test]
fn reads_refusals_and_keeps_nothing_that_nobody_vouches_for() {
    let error = read_error(
        400,
        "application/json",
        r#"{"error":"invalid_grant","error_description":"it is\u0007 \u202eold","error_codes":[70008, "x", 50173]}"#,
    );
    assert!(error.is_invalid_grant() && !error.is_temporary());
    let TokenError::Refused(refused) = &error else {
        panic!("{error}")
    };
    assert_eq!(refused.description(), Some("it is   old"));
    assert_eq!(refused.numbers, [70008, 50173]);
    assert_eq!(
        error.to_string(),
        "the authorization server refused: invalid_grant"
    );

    let error = read_error(400, "application/json", r#"{"error":"the-refresh-token"}"#);
    assert_eq!(
        error.to_string(),
        "the authorization server refused: another error"
    );
    let error = read_error(
        400,
        "application/json",
        r#"{"error":"invalid_grant","error_description":"the-refresh-token is old"}"#,
    );
    assert!(!format!("{error:?}").contains("the-refresh-token"));

    let error = read_error(
        400,
        "application/json",
        &format!(
            r#"{{"error":"invalid_grant","error_description":"{}"}}"#,
            "é".repeat(9000)
        ),
    );
    let TokenError::Refused(refused) = &error else {
        panic!("{error}")
    };
    assert_eq!(refused.description().unwrap().chars().count(), 500);
}

#[test]
fn an_interaction_is_demanded_with_claims() {
    let body = r#"{"error":"interaction_required","error_codes":[50079],"claims":"{\"access_token\":{\"polids\":{\"essential\":true,\"values\":[\"x\"]}}}"}"#;
    let TokenError::InteractionRequired(challenge) = read_error(400, "application/json", body)
    else {
        panic!("no challenge")
    };
    assert_eq!(
        challenge.json(),
        r#"{"access_token":{"polids":{"essential":true,"values":["x"]}}}"#
    );
    assert_eq!(
        challenge.base64(),
        "eyJhY2Nlc3NfdG9rZW4iOnsicG9saWRzIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWVzIjpbIngiXX19fQ=="
    );
    assert_eq!(challenge.numbers, [50079]);

    // What is no JSON object is not passed on.
    for claims in [
        r#""\"text\"""#,
        r#""{\"a\":1,\"a\":2}""#,
        r#""{""#,
        r#"{"a":1}"#,
    ] {
        let body = format!(r#"{{"error":"interaction_required","claims":{claims}}}"#);
        let error = read_error(400, "application/json", &body);
        assert_eq!(error.code(), "token-refused", "{claims}");
    }
}

#[test]
fn what_is_no_oauth_answer_is_known_by_its_status() {
    let check = |status, media, body, text: &str, temporary| {
        let error = read_error(status, media, body);
        assert_eq!(error.to_string(), text);
        assert_eq!(error.is_temporary(), temporary, "{text}");
    };
    let html = "<html>";
    check(
        502,
        "text/html",
        html,
        "the token endpoint answered with status 502",
        true,
    );
    check(
        429,
        "text/html",
        html,
        "the token endpoint answered with status 429",
        true,
    );
    check(
        404,
        "text/html",
        html,
        "the token endpoint answered with status 404",
        false,
    );
    check(
        302,
        "application/json",
        "{}",
        "the token endpoint answered with status 302",
        false,
    );
    check(
        503,
        "application/json",
        r#"{"error":"temporarily_unavailable"}"#,
        "the authorization server refused: temporarily_unavailable",
        true,
    );
    check(
        401,
        "application/json",
        r#"{"error":"invalid_client"}"#,
        "the authorization server refused: invalid_client",
        false,
    );
}

#[test]
fn waits_no_longer_than_an_hour() {
    let check = |text: &str, expected| {
        let mut headers = http::HeaderMap::new();
        headers.insert("retry-after", text.parse().unwrap());
        assert_eq!(
            crate::back_channel::retry_after(&headers).map(|wait| wait.as_secs()),
            expected
        );
    };
    check("30", Some(30));
    check("999999999", Some(3600));
    check("-1", None);
    check("Fri, 31 Dec 1999 23:59:59 GMT", None);
}

#[test]
fn a_bound_token_is_taken_only_if_it_was_asked_for() {
    // Whether bound tokens are asked for, and whether others are taken.
    const UNBOUND: (bool, bool) = (false, true);
    const BOUND: (bool, bool) = (true, false);
    const EITHER: (bool, bool) = (true, true);
    let check = |name: &str, (bound, bearer): (bool, bool), expected: Option<TokenType>| {
        let rules = Rules {
            bound,
            bearer,
            ..RULES
        };
        assert_eq!(
            access_type(name, rules).ok(),
            expected,
            "{name} {bound} {bearer}"
        );
    };
    check("Bearer", UNBOUND, Some(TokenType::Bearer));
    check("Bearer", BOUND, None);
    check("bearer", EITHER, Some(TokenType::Bearer));
    check("DPoP", BOUND, Some(TokenType::Dpop));
    check("dpop", BOUND, Some(TokenType::Dpop));
    check("DPoP", EITHER, Some(TokenType::Dpop));
    check("DPoP", UNBOUND, None);
    check("mac", EITHER, None);
}
