use std::collections::BTreeSet;

use futures_util::FutureExt;
use portcullis_token::identity::{Actor, Binding};

use super::*;

fn identity() -> Identity {
    let set = |texts: &[&str]| {
        texts
            .iter()
            .map(ToString::to_string)
            .collect::<BTreeSet<_>>()
    };
    Identity {
        issuer: "company".to_owned(),
        tenant: Some("t1".to_owned()),
        subject: "t1/ada".to_owned(),
        display_name: Some("Ada".to_owned()),
        kind: Kind::User,
        agent: None,
        client: Some("editor".to_owned()),
        parent_application: None,
        actors: vec![Actor {
            issuer: None,
            subject: "assistant".to_owned(),
        }],
        scopes: set(&["tools.read"]),
        roles: set(&["mcp.reader"]),
        groups: Groups::Listed(set(&["g1", "g2"])),
        guest: false,
        acr: Some("urn:mfa".to_owned()),
        contexts: set(&["c1", "c9"]),
        amr: BTreeSet::new(),
        auth_time: Some(90),
        issued: Some(100),
        expires: 200,
        token_id: Some("id".to_owned()),
        binding: Binding::default(),
        can_be_challenged: false,
    }
}

fn tokens() -> Tokens {
    let named = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(name, id)| (name.to_string(), id.to_string()))
            .collect::<BTreeMap<_, _>>()
    };
    let settings = portcullis_egress::Settings {
        use_system_roots: false,
        ..Default::default()
    };
    let (client, secrets) = (
        portcullis_egress::Client::new(&settings).unwrap(),
        portcullis_identity::LocalSecrets::new("/"),
    );
    let context = portcullis_identity::Context {
        client: &client,
        clock: Arc::new(portcullis_oauth::SystemClock::new()),
        secrets: &secrets,
        base: std::path::Path::new("/"),
        nonces: None,
    };
    let authn = config::Authn::default();
    let issuers = Issuers::new(&authn, &context, None)
        .now_or_never()
        .unwrap()
        .unwrap();
    Tokens {
        issuers: Arc::new(issuers),
        contexts: BTreeMap::from([("company".to_owned(), named(&[("mfa", "c1"), ("c9", "c5")]))]),
        declared: vec!["company".to_owned()],
    }
}

#[test]
fn a_principal_is_what_its_token_says() {
    let principal = tokens().principal(identity(), "token", String::new());
    assert_eq!(principal.id(), "company:t1/ada");
    assert_eq!(&**principal.key(), "user:company:t1/ada");
    assert_eq!(principal.groups(), ["g1", "g2"]);
    assert_eq!(principal.roles(), ["mcp.reader"]);
    let token = principal.signed_in().unwrap();
    assert_eq!(token.client.as_deref(), Some("editor"));
    assert_eq!(token.actors, ["company:assistant"]);
    assert_eq!(
        (token.at, token.issued, token.expires),
        (Some(90), Some(100), 200)
    );
    assert!(!token.challengeable);
    let policy = principal.sign_in(91 + 60);
    assert_eq!(
        (policy.minutes, policy.actor),
        (Some(2), Some("company:assistant"))
    );
    assert_eq!(principal.sign_in(0).minutes, Some(0));
}

/// `c9` is what the issuer calls a context, and the configured name of another, `c5`.
#[test]
fn what_an_issuer_calls_a_context_is_not_the_name_of_another() {
    let principal = tokens().principal(identity(), "token", String::new());
    assert_eq!(principal.signed_in().unwrap().contexts, ["mfa"]);
}

#[test]
fn a_client_of_another_issuer_needs_not_say_that_it_can_be_challenged() {
    let other = Identity {
        issuer: "idp".to_owned(),
        ..identity()
    };
    assert!(
        tokens()
            .principal(other, "token", String::new())
            .can_step_up()
    );
    assert!(
        !tokens()
            .principal(identity(), "token", String::new())
            .can_step_up()
    );
    let declared = Identity {
        can_be_challenged: true,
        ..identity()
    };
    assert!(
        tokens()
            .principal(declared, "token", String::new())
            .can_step_up()
    );
    let application = Identity {
        kind: Kind::Workload,
        can_be_challenged: true,
        ..identity()
    };
    assert!(
        !tokens()
            .principal(application, "token", String::new())
            .can_step_up()
    );
}

#[test]
fn scopes_are_met_by_name_or_by_their_last_part_and_by_roles_of_applications() {
    let wanted = |scopes: &[&str]| scopes.iter().map(ToString::to_string).collect::<Vec<_>>();
    let user = identity();
    let application = Identity {
        kind: Kind::Workload,
        ..identity()
    };
    assert!(has_scopes(&user, &wanted(&[])));
    assert!(has_scopes(&user, &wanted(&["tools.read"])));
    assert!(has_scopes(&user, &wanted(&["api://gw/tools.read"])));
    assert!(!has_scopes(&user, &wanted(&["tools.read", "tools.write"])));
    assert!(!has_scopes(&user, &wanted(&["mcp.reader"])));
    assert!(has_scopes(&application, &wanted(&["mcp.reader"])));
    assert!(!has_scopes(&application, &wanted(&["mcp.admin"])));
}
