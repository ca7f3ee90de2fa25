use std::sync::Arc;

use portcullis_broker::{Needed, Reason as Because};
use portcullis_mcp::version::Era;

use super::*;

#[track_caller]
fn check(needed: Needed, reason: &str, status: u16, recorded: &str) {
    let shown = format!("{needed:?}");
    let refusal = refused(&UpstreamError::Credential(Arc::new(needed))).unwrap();
    let face = refusal.reason().face();
    let told = (face.id, refusal.status(Era::Legacy), refusal.id());
    assert_eq!(told, (reason, status, recorded), "{shown}");
}

#[test]
fn every_cause_looks_like_what_would_help() {
    let server = || "papers".to_owned();
    let sign_in = Needed::SignIn { server: server() };
    check(sign_in, "sign-in-needed", 200, "sign-in-needed");
    let scope = Needed::Scope {
        server: server(),
        scopes: vec!["write".to_owned()],
    };
    check(scope, "more-scopes-needed", 200, "more-scopes-needed");
    let claims = Needed::Challenge {
        claims: "{}".to_owned(),
    };
    check(claims, "claims-required", 401, "claims-required");
    let unavailable = "server-credential-unavailable";
    check(Needed::Unavailable, unavailable, 200, unavailable);
    let refused = |reason| Needed::Refused { reason };
    let (interaction, changed) = (Because::InteractionRequired, Because::IssuerChanged);
    let (impossible, id) = ("step-up-impossible", "interaction-required");
    check(refused(interaction), impossible, 403, id);
    let (face, id) = ("server-credential-refused", "issuer-changed");
    check(refused(changed), face, 200, id);
}

#[test]
fn scopes_are_named_and_a_flood_of_them_is_cut() {
    let scopes: Vec<String> = (0..500).map(|number| format!("scope-{number}")).collect();
    let needed = Needed::Scope {
        server: "papers".to_owned(),
        scopes: vec!["papers.write".to_owned()],
    };
    let message = |needed: Needed| {
        let refusal = refused(&UpstreamError::Credential(Arc::new(needed))).unwrap();
        refusal.to_message(Some("1"), Era::Modern, "e")
    };
    let told = message(needed);
    assert!(told.contains("papers.write"), "{told}");
    assert!(told.contains("\"scopes\":[\"papers.write\"]"), "{told}");
    let flood = message(Needed::Scope {
        server: "papers".to_owned(),
        scopes,
    });
    assert!(flood.len() < 3 * SCOPES + 512, "{}", flood.len());
}

#[test]
fn other_errors_are_not_about_credentials() {
    assert!(refused(&UpstreamError::TimedOut).is_none());
    let other: Cause = Arc::new(std::io::Error::other("?"));
    let refusal = refused(&UpstreamError::Credential(other)).unwrap();
    assert_eq!(refusal.reason(), Reason::ServerCredentialUnavailable);
}

#[test]
fn a_token_is_not_shown() {
    let token = Exchangeable::new(SecretString::from("eyJ.a.b"));
    assert_eq!(format!("{token:?}"), "Exchangeable");
}

#[test]
fn challenges_that_cannot_be_read_demand_nothing() {
    let header = |text: &str| HeaderValue::from_str(text).unwrap();
    let good = header("Bearer error=\"invalid_token\"");
    let read = read(&[header("Bearer a=\"1"), good]);
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].parameter("error"), Some("invalid_token"));
}
