use super::*;

const LOGIN: &str = "https://login.microsoftonline.com/8d3c";

fn asked(header: &str, vault: &str) -> Result<TokenRequest, KeyError> {
    let mut head = HeaderMap::new();
    head.insert(header::WWW_AUTHENTICATE, header.parse().unwrap());
    Challenge::read(&head)?.request(&Url::parse(vault).unwrap())
}

#[test]
fn the_service_above_the_vault_gets_a_token() {
    for (challenge, scope) in [
        (
            format!(r#"Bearer authorization="{LOGIN}", resource="https://vault.azure.net""#),
            "https://vault.azure.net/.default",
        ),
        (
            format!(
                r#"bearer authorization_uri={LOGIN}, scope="https://vault.azure.net/.default""#
            ),
            "https://vault.azure.net/.default",
        ),
        (
            format!(r#"Bearer resource="https://mine.vault.azure.net/",authorization="{LOGIN}""#),
            "https://mine.vault.azure.net/.default",
        ),
    ] {
        let request = asked(&challenge, "https://mine.vault.azure.net/").unwrap();
        assert_eq!(request.scope, scope, "{challenge}");
        assert_eq!(request.authority, LOGIN, "{challenge}");
        assert_eq!(request.claims, None);
    }
}

#[test]
fn a_claims_challenge_is_passed_on() {
    let text = r#"Bearer resource="https://vault.azure.net", error="insufficient_claims", claims="eyJhIjoxfQ==""#;
    let request = asked(text, "https://mine.vault.azure.net/").unwrap();
    assert_eq!(request.claims.as_deref(), Some("eyJhIjoxfQ=="));
}

#[test]
fn no_other_service_gets_one() {
    for resource in [
        "https://graph.microsoft.com",
        "https://management.azure.com",
        "https://evil.example",
        "https://xvault.azure.net",
        "https://ult.azure.net",
        "https://other.vault.azure.net",
        "https://net",
        "http://vault.azure.net",
        "https://vault.azure.net:8443",
        "https://vault.azure.net/other",
        "https://vault.azure.net@evil.example",
        "vault.azure.net",
        "api://8d3c",
    ] {
        let asked = asked(
            &format!(r#"Bearer authorization="{LOGIN}", resource="{resource}""#),
            "https://mine.vault.azure.net/",
        );
        assert!(
            matches!(asked, Err(KeyError::ForeignResource)),
            "{resource}"
        );
    }
}

#[test]
fn an_address_is_its_own_service_only() {
    let challenge = |resource| format!(r#"Bearer authorization="{LOGIN}", resource="{resource}""#);
    assert!(asked(&challenge("http://127.0.0.1:9"), "http://127.0.0.1:9/").is_ok());
    for resource in ["http://127.0.0.1:8", "http://0.0.1:9", "http://1"] {
        let asked = asked(&challenge(resource), "http://127.0.0.1:9/");
        assert!(
            matches!(asked, Err(KeyError::ForeignResource)),
            "{resource}"
        );
    }
}

#[test]
fn what_is_no_challenge_is_told() {
    for text in [
        "",
        "Bearer",
        "Basic realm=\"x\"",
        "Bearer authorization=\"x\"",
        "Bearer resource=\"unfinished",
        "Bearer nonsense",
    ] {
        let asked = asked(text, "https://mine.vault.azure.net/");
        assert!(matches!(asked, Err(KeyError::Answer { .. })), "{text}");
    }
}
