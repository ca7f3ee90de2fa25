use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};

use super::*;

const ISSUER: &str = "https://as.example/tenant";

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn begun(names_issuer: bool, scopes: &str) -> (Url, Pending) {
    let scopes = Scopes::parse(scopes).unwrap();
    let resource = Resource::parse("https://mcp.example/x").unwrap();
    begin(&SignIn {
        issuer: ISSUER,
        endpoint: &url("https://as.example/authorize?p=policy"),
        names_issuer,
        client_id: "client & co",
        redirect_uri: &url("https://gw.example/callback"),
        scopes: &scopes,
        resource: Some(&resource),
        claims: None,
        dpop_jkt: Some("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
        prompt: None,
        login_hint: Some("alice@example.com"),
    })
    .unwrap()
}

#[test]
fn sends_everything_that_the_server_needs() {
    let (url, pending) = begun(true, "openid tools.read");
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let mut expected: Vec<(&str, &str)> = vec![
        ("p", "policy"),
        ("response_type", "code"),
        ("client_id", "client & co"),
        ("redirect_uri", "https://gw.example/callback"),
        ("state", pending.state()),
        ("code_challenge_method", "S256"),
        ("scope", "openid tools.read"),
        ("resource", "https://mcp.example/x"),
        ("nonce", pending.nonce().unwrap()),
        ("dpop_jkt", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
        ("login_hint", "alice@example.com"),
    ];
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(pending.verifier()));
    expected.push(("code_challenge", &challenge));
    let expected: BTreeMap<String, String> = expected
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(query, expected);
    assert_eq!(pending.verifier().len(), 43);
    assert!(!url.as_str().contains(pending.verifier()));
    // Nothing is used twice.
    let (_, other) = begun(true, "openid");
    assert_ne!(other.state(), pending.state());
    assert_ne!(other.verifier(), pending.verifier());
    assert_ne!(other.nonce(), pending.nonce());
    assert_eq!(begun(true, "tools.read").1.nonce(), None);
}

/// The challenge of RFC 7636 appendix B.
#[test]
fn computes_the_challenge_of_rfc_7636() {
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    assert_eq!(
        URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)),
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    );
}

#[test]
fn refuses_addresses_that_lead_astray() {
    let scopes = Scopes::default();
    let check = |endpoint: &str, redirect: &str, expected| {
        let (endpoint, redirect) = (url(endpoint), url(redirect));
        let begun = begin(&SignIn {
            issuer: ISSUER,
            endpoint: &endpoint,
            names_issuer: false,
            client_id: "c",
            redirect_uri: &redirect,
            scopes: &scopes,
            resource: None,
            claims: None,
            dpop_jkt: None,
            prompt: None,
            login_hint: None,
        });
        assert_eq!(begun.err(), expected, "{endpoint} {redirect}");
    };
    let callback = "http://127.0.0.1:9/callback";
    check("https://as.example/a", callback, None);
    check("http://127.0.0.1/a", callback, None);
    for wrong in [
        "http://as.example/a",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://as.example/a#f",
        "https://user@as.example/a",
        "https://as.example/a?client_id=other",
        "https://as.example/a?%63lient_id=other",
        "https://as.example/a?request_uri=urn:x",
        "https://as.example/a?dpop_jkt=other",
    ] {
        check(wrong, callback, Some(BeginError::Endpoint));
    }
    for wrong in [
        "http://gw.example/callback",
        "https://gw.example/callback#x",
        "data:text/plain,x",
    ] {
        check("https://as.example/a", wrong, Some(BeginError::Redirect));
    }
}

/// The four rows of RFC 9207 section 2.4 and the MCP specification, for codes and for errors.
#[test]
fn judges_the_issuer_of_a_response() {
    let check = |advertised: bool,
                 issuer: Option<&str>,
                 error: bool,
                 expected: Result<(), ResponseError>| {
        let (_, pending) = begun(advertised, "");
        let mut query = form_urlencoded(&[("state", pending.state())]);
        query += if error {
            "&error=access_denied"
        } else {
            "&code=c"
        };
        if let Some(issuer) = issuer {
            query += &format!("&{}", form_urlencoded(&[("iss", issuer)]));
        }
        let accepted = pending.accept(AuthorizationResponse::parse(&query).unwrap());
        assert_eq!(accepted.map(|_| ()), expected, "{advertised} {query}");
    };
    let refused = Err(ResponseError::Refused(
        crate::token_request::ErrorCode::AccessDenied,
    ));
    for error in [false, true] {
        let good = if error { refused } else { Ok(()) };
        check(true, Some(ISSUER), error, good);
        check(true, None, error, Err(ResponseError::IssuerMissing));
        check(false, Some(ISSUER), error, good);
        check(false, None, error, good);
        for other in [
            "https://evil.example",
            "https://as.example/tenant/",
            "https://AS.example/tenant",
            "https://as.example:443/tenant",
            "",
        ] {
            check(true, Some(other), error, Err(ResponseError::IssuerWrong));
            check(false, Some(other), error, Err(ResponseError::IssuerWrong));
        }
    }
}

#[test]
fn accepts_the_answer_to_this_sign_in_only() {
    let (_, pending) = begun(false, "");
    let state = pending.state();
    let check = |query: &str, expected: ResponseError| {
        let accepted =
            AuthorizationResponse::parse(query).and_then(|response| pending.accept(response));
        assert_eq!(accepted.err(), Some(expected), "{query}");
    };
    let other = begun(false, "").1;
    check("code=c", ResponseError::State);
    check("code=c&state=", ResponseError::State);
    check(
        &format!("code=c&state={}", other.state()),
        ResponseError::State,
    );
    check(&format!("code=c&state={state}x"), ResponseError::State);
    check(
        &format!("error=access_denied&state={}", other.state()),
        ResponseError::State,
    );
    check(&format!("state={state}"), ResponseError::NoCode);
    check(&format!("code=&state={state}"), ResponseError::NoCode);
    check(
        &format!("code=a&code=b&state={state}"),
        ResponseError::Malformed,
    );
    check(
        &format!("code=a&state={state}&state={state}"),
        ResponseError::Malformed,
    );
    check(
        &format!("code=a&error=access_denied&state={state}"),
        ResponseError::Malformed,
    );
    check(
        &format!("code={}&state={state}", "a".repeat(20_000)),
        ResponseError::Malformed,
    );
    let code = pending
        .accept(AuthorizationResponse::parse(&format!("code=a%2Bb&state={state}")).unwrap())
        .unwrap();
    assert_eq!(code.secret().expose_secret(), "a+b");
}

#[test]
fn comes_back_from_its_bytes() {
    let (_, pending) = begun(true, "openid a");
    let bytes = pending.to_bytes();
    let again = Pending::from_bytes(&bytes).unwrap();
    assert_eq!(*again.to_bytes(), *bytes);
    assert_eq!(again.verifier(), pending.verifier());
    assert_eq!(again.resource(), pending.resource());
    let shown = format!("{pending:?}");
    for secret in [
        pending.verifier(),
        pending.state(),
        pending.nonce().unwrap(),
    ] {
        assert!(!shown.contains(secret));
    }
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    for wrong in [
        "",
        "{}",
        &text.replace("\"version\":1", "\"version\":2"),
        &text.replace("verifier", "x"),
    ] {
        assert_eq!(
            Pending::from_bytes(wrong.as_bytes()).err(),
            Some(PendingError),
            "{wrong}"
        );
    }
}

#[test]
fn an_id_token_belongs_to_its_sign_in() {
    let (_, pending) = begun(true, "openid");
    let token =
        |claims: String| SecretString::from(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)));
    let nonce = pending.nonce().unwrap();
    assert!(pending.owns(&token(format!(r#"{{"nonce":"{nonce}"}}"#))));
    assert!(!pending.owns(&token(r#"{"nonce":"other"}"#.to_owned())));
    assert!(!pending.owns(&token("{}".to_owned())));
    assert!(!pending.owns(&token(format!(r#"{{"nonce":"x","nonce":"{nonce}"}}"#))));
    assert!(!pending.owns(&SecretString::from("opaque")));
    assert!(begun(true, "a").1.owns(&SecretString::from("opaque")));
}

fn form_urlencoded(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}
