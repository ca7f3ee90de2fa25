use serde_json::json;

use super::{apart, sign_in};

#[test]
fn tells_apart_who_signs_in() {
    let both = ["auth/dpop", "initialize", "authors"].map(str::to_owned);
    let (signing_in, others) = apart(both.into());
    assert_eq!(signing_in, ["auth/dpop"]);
    assert_eq!(others, ["initialize", "authors"]);
}

#[test]
fn follows_what_the_suite_says() {
    let context = json!({"client_id": "c", "client_secret": "s", "private_key_pem": "p"});
    let told = |name: &str| {
        let told = sign_in(name, &context);
        (told.section, told.secret)
    };
    let begin = "[servers.everything.auth]\nkind = ";
    let (section, secret) = told("pre-registration");
    assert_eq!(
        (section, secret.as_str()),
        (
            format!("{begin}\"user-grant\"\nclient-id = \"c\"\nclient-secret = \"file:secret\"\n"),
            "s"
        )
    );
    let (section, secret) = told("client-credentials-jwt");
    assert_eq!(
        (section, secret.as_str()),
        (
            format!("{begin}\"client-credentials\"\nclient-id = \"c\"\nkey = \"file:secret\"\n"),
            "p"
        )
    );
    let (section, _) = told("basic-cimd");
    assert_eq!(
        section,
        format!(
            "{begin}\"user-grant\"\nclient-document = \"https://conformance-test.local/client-metadata.json\"\n"
        )
    );
    let (section, secret) = told("metadata-default");
    assert_eq!(
        (section, secret.as_str()),
        (format!("{begin}\"user-grant\"\n"), "")
    );
}
