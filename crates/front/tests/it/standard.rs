//! The front door before an issuer of the usual kind, which takes `resource`, names itself in its
//! answers and replaces refresh tokens.

use std::sync::Arc;
use std::time::Duration;

use portcullis_config::parse;
use portcullis_egress::{Client, Settings};
use portcullis_front::{Front, Upstream};
use portcullis_lab::identity_provider::{
    IdentityProvider, Misbehaviour, ProviderClient, ProviderSettings,
};
use portcullis_oauth::{ClientAuth, ClientIdentity, Discovery, DiscoverySettings};

use crate::browser::{Browser, code, redeem, refresh};
use crate::world::{BASE, RESOURCE, World};

/// A world whose issuer is a standard one, under the same name.
async fn world() -> (World, IdentityProvider) {
    let settings = ProviderSettings {
        clients: vec![ProviderClient {
            id: "gateway".to_owned(),
            secret: Some("lab-provider-secret".to_owned()),
            redirect_uris: vec!["http://127.0.0.1/oauth/entra/callback".to_owned()],
            ..ProviderClient::default()
        }],
        ..ProviderSettings::default()
    };
    let provider = IdentityProvider::start(settings).await.unwrap();
    let mut world = World::new().await;
    let text = format!(
        r#"
[listen]
public-url = "{BASE}"
[authn.issuers.entra]
kind = "oidc"
issuer = "{issuer}"
[authn.issuers.entra.client]
id = "gateway"
secret = "env:SECRET"
[authn.issuers.entra.front-door]
[authn.issuers.entra.front-door.clients]
workbench = ["http://127.0.0.1/callback"]
[servers.papers]
command = "true"
[profiles.research]
servers = ["papers"]
scopes = ["tools.read"]
"#,
        issuer = provider.issuer(),
    );
    world.config = parse(&text).unwrap_or_else(|problems| panic!("{problems:?}"));
    let http = Client::new(&Settings {
        use_system_roots: false,
        ..Settings::default()
    })
    .unwrap();
    let settings = DiscoverySettings {
        pause: Duration::ZERO,
        ..DiscoverySettings::default()
    };
    let discovery = Discovery::new(http.clone(), settings, Arc::clone(&world.clock) as _);
    let secret = ClientAuth::SecretBasic("lab-provider-secret".into());
    let upstream = Upstream {
        http,
        discovery: Arc::new(discovery),
        identity: Arc::new(ClientIdentity::new("gateway", secret).unwrap()),
    };
    world.context.upstreams.insert("entra".to_owned(), upstream);
    world.front = Front::new(&world.config, BASE, world.context.clone()).unwrap();
    (world, provider)
}

#[tokio::test]
async fn the_issuer_is_told_the_resource_and_its_answer_is_held_to_its_name() {
    let (world, provider) = world().await;
    let mut browser = Browser::default();
    let asks = browser.authorize(&world.front, &[]).await;
    let onward = browser.allow(&world.front, &asks).await;
    assert_eq!(onward.parameter("resource").as_deref(), Some(RESOURCE));
    let back = browser.at_issuer(&onward).await;
    assert!(back.query().unwrap().contains("iss="));
    assert_eq!(browser.get(&world.front, back.as_str()).await.status, 302);
    // RFC 9207: no name, and another one.
    for name in [None, Some("https://evil.example".to_owned())] {
        let rule = match name {
            None => "sign-in-issuer-missing",
            Some(_) => "sign-in-issuer-wrong",
        };
        provider.misbehave(Misbehaviour::Iss(name));
        let asks = browser.authorize(&world.front, &[]).await;
        let onward = browser.allow(&world.front, &asks).await;
        let back = browser.at_issuer(&onward).await;
        let page = browser.get(&world.front, back.as_str()).await;
        assert_eq!(page.rule(), rule);
        provider.behave();
    }
    // The person says no there.
    provider.misbehave(Misbehaviour::AuthorizationError("access_denied".to_owned()));
    let denied = browser.sign_in(&world.front, &[]).await;
    assert_eq!(denied.parameter("error").as_deref(), Some("access_denied"));
}

#[tokio::test]
async fn a_replayed_refresh_token_is_given_back_to_its_issuer() {
    let (world, provider) = world().await;
    let code = code(&world, &[]).await;
    let first = redeem(&world.front, &code, &[]).await.json();
    let token = first["refresh_token"].as_str().unwrap();
    let second = refresh(&world.front, token, &[]).await;
    assert_eq!(second.status, 200, "{}", second.body);
    let endpoint = url::Url::parse(provider.endpoint("revocation_endpoint").unwrap()).unwrap();
    assert_eq!(provider.requests(endpoint.path()), 0);
    assert_eq!(refresh(&world.front, token, &[]).await.status, 400);
    assert_eq!(provider.requests(endpoint.path()), 1);
}
