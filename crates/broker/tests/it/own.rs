//! Tokens of the gateway itself.

use std::sync::Arc;

use portcullis_broker::{Broker, Reason};
use portcullis_lab::identity_provider::{
    Endpoint, Fault, IdentityProvider, Misbehaviour, ProviderClient, ProviderSettings,
};
use portcullis_lab::jose::SigningKey;
use secrecy::ExposeSecret as _;

use crate::world::{World, claims, needed, refused, token, user};

fn config(issuer: &str, more: &str) -> String {
    format!(
        r#"
        [servers.papers]
        url = "http://127.0.0.1:9/mcp"
        [servers.papers.auth]
        kind = "client-credentials"
        issuer = "{issuer}"
        scopes = ["papers.read"]
        {more}
        "#
    )
}

const SECRET: &str = r#"client-id = "gateway"
    client-secret = "env:PROVIDER""#;

fn requests(provider: &IdentityProvider) -> usize {
    let url = provider.endpoint("token_endpoint").unwrap();
    provider.requests(url.strip_prefix(provider.base_url()).unwrap())
}

/// As many as that at the same moment; all get the same token.
async fn all_at_once(broker: &Arc<Broker>, count: usize) -> String {
    let calls: Vec<_> = (0..count)
        .map(|_| {
            let broker = Arc::clone(broker);
            tokio::spawn(async move {
                let credential = broker.credential("papers", &user("ada")).await;
                token(&credential.unwrap().unwrap())
            })
        })
        .collect();
    let mut tokens = Vec::new();
    for call in calls {
        tokens.push(call.await.unwrap());
    }
    tokens.dedup();
    assert_eq!(tokens.len(), 1);
    tokens.remove(0)
}

#[tokio::test]
async fn the_gateway_gets_a_token_and_replicas_share_it() {
    let provider = IdentityProvider::start(ProviderSettings::default())
        .await
        .unwrap();
    let world = World::new().await;
    let config = config(provider.issuer(), SECRET);
    let broker = world.broker(&config);
    let credential = broker
        .credential("papers", &user("ada"))
        .await
        .unwrap()
        .unwrap();
    let told = claims(&credential);
    assert_eq!(told["client_id"], "gateway");
    assert_eq!(told["aud"], "http://127.0.0.1:9/mcp");
    assert_eq!(told["scope"], "papers.read");
    assert_eq!(credential.name, "authorization");
    assert!(credential.header_value().unwrap().is_sensitive());
    let debug = format!("{credential:?}");
    assert!(!debug.contains(&token(&credential)), "{debug}");
    // It is the gateway's, so everybody's, in every replica.
    let other = world.broker(&config);
    let again = other
        .credential("papers", &user("bob"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        again.value.expose_secret(),
        credential.value.expose_secret()
    );
    assert_eq!(requests(&provider), 1);
}

#[tokio::test]
async fn the_gateway_proves_itself_by_a_key() {
    let key = SigningKey::ec().unwrap();
    let provider = IdentityProvider::start(ProviderSettings {
        clients: vec![ProviderClient {
            id: "signer".to_owned(),
            keys: vec![key.jwk()],
            ..ProviderClient::default()
        }],
        ..ProviderSettings::default()
    });
    let provider = provider.await.unwrap();
    let world = World::new().await;
    let pem = key.private_pem().to_owned();
    world
        .secrets
        .0
        .lock()
        .unwrap()
        .insert("PEM".to_owned(), pem);
    let more = r#"client-id = "signer"
        key = "env:PEM"
        key-id = "one""#;
    let broker = world.broker(&config(provider.issuer(), more));
    let credential = broker
        .credential("papers", &user("ada"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(claims(&credential)["client_id"], "signer");
}

#[tokio::test]
async fn five_hundred_calls_cause_one_request_at_first_and_one_at_the_end() {
    let provider = IdentityProvider::start(ProviderSettings {
        token_lifetime: 600,
        ..ProviderSettings::default()
    });
    let provider = provider.await.unwrap();
    let world = World::new().await;
    let broker = Arc::new(world.broker(&config(provider.issuer(), SECRET)));
    let first = all_at_once(&broker, 500).await;
    assert_eq!(requests(&provider), 1);
    world.clock.pass(601);
    let second = all_at_once(&broker, 500).await;
    assert_ne!(first, second);
    assert_eq!(requests(&provider), 2);
}

#[tokio::test]
async fn a_token_is_not_used_longer_than_configured() {
    let provider = IdentityProvider::start(ProviderSettings::default())
        .await
        .unwrap();
    let world = World::new().await;
    let more = format!("{SECRET}\nmax-token-age = \"60s\"");
    let broker = Arc::new(world.broker(&config(provider.issuer(), &more)));
    let first = all_at_once(&broker, 1).await;
    world.clock.pass(61);
    assert_ne!(all_at_once(&broker, 1).await, first);
}

#[tokio::test]
async fn a_token_that_may_do_more_is_refused() {
    let provider = IdentityProvider::start(ProviderSettings::default())
        .await
        .unwrap();
    provider.misbehave(Misbehaviour::WiderScope(vec!["papers.write".to_owned()]));
    let world = World::new().await;
    let broker = world.broker(&config(provider.issuer(), SECRET));
    let credential = broker.credential("papers", &user("ada")).await;
    assert_eq!(needed(credential), refused(Reason::Scope));
}

#[tokio::test]
async fn an_issuer_that_is_away_is_not_asked_all_the_time() {
    let provider = IdentityProvider::start(ProviderSettings::default())
        .await
        .unwrap();
    provider.misbehave(Misbehaviour::Broken {
        endpoint: Endpoint::Token,
        how: Fault::Status(503),
    });
    let world = World::new().await;
    let broker = world.broker(&config(provider.issuer(), SECRET));
    for _ in 0..5 {
        let credential = broker.credential("papers", &user("ada")).await;
        assert_eq!(needed(credential).code(), "credential-unavailable");
    }
    assert_eq!(requests(&provider), 1);
    provider.behave();
    world.clock.pass(10);
    broker
        .credential("papers", &user("ada"))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_wrong_secret_is_the_gateways_fault_and_a_new_one_counts_at_once() {
    let provider = IdentityProvider::start(ProviderSettings::default())
        .await
        .unwrap();
    let world = World::new().await;
    let set = |value: &str| {
        let mut secrets = world.secrets.0.lock().unwrap();
        secrets.insert("PROVIDER".to_owned(), value.to_owned());
    };
    set("wrong");
    let broker = world.broker(&config(provider.issuer(), SECRET));
    let credential = broker.credential("papers", &user("ada")).await;
    assert_eq!(needed(credential), refused(Reason::Client));
    set("lab-provider-secret");
    world.clock.pass(3);
    broker
        .credential("papers", &user("ada"))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn servers_without_tokens_get_none_and_unknown_ones_are_refused() {
    let world = World::new().await;
    let config = "[servers.plain]\nurl = \"http://127.0.0.1:9/mcp\"\n";
    let broker = world.broker(config);
    assert!(
        broker
            .credential("plain", &user("ada"))
            .await
            .unwrap()
            .is_none()
    );
    let credential = broker.credential("other", &user("ada")).await;
    assert_eq!(needed(credential), refused(Reason::UnknownServer));
}
