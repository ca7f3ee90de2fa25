use serde_json::{Value, json};

use crate::fixture::{ISSUER, check, claims, issuer, jwk, key, key_set, line, sign};
use crate::{Algorithm, Issuer, KeySet};

struct Bench {
    signer: crate::assertion::SigningKey,
    keys: KeySet,
}

impl Bench {
    fn new() -> Bench {
        let signer = key(Algorithm::Es256, "k");
        let keys = key_set(&[jwk(&signer)]);
        Bench { signer, keys }
    }

    /// What the profile says about a good token with these claims besides.
    fn judge(&self, issuer: &Issuer, changes: Value) -> String {
        let mut claims = claims();
        for (name, value) in changes.as_object().unwrap() {
            claims[name.as_str()] = value.clone();
        }
        let typ = issuer.token_types.first().unwrap();
        let header = json!({"alg": "ES256", "typ": typ, "kid": "k"});
        line(&check(
            &sign(&self.signer, &header, &claims),
            issuer,
            &self.keys,
        ))
    }
}

#[test]
fn users_workloads_and_agents_are_told_apart() {
    let bench = Bench::new();
    let mut issuer = issuer();
    issuer.agents.insert("bot".to_owned());
    issuer.workload_marker = Some(("gty".to_owned(), "client-credentials".to_owned()));
    let rows = [
        ("user", json!({})),
        ("own behalf", json!({"sub": "host-1"})),
        (
            "marked",
            json!({"sub": "host-1@clients", "gty": "client-credentials"}),
        ),
        ("agent for a user", json!({"client_id": "bot"})),
        ("agent", json!({"client_id": "bot", "sub": "bot"})),
        (
            "agent with a chain",
            json!({"client_id": "bot", "act": {"sub": "planner"}}),
        ),
        (
            "agent that stands in the chain",
            json!({"client_id": "bot", "act": {"sub": "bot", "act": {"sub": "planner"}}}),
        ),
    ];
    let table: Vec<_> = rows
        .into_iter()
        .map(|(name, claims)| format!("{name}: {}", bench.judge(&issuer, claims)))
        .collect();
    insta::assert_snapshot!(table.join("\n"), @r#"
    user: ACCEPTED User user-1 client=host-1 scopes=tools.call+tools.read
    own behalf: ACCEPTED Workload host-1 client=host-1 scopes=tools.call+tools.read
    marked: ACCEPTED Workload host-1@clients client=host-1 scopes=tools.call+tools.read
    agent for a user: ACCEPTED User user-1 agent=ForUser client=bot actors=bot scopes=tools.call+tools.read
    agent: ACCEPTED Agent bot agent=Autonomous client=bot scopes=tools.call+tools.read
    agent with a chain: ACCEPTED User user-1 agent=ForUser client=bot actors=bot>planner scopes=tools.call+tools.read
    agent that stands in the chain: ACCEPTED User user-1 agent=ForUser client=bot actors=bot>planner scopes=tools.call+tools.read
    "#);
}

#[test]
fn shapes_of_other_providers_are_read_by_configured_names() {
    let bench = Bench::new();
    let mut keycloak = issuer();
    keycloak.token_types = vec!["JWT".to_owned()];
    keycloak.required_claims = vec!["azp".to_owned()];
    keycloak.claims.roles = "/realm_access/roles".to_owned();
    keycloak.claims.clients = vec!["azp".to_owned()];
    let said = json!({
        "azp": "host-1", "typ": "Bearer", "realm_access": {"roles": ["reader", "operator"]},
        "groups": ["/staff"], "acr": "1",
    });
    let mut okta = issuer();
    okta.claims.scopes = "scp".to_owned();
    okta.claims.clients = vec!["cid".to_owned()];
    let mut auth0 = issuer();
    auth0.claims.roles = "https://corp.example/roles".to_owned();
    let table = [
        bench.judge(&keycloak, said),
        bench.judge(&keycloak, json!({"azp": "x", "typ": "ID"})),
        bench.judge(&keycloak, json!({"azp": "x", "typ": "Refresh"})),
        bench.judge(&keycloak, json!({"azp": "x", "realm_access": "reader"})),
        bench.judge(&okta, json!({"ver": 1, "scp": ["a", "b"], "cid": "0oa1"})),
        bench.judge(&auth0, json!({"https://corp.example/roles": ["reader"]})),
    ];
    insta::assert_snapshot!(table.join("\n"), @r#"
    ACCEPTED User user-1 client=host-1 scopes=tools.call+tools.read roles=operator+reader groups=/staff acr=1
    not-an-access-token
    not-an-access-token
    claim-wrong-kind
    ACCEPTED User user-1 client=0oa1 scopes=a+b
    ACCEPTED User user-1 client=host-1 scopes=tools.call+tools.read roles=reader
    "#);
}

#[test]
fn other_tokens_of_the_issuer_are_refused() {
    let bench = Bench::new();
    for claim in ["at_hash", "c_hash", "s_hash", "events"] {
        assert_eq!(
            bench.judge(&issuer(), json!({claim: "x"})),
            "not-an-access-token"
        );
    }
}

#[test]
fn only_listed_clients_are_accepted() {
    let bench = Bench::new();
    let mut issuer = issuer();
    issuer.clients = Some(["host-1".to_owned()].into());
    assert!(bench.judge(&issuer, json!({})).starts_with("ACCEPTED"));
    assert_eq!(
        bench.judge(&issuer, json!({"client_id": "host-2"})),
        "client-not-allowed"
    );
    issuer.claims.clients = vec!["azp".to_owned()];
    assert_eq!(bench.judge(&issuer, json!({})), "client-missing");
}

#[test]
fn a_key_for_another_issuer_is_refused() {
    let bench = Bench::new();
    let mut jwk = jwk(&bench.signer);
    jwk["issuer"] = json!("https://other.example");
    let signer = Bench {
        keys: key_set(&[jwk.clone()]),
        ..Bench::new()
    };
    let other = Bench {
        signer: bench.signer,
        keys: signer.keys,
    };
    assert_eq!(other.judge(&issuer(), json!({})), "key-issuer-mismatch");
    jwk["issuer"] = json!(ISSUER);
    let own = Bench {
        keys: key_set(&[jwk]),
        ..other
    };
    assert!(own.judge(&issuer(), json!({})).starts_with("ACCEPTED"));
}
