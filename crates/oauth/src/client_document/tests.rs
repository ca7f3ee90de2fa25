use serde_json::{Value, json};

use super::*;

const ID: &str = "https://app.example/oauth/client.json";

fn document() -> Value {
    json!({
        "client_id": ID,
        "client_name": "Example",
        "redirect_uris": ["https://app.example/callback", "http://127.0.0.1/callback"],
    })
}

fn judged(document: &Value) -> Result<ClientDocument, &'static str> {
    let settings = ClientDocumentSettings::default();
    ClientDocument::read(document.to_string().as_bytes(), ID, &settings)
        .map_err(|error| error.code())
}

#[test]
fn a_client_id_has_one_spelling_and_a_path() {
    for right in [
        ID,
        "https://app.example:8443/a",
        "https://app.example/a?b=c",
        "https://app.example/a/",
    ] {
        assert!(client_id_address(right).is_ok(), "{right}");
        assert!(is_client_id_address(right));
    }
    let long = format!("https://app.example/{}", "a".repeat(2048));
    for wrong in [
        "https://app.example",
        "https://app.example/",
        "http://app.example/a",
        "http://127.0.0.1/a",
        "https://app.example/a#b",
        "https://u@app.example/a",
        "https://u:p@app.example/a",
        "https://app.example/a/../b",
        "https://app.example/./b",
        "https://app.example/a/%2e%2e/b",
        "https://App.example/a",
        "HTTPS://app.example/a",
        "https://app.example:443/a",
        "https://0x7f.1/a",
        "https://app.example\\a",
        "https:app.example/a",
        " https://app.example/a",
        "https://app.example/a b",
        "javascript:alert(1)",
        "client-7",
        "",
        &long,
    ] {
        assert!(client_id_address(wrong).is_err(), "{wrong}");
    }
    assert!(!is_client_id_address("client-7"));
    assert!(is_client_id_address("HTTPS://app.example/a"));
}

#[test]
fn a_document_is_about_the_client_that_was_asked_about() {
    let mut other = document();
    other["client_id"] = json!("https://app.example/oauth/client.json/");
    assert_eq!(judged(&other).unwrap_err(), "client-document-other-client");
    other["client_id"] = json!("https://APP.example/oauth/client.json");
    assert_eq!(judged(&other).unwrap_err(), "client-document-other-client");
    other.as_object_mut().unwrap().remove("client_id");
    assert_eq!(judged(&other).unwrap_err(), "client-document-other-client");
    assert_eq!(judged(&document()).unwrap().client_id, ID);
}

#[test]
fn a_document_that_everybody_reads_holds_no_secret() {
    for (name, value) in [
        ("client_secret", json!("s")),
        ("client_secret", Value::Null),
        ("client_secret_expires_at", json!(0)),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("token_endpoint_auth_method", json!("client_secret_post")),
        ("token_endpoint_auth_method", json!("client_secret_jwt")),
        ("token_endpoint_auth_method", json!("anything")),
    ] {
        let mut wrong = document();
        wrong[name] = value;
        assert_eq!(judged(&wrong).unwrap_err(), "client-document-secret");
    }
    let mut signed = document();
    signed["token_endpoint_auth_method"] = json!("private_key_jwt");
    assert_eq!(
        judged(&signed).unwrap().token_endpoint_auth_method,
        "private_key_jwt"
    );
    assert_eq!(
        judged(&document()).unwrap().token_endpoint_auth_method,
        "none"
    );
}

#[test]
fn a_redirect_address_is_one_of_the_documents_own() {
    let mut mixed = document();
    mixed["redirect_uris"] = json!(["javascript:alert(1)", "http://app.example/", "cursor://a/b"]);
    let client = judged(&mixed).unwrap();
    assert_eq!(client.redirect_uris().collect::<Vec<_>>(), ["cursor://a/b"]);
    assert_eq!(
        client.redirect("cursor://a/b"),
        Some(RedirectMatch::Application)
    );
    assert_eq!(client.redirect("javascript:alert(1)"), None);

    mixed["redirect_uris"] = json!(["javascript:alert(1)"]);
    assert_eq!(judged(&mixed).unwrap_err(), "client-document-no-redirect");
    mixed["redirect_uris"] = json!([]);
    assert_eq!(judged(&mixed).unwrap_err(), "client-document-no-redirect");
    mixed["redirect_uris"] = json!("https://app.example/callback");
    assert_eq!(judged(&mixed).unwrap_err(), "client-document-unavailable");

    assert!(!judged(&document()).unwrap().is_local_only());
    mixed["redirect_uris"] = json!(["http://localhost/a", "http://127.0.0.1/a"]);
    assert!(judged(&mixed).unwrap().is_local_only());
}

#[test]
fn a_name_is_shown_on_one_line() {
    let mut named = document();
    named["client_name"] = json!(format!("Ex\n\u{7}ample{}", "x".repeat(1000)));
    let name = judged(&named).unwrap().client_name.unwrap();
    assert!(name.starts_with("Example"));
    assert_eq!(name.chars().count(), 200);
    assert_eq!(judged(&named).unwrap().host().unwrap(), "app.example");
}
