use super::*;
use crate::{SignIn, StepUp};

const POLICIES: &str = r#"
@id("all") permit (principal, action, resource);
@id("mfa") @step_up("c1") forbid (principal, action == Action::"tools/call", resource)
    unless { context.contexts.contains("c1") };
@id("fresh") @step_up_max_age("300") forbid (principal, action == Action::"tools/call", resource)
    unless { context has minutesSinceSignIn && context.minutesSinceSignIn <= 5 };
"#;

fn signed_in(sign_in: SignIn<'_>) -> Query<'_> {
    Query {
        context: Context {
            sign_in,
            ..query().context
        },
        ..query()
    }
}

fn step_up(policies: &[&str], contexts: &[&str], max_age: Option<u32>) -> Decision {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    Decision::StepUp(StepUp {
        policies: owned(policies),
        contexts: owned(contexts),
        max_age,
    })
}

#[test]
fn what_is_missing_is_demanded_together() {
    let policies = policies(POLICIES);
    let c1 = ["c1".to_owned()];
    let (old, new) = (Some(6), Some(5));
    let cases = [
        (
            SignIn::default(),
            step_up(&["fresh", "mfa"], &["c1"], Some(300)),
        ),
        (
            SignIn {
                contexts: &c1,
                ..SignIn::default()
            },
            step_up(&["fresh"], &[], Some(300)),
        ),
        (
            SignIn {
                minutes: new,
                ..SignIn::default()
            },
            step_up(&["mfa"], &["c1"], None),
        ),
        (
            SignIn {
                contexts: &c1,
                minutes: old,
                ..SignIn::default()
            },
            step_up(&["fresh"], &[], Some(300)),
        ),
        (
            SignIn {
                contexts: &c1,
                minutes: new,
                ..SignIn::default()
            },
            permit(&["all"]),
        ),
    ];
    for (sign_in, expected) in cases {
        let decision = policies.authorize(&signed_in(sign_in));
        assert_eq!(decision, expected, "{sign_in:?}");
        assert!(decision.shows());
        assert_eq!(decision.is_permit(), expected == permit(&["all"]));
    }
}

#[test]
fn nobody_is_sent_to_sign_in_for_what_stays_forbidden() {
    let without_permit = POLICIES.replacen("permit", "forbid", 1);
    let decision = policies(&without_permit).authorize(&query());
    assert_eq!(decision, forbidden(&["all"]));
    assert!(!decision.shows());

    let nothing = POLICIES.replacen("@id(\"all\") permit (principal, action, resource);", "", 1);
    let decision = policies(&nothing).authorize(&query());
    assert_eq!(decision, Decision::Deny(Denial::NoPermit));
}

#[test]
fn a_demand_that_fails_denies() {
    let failing = r#"
permit (principal, action, resource);
@id("f") @step_up("c1") forbid (principal, action, resource) when { context.minutesSinceSignIn + 9223372036854775807 > 0 && context has minutesSinceSignIn };
"#;
    // The validator takes no access that may fail; one that overflows it cannot see.
    let failing = failing.replace(
        "context.minutesSinceSignIn + 9223372036854775807 > 0 && context has minutesSinceSignIn",
        "context has minutesSinceSignIn && context.minutesSinceSignIn + 9223372036854775807 > 0",
    );
    let sign_in = SignIn {
        minutes: Some(1),
        ..SignIn::default()
    };
    assert_eq!(
        policies(&failing).authorize(&signed_in(sign_in)),
        error(&["f"])
    );
}

#[test]
fn what_the_token_says_can_be_asked_for() {
    let scopes = ["tools.read".to_owned()];
    let all = SignIn {
        client: Some("editor"),
        actor: Some("agent"),
        scopes: &scopes,
        contexts: &[],
        acr: Some("urn:mfa"),
        minutes: Some(0),
        bound: true,
    };
    for condition in [
        r#"context has client && context.client == "editor""#,
        r#"context has actor && context.actor == "agent""#,
        r#"context.scopes.contains("tools.read")"#,
        r#"context has acr && context.acr == "urn:mfa""#,
        "context.bound",
        r#"principal has issuer && principal.issuer == "company""#,
        r#"principal has tenant && principal.tenant == "t1""#,
    ] {
        let text =
            format!(r#"@id("p") permit (principal, action, resource) when {{ {condition} }};"#);
        let policies = policies(&text);
        let mut query = signed_in(all);
        query.principal.issuer = Some("company");
        query.principal.tenant = Some("t1");
        assert_eq!(policies.authorize(&query), permit(&["p"]), "{condition}");
        let without = signed_in(SignIn::default());
        assert_eq!(
            policies.authorize(&without),
            Decision::Deny(Denial::NoPermit),
            "{condition}"
        );
    }
}

#[test]
fn annotations_that_mean_nothing_are_problems() {
    for (annotations, effect, message) in [
        (r#"@step_up("c1")"#, "permit", "only a `forbid`"),
        (r#"@step_up("")"#, "forbid", "names nothing"),
        (r#"@step_up("a b")"#, "forbid", "visible ASCII"),
        (r#"@step_up("a\"b")"#, "forbid", "visible ASCII"),
        (r#"@step_up_max_age("soon")"#, "forbid", "whole number"),
    ] {
        let text = format!("{annotations} {effect} (principal, action, resource);");
        let problems = Policies::load(&sources(&[("p.cedar", &text)])).unwrap_err();
        assert!(
            problems.iter().any(|p| p.message.contains(message)),
            "{problems:?}"
        );
    }
}
