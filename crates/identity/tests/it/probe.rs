//! What `check` tells an operator.

use portcullis_lab::entra::sample::{CONTOSO, GATEWAY, GATEWAY_SECRET};
use portcullis_lab::entra::{EntraLab, EntraSettings, Policy};
use portcullis_lab::identity_provider::{
    Endpoint, Fault, IdentityProvider, Misbehaviour, ProviderSettings,
};
use serde_json::json;

use crate::world::World;

fn entra(lab: &EntraLab) -> String {
    format!(
        "[authn.issuers.contoso]\nkind = \"entra\"\ntenant = \"{CONTOSO}\"\n\
         authority-url = \"{}\"\ngraph-url = \"{}\"\ngroups = \"graph\"\n\
         [authn.issuers.contoso.client]\nid = \"{GATEWAY}\"\nsecret = SECRET\n",
        lab.base_url(),
        lab.graph_url()
    )
}

/// What was found, and the problems.
async fn probe(world: &World) -> (Vec<String>, Vec<String>) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for probed in world.issuers.probe().await {
        found.extend(probed.found);
        problems.extend(probed.problems.iter().map(ToString::to_string));
    }
    (found, problems)
}

#[tokio::test]
async fn entra_is_asked_for_everything_it_will_be_asked_for() {
    let lab = EntraLab::start(EntraSettings::default()).await.unwrap();
    lab.set_time(Some(1_800_000_000));
    let world = World::new("").await;
    world.secret(GATEWAY_SECRET);
    let world = world.reload(&entra(&lab)).await;
    let (found, problems) = probe(&world).await;
    assert_eq!(problems, [""; 0]);
    assert_eq!(
        found,
        [
            format!("metadata of {}/{CONTOSO}/v2.0", lab.base_url()),
            "1 keys".to_owned(),
            format!("Graph answers for tenant {CONTOSO}"),
        ]
    );

    world.secret("not-the-secret");
    let world = world.reload(&entra(&lab)).await;
    let (_, problems) = probe(&world).await;
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with("`authn.issuers.contoso`: no token for Microsoft Graph"),
        "{problems:?}"
    );
    assert!(!problems[0].contains("not-the-secret"));
    for endpoint in ["metadata", "graph"] {
        lab.set_policy(Policy::Outage {
            endpoint: endpoint.to_owned(),
            status: 503,
            retry_after: None,
        });
    }
    world.secret(GATEWAY_SECRET);
    let world = world.reload(&entra(&lab)).await;
    let (_, problems) = probe(&world).await;
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[tokio::test]
async fn an_issuer_of_opaque_tokens_is_asked_about_one_that_does_not_exist() {
    let settings = ProviderSettings {
        opaque: true,
        ..ProviderSettings::default()
    };
    let provider = IdentityProvider::start(settings).await.unwrap();
    let authn = format!(
        "[authn.issuers.corp]\nkind = \"oidc\"\nissuer = \"{}\"\ntokens = \"opaque\"\n\
         [authn.issuers.corp.client]\nid = \"gateway\"\nsecret = SECRET\n",
        provider.issuer()
    );
    let world = World::new(&authn).await;
    let (found, problems) = probe(&world).await;
    assert_eq!(problems, [""; 0]);
    assert_eq!(found[1], "introspection answers the gateway");

    let again = World::new(&authn).await;
    provider.misbehave(Misbehaviour::Introspected(json!({"active": true})));
    let (_, problems) = probe(&again).await;
    assert_eq!(
        problems,
        ["`authn.issuers.corp`: it calls a token good that it never gave"]
    );
    provider.behave();
    let again = World::new(&authn).await;
    provider.misbehave(Misbehaviour::Broken {
        endpoint: Endpoint::Introspection,
        how: Fault::Status(500),
    });
    let (_, problems) = probe(&again).await;
    assert_eq!(
        problems,
        ["`authn.issuers.corp`: issuer answered with status 500"]
    );
}

#[tokio::test]
async fn keys_of_no_use_are_a_problem() {
    let provider = IdentityProvider::start(ProviderSettings::default())
        .await
        .unwrap();
    let authn = format!(
        "[authn.issuers.corp]\nkind = \"oidc\"\nissuer = \"{}\"\nalgorithms = [\"ES256\"]\n",
        provider.issuer()
    );
    let (found, problems) = probe(&World::new(&authn).await).await;
    assert_eq!(found[1], "0 keys");
    assert_eq!(
        problems,
        ["`authn.issuers.corp`: none of its keys fits the accepted algorithms"]
    );
}

#[tokio::test]
async fn the_inventory_says_what_is_taken() {
    let world = World::new(&format!(
        "[listen.tls]\ncertificate = \"a.pem\"\nkey = \"file:a.key\"\nclient-ca = \"ca.pem\"\n\
         client-certificates = \"optional\"\n\
         [authn.certificates]\nnames = \"spiffe\"\ntrust-domain = \"example.org\"\n\
         [authn.issuers.contoso]\nkind = \"entra\"\ntenant = \"{CONTOSO}\"\n\
         token-versions = [\"1.0\", \"2.0\"]\nclients = [\"{GATEWAY}\"]\n"
    ))
    .await;
    assert_eq!(
        serde_json::to_value(world.issuers.describe()).unwrap(),
        json!({
            "issuers": [{
                "name": "contoso",
                "kind": "entra",
                "accepts": [
                    format!("https://sts.windows.net/{CONTOSO}/"),
                    format!("https://login.microsoftonline.com/{CONTOSO}/v2.0"),
                ],
                "tokens": "signed",
                "algorithms": ["RS256"],
                "token_types": ["JWT"],
                "clients": [GATEWAY],
                "agents": [],
                "binding_required": false,
                "max_age": 86_400,
                "groups": "token",
                "guests": false,
                "client_id": null,
                "client_authentication": null,
            }],
            "certificates": {
                "names": "spiffe",
                "trust_domain": "example.org",
                "principal": "workload",
            },
        })
    );
}
