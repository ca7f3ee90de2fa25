use serde_json::{Value, json};

use super::*;
use crate::encoding::base64url;
use crate::entra::Cloud;
use crate::jwt::peek;

const TENANT: &str = "11111111-1111-4111-8111-111111111111";
const OTHER: &str = "22222222-2222-4222-8222-222222222222";

fn issuers() -> Vec<Issuer> {
    let mut china = EntraRules::new([OTHER.to_owned()]);
    china.cloud = Cloud::china();
    vec![
        Issuer::standard("corp", "https://issuer.example"),
        Issuer::entra("entra", EntraRules::new([TENANT.to_owned()])),
        Issuer::entra("entra-2", EntraRules::new([OTHER.to_ascii_uppercase()])),
        Issuer::entra("entra-china", china),
        Issuer::spiffe("mesh", "example.org"),
    ]
}

#[track_caller]
fn check(claims: Value, expected: Result<&str, Rejection>) {
    let token = format!(
        "{}.{}.AA",
        base64url(br#"{"alg":"none"}"#),
        base64url(claims.to_string().as_bytes())
    );
    let issuers = issuers();
    let chosen = Issuer::choose(&issuers, &peek(&token).unwrap());
    assert_eq!(
        chosen.map(|issuer| issuer.name.as_str()),
        expected,
        "{claims}"
    );
}

#[test]
fn the_profile_is_chosen_by_what_the_token_says() {
    let iss = |iss: &str| json!({ "iss": iss });
    check(iss("https://issuer.example"), Ok("corp"));
    check(
        iss("https://issuer.example/"),
        Err(Rejection::IssuerUnknown),
    );
    check(
        iss("https://issuer.example.evil"),
        Err(Rejection::IssuerUnknown),
    );
    let v2 = |tenant: &str| iss(&format!("https://login.microsoftonline.com/{tenant}/v2.0"));
    check(v2(TENANT), Ok("entra"));
    check(v2(OTHER), Ok("entra-2"));
    check(
        iss(&format!("https://sts.windows.net/{OTHER}/")),
        Ok("entra-2"),
    );
    check(
        iss(&format!(
            "https://login.partner.microsoftonline.cn/{OTHER}/v2.0"
        )),
        Ok("entra-china"),
    );
    // No profile is for this tenant: the profile's rules will say so.
    check(v2("33333333-3333-4333-8333-333333333333"), Ok("entra-2"));
    check(v2("common"), Err(Rejection::IssuerUnknown));
    check(json!({}), Err(Rejection::IssuerMissing));
    check(json!({"sub": "spiffe://example.org/agent"}), Ok("mesh"));
    check(
        json!({"sub": "spiffe://example.com/agent"}),
        Err(Rejection::IssuerMissing),
    );
}
