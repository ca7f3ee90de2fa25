use std::io::Write as _;

use portcullis_token::Algorithm;
use serde_json::{Value, json};

use super::*;

const ISSUER: &str = "https://as.example";

async fn authenticated(auth: ClientAuth) -> Result<(String, HeaderMap), ClientAuthError> {
    let identity = ClientIdentity::new("a client", auth)?;
    let mut form = Form::grant("g");
    let mut headers = HeaderMap::new();
    let endpoint = Url::parse("https://as.example/token").unwrap();
    identity
        .authenticate(&mut form, &mut headers, ISSUER, &endpoint, 1_800_000_000)
        .await?;
    let (body, _) = form.finish();
    Ok((String::from_utf8(body.to_vec()).unwrap(), headers))
}

fn key(algorithm: Algorithm) -> (SigningKey, String) {
    let kind = match algorithm {
        Algorithm::Ps256 => &rcgen::PKCS_RSA_SHA256,
        _ => &rcgen::PKCS_ECDSA_P256_SHA256,
    };
    let pair = rcgen::KeyPair::generate_for(kind).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["gw.example".to_owned()])
        .unwrap()
        .self_signed(&pair)
        .unwrap();
    let key = SigningKey::from_pem(&SecretString::from(pair.serialize_pem()), algorithm).unwrap();
    (key, certificate.pem())
}

/// Header and claims of the assertion in a form.
fn assertion(form: &str) -> (Value, Value) {
    let fields: std::collections::HashMap<String, String> = form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .collect();
    assert_eq!(fields["client_id"], "a client");
    assert_eq!(fields["client_assertion_type"], ASSERTION_TYPE);
    let mut parts = fields["client_assertion"]
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let read = |part: Vec<u8>| serde_json::from_slice(&part).unwrap();
    (read(parts.next().unwrap()), read(parts.next().unwrap()))
}

#[tokio::test]
async fn a_public_client_only_names_itself() {
    let (form, headers) = authenticated(ClientAuth::None).await.unwrap();
    assert_eq!(form, "grant_type=g&client_id=a+client");
    assert!(headers.is_empty());
}

/// RFC 6749 section 2.3.1: both parts are encoded before they are joined.
#[tokio::test]
async fn basic_encodes_both_parts() {
    let secret = SecretString::from("s:e%c+ré t");
    let (form, headers) = authenticated(ClientAuth::SecretBasic(secret))
        .await
        .unwrap();
    assert_eq!(form, "grant_type=g");
    let value = &headers["authorization"];
    assert!(value.is_sensitive());
    let pair = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
    assert_eq!(
        STANDARD.decode(pair).unwrap(),
        b"a+client:s%3Ae%25c%2Br%C3%A9+t"
    );
}

#[tokio::test]
async fn a_posted_secret_stands_in_the_form() {
    let secret = SecretString::from("s&t");
    let (form, headers) = authenticated(ClientAuth::SecretPost(secret)).await.unwrap();
    assert_eq!(form, "grant_type=g&client_id=a+client&client_secret=s%26t");
    assert!(headers.is_empty());
}

#[tokio::test]
async fn signs_for_the_issuer_or_for_the_endpoint() {
    for (audience, expected) in [
        (AssertionAudience::Issuer, ISSUER),
        (AssertionAudience::Endpoint, "https://as.example/token"),
    ] {
        let (key, _) = key(Algorithm::Es256);
        let key = key.with_key_id("k1");
        let (form, _) = authenticated(ClientAuth::PrivateKey { key, audience })
            .await
            .unwrap();
        let (header, claims) = assertion(&form);
        assert_eq!(header, json!({"alg": "ES256", "typ": "JWT", "kid": "k1"}));
        let jti = claims["jti"].as_str().unwrap().to_owned();
        assert_eq!(jti.len(), 43);
        assert_eq!(
            claims,
            json!({"iss": "a client", "sub": "a client", "aud": expected, "jti": jti,
                "iat": 1_800_000_000, "nbf": 1_800_000_000, "exp": 1_800_000_300})
        );
    }
}

#[tokio::test]
async fn signs_for_entra_with_a_certificate() {
    let (key, certificate) = key(Algorithm::Ps256);
    let key = key.with_certificate(&certificate).unwrap();
    let audience = AssertionAudience::Endpoint;
    let (form, _) = authenticated(ClientAuth::PrivateKey { key, audience })
        .await
        .unwrap();
    let (header, claims) = assertion(&form);
    assert_eq!(header["alg"], "PS256");
    assert_eq!(header["x5t#S256"].as_str().unwrap().len(), 43);
    assert_eq!(claims["aud"], "https://as.example/token");
}

#[tokio::test]
async fn reads_an_assertion_from_its_file_at_each_use() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let read = |kind| {
        authenticated(ClientAuth::AssertionFile {
            path: file.path().to_owned(),
            kind,
        })
    };
    let write = |text: &str| {
        let mut handle = std::fs::File::create(file.path()).unwrap();
        handle.write_all(text.as_bytes()).unwrap();
    };
    write("e30.e30.c2ln\n");
    let (form, _) = read(AssertionKind::JwtBearer).await.unwrap();
    assert!(
        form.ends_with("jwt-bearer&client_assertion=e30.e30.c2ln"),
        "{form}"
    );
    write("e30.e30.bmV3");
    let (form, _) = read(AssertionKind::JwtSpiffe).await.unwrap();
    assert!(
        form.ends_with("jwt-spiffe&client_assertion=e30.e30.bmV3"),
        "{form}"
    );
    let long = format!("e30.e30.{}", "a".repeat(70_000));
    for wrong in [
        "",
        "e30.e30",
        "e30.e30.c2ln.x",
        "e30..c2ln",
        "e30.e30.c2 ln",
        "secret",
        &long,
    ] {
        write(wrong);
        let error = read(AssertionKind::JwtBearer).await.unwrap_err();
        assert!(matches!(error, ClientAuthError::NoToken), "{error:?}");
    }
    std::fs::remove_file(file.path()).unwrap();
    let error = read(AssertionKind::JwtBearer).await.unwrap_err();
    assert!(matches!(error, ClientAuthError::File(_)), "{error:?}");
}

#[test]
fn refuses_ids_that_no_server_has() {
    for wrong in ["", "a\nb", "ä", &"a".repeat(2049)] {
        let error = ClientIdentity::new(wrong, ClientAuth::None).unwrap_err();
        assert!(matches!(error, ClientAuthError::ClientId));
    }
}

#[test]
fn shows_no_secret() {
    let identity =
        ClientIdentity::new("id", ClientAuth::SecretPost(SecretString::from("hidden"))).unwrap();
    let shown = format!("{identity:?}");
    assert!(
        shown.contains("client_secret_post") && !shown.contains("hidden"),
        "{shown}"
    );
}

#[test]
fn sends_a_secret_the_way_the_server_takes() {
    let check = |supported: &[&str], expected: &str| {
        let supported: Vec<String> = supported.iter().map(|&method| method.to_owned()).collect();
        let auth = ClientAuth::secret(SecretString::from("s"), &supported);
        assert_eq!(
            ClientIdentity::new("c", auth).unwrap().method(),
            expected,
            "{supported:?}"
        );
    };
    check(&[], "client_secret_basic");
    check(
        &["client_secret_basic", "client_secret_post"],
        "client_secret_basic",
    );
    check(&["none", "client_secret_post"], "client_secret_post");
    check(&["private_key_jwt"], "client_secret_basic");
}
