use portcullis_token::challenge::parse;

use super::*;
use crate::authn::tests::signed_in;

const CONFIG: &str = r#"
[listen]
public-url = "https://gw.example.com"
behind-tls-proxy = true

[authn.issuers.company]
kind = "entra"
tenant = "11111111-1111-4111-8111-111111111111"
clients = ["22222222-2222-4222-8222-222222222222"]
authentication-contexts = { mfa = "c7" }
[authn.issuers.company.client]
id = "33333333-3333-4333-8333-333333333333"
secret = "env:ENTRA_SECRET"

[authn.issuers.idp]
kind = "oidc"
issuer = "https://idp.example.com"
authentication-contexts = { mfa = "urn:mfa" }

[servers.papers]
command = "papers"

[profiles.research]
path = "/research"
servers = ["papers"]
scopes = ["tools.read", "tools.write"]
"#;

fn challenges() -> Challenges {
    Challenges::new(&config::parse(CONFIG).unwrap())
}

fn of(refusal: &Refusal, principal: Option<&Principal>, scheme: Scheme) -> Vec<String> {
    challenges().of(refusal, Some("research"), principal, scheme)
}

fn step_up(issuer: &str, contexts: &[&str], max_age: Option<u32>) -> Vec<String> {
    let mut caller = signed_in("ada", 1);
    if let Some(token) = &mut caller.signed_in {
        token.issuer = issuer.to_owned();
        token.tenant =
            (issuer == "company").then(|| "11111111-1111-4111-8111-111111111111".to_owned());
    }
    let demanded = StepUp {
        policies: Vec::new(),
        contexts: contexts.iter().map(ToString::to_string).collect(),
        max_age,
    };
    let refusal = Refusal::new(Reason::StepUpRequired).demanding(demanded);
    of(&refusal, Some(&caller), Scheme::Bearer)
}

#[test]
fn a_host_without_a_token_learns_where_to_get_one() {
    let missing = Refusal::new(Reason::CredentialMissing);
    insta::assert_debug_snapshot!(of(&missing, None, Scheme::Bearer));
    insta::assert_debug_snapshot!(of(&missing, None, Scheme::Dpop));
    let rejected = Refusal::of_credential(Rejected::from(Rejection::Expired));
    insta::assert_debug_snapshot!(of(&rejected, None, Scheme::Bearer));
}

#[test]
fn all_scopes_are_in_one_challenge() {
    let refusal = Refusal::new(Reason::ScopeInsufficient);
    insta::assert_debug_snapshot!(of(&refusal, None, Scheme::Bearer));
}

#[test]
fn entra_is_asked_in_its_own_words_and_others_by_the_rfc() {
    let entra = step_up("company", &["mfa"], None);
    insta::assert_debug_snapshot!(entra);
    let claims = parse(&entra[0]).unwrap()[0].claims();
    assert_eq!(
        claims.as_deref(),
        Some(r#"{"access_token":{"acrs":{"essential":true,"value":"c7"}}}"#)
    );
    insta::assert_debug_snapshot!(step_up("idp", &["mfa", "other"], Some(300)));
    // Nothing but the age of the sign-in: Entra has no word for it.
    insta::assert_debug_snapshot!(step_up("company", &[], Some(300)));
}

#[test]
fn where_no_token_is_taken_none_is_asked_for() {
    let challenges = Challenges::new(&config::parse("").unwrap());
    for (reason, expected) in [
        (Reason::CredentialMissing, "Bearer realm=\"portcullis\""),
        (
            Reason::CredentialInvalid,
            "Bearer realm=\"portcullis\", error=\"invalid_token\"",
        ),
    ] {
        let said = challenges.of(&Refusal::new(reason), None, None, Scheme::Bearer);
        assert_eq!(said, [expected]);
    }
    let other = Refusal::new(Reason::PolicyDenied);
    assert!(of(&other, None, Scheme::Bearer).is_empty());
}
