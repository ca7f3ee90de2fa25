//! Which client the gateway is where users sign in and nobody registered it.

use portcullis_broker::{Broker, SignInError, Visit};
use portcullis_lab::identity_provider::{IdentityProvider, Misbehaviour, ProviderSettings};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use crate::browser::{browse, parameter};
use crate::mcp::Mcp;
use crate::world::{CALLBACK, World, user};

const BROWSER: &str = "a-mark-of-at-least-128-bits";
const DOCUMENT: &str = "https://gw.example.com/connect/client.json";

struct Scene {
    provider: IdentityProvider,
    mcp: Mcp,
    world: World,
}

impl Scene {
    async fn new() -> Self {
        let provider = IdentityProvider::start(ProviderSettings {
            token_lifetime: 600,
            ..ProviderSettings::default()
        });
        let provider = provider.await.unwrap();
        let mcp = Mcp::start(&[provider.issuer()]).await;
        let mut world = World::new().await;
        world.own.may_register = true;
        Self {
            provider,
            mcp,
            world,
        }
    }

    fn broker(&self, more: &str) -> Broker {
        self.world.broker(&format!(
            r#"
            [servers.papers]
            url = "{}"
            [servers.papers.auth]
            kind = "user-grant"
            issuer = "{}"
            {more}
            "#,
            self.mcp.url(),
            self.provider.issuer()
        ))
    }

    /// The server's metadata have this member.
    fn says(&self, member: &str, value: Value) {
        self.provider.misbehave(Misbehaviour::Metadata {
            member: member.to_owned(),
            value: Some(value),
        });
    }

    fn asked(&self, endpoint: &str) -> Vec<portcullis_lab::Asked> {
        let url = self.provider.endpoint(endpoint).unwrap();
        let path = url.strip_prefix(self.provider.base_url()).unwrap();
        self.provider.asked(path)
    }
}

async fn begin(broker: &Broker) -> Result<Url, SignInError> {
    let browser = SecretString::from(BROWSER);
    let visit = Visit {
        browser: &browser,
        return_to: None,
        scopes: &[],
        claims: None,
    };
    let begun = broker.begin("papers", &user("ada"), &visit).await?;
    Ok(begun.url)
}

/// The client id of a sign-in that goes through.
async fn signs_in(broker: &Broker) -> String {
    let url = begin(broker).await.unwrap();
    let query = browse(&url).await;
    let browser = SecretString::from(BROWSER);
    broker.complete(&query, &browser).await.unwrap();
    let credential = broker.credential("papers", &user("ada")).await;
    assert!(credential.unwrap().is_some());
    parameter(&url, "client_id").unwrap()
}

#[tokio::test]
async fn a_document_is_preferred_to_a_registration() {
    let mut scene = Scene::new().await;
    scene.world.own.document = Some(Url::parse(DOCUMENT).unwrap());
    let broker = scene.broker("");
    assert_eq!(signs_in(&broker).await, DOCUMENT);
    assert!(scene.asked("registration_endpoint").is_empty());
    // It says what the sign-in says.
    let document: Value = serde_json::from_str(&broker.client_document().unwrap()).unwrap();
    assert_eq!(document["client_id"], DOCUMENT);
    assert_eq!(document["redirect_uris"], json!([CALLBACK]));
    assert_eq!(document["token_endpoint_auth_method"], "none");
    // Another one, or none, where the configuration says so.
    let other = "https://elsewhere.example.com/client.json";
    let broker = scene.broker(&format!("client-document = \"{other}\""));
    assert_eq!(signs_in(&broker).await, other);
    let broker = scene.broker("client-document = \"none\"");
    assert!(!signs_in(&broker).await.starts_with("https:"));
    assert_eq!(scene.asked("registration_endpoint").len(), 1);
}

#[tokio::test]
async fn a_server_that_takes_no_documents_gets_a_registration() {
    let mut scene = Scene::new().await;
    scene.world.own.document = Some(Url::parse(DOCUMENT).unwrap());
    scene.says("client_id_metadata_document_supported", json!(false));
    let registered = signs_in(&scene.broker("")).await;
    assert!(!registered.starts_with("https:"), "{registered}");
    // Its grants would be worth nothing to another client: it goes on when the server takes
    // documents, too.
    scene.provider.behave();
    let broker = scene.broker("");
    assert_eq!(signs_in(&broker).await, registered);
    scene.world.clock.pass(601);
    let credential = broker.credential("papers", &user("ada")).await;
    assert!(credential.unwrap().is_some());
    // And without both, there is no client.
    scene.world.own.may_register = false;
    let error = begin(&scene.broker("client-document = \"none\"")).await;
    assert_eq!(error.unwrap_err().code(), "client-refused");
}

/// A terminal signs users in as another client than the gateway, since it comes back elsewhere.
#[tokio::test]
async fn a_grant_is_renewed_as_the_client_that_it_was_given_to() {
    let mut scene = Scene::new().await;
    let gateway = scene.world.own.callback.clone();
    scene.world.own.callback = Url::parse(&format!("{CALLBACK}/terminal")).unwrap();
    let terminal = signs_in(&scene.broker("")).await;
    scene.world.own.callback = gateway;
    scene.world.clock.pass(601);
    let broker = scene.broker("");
    let credential = broker.credential("papers", &user("ada")).await;
    assert!(credential.unwrap().is_some());
    let ids = |endpoint: &str| -> Vec<String> {
        let asked = scene.asked(endpoint);
        let id = |asked: &portcullis_lab::Asked| asked.form().get("client_id").map(str::to_owned);
        asked.iter().filter_map(id).collect()
    };
    assert_eq!(ids("token_endpoint"), [terminal.clone(), terminal.clone()]);
    // And given back as that one.
    let all = portcullis_broker::GrantFilter::default();
    let ended = broker.disconnect(&all).await.unwrap();
    let outcomes: Vec<_> = ended.iter().map(|one| one.at_server).collect();
    assert_eq!(outcomes, [portcullis_broker::AtServer::Revoked]);
    assert!(ids("revocation_endpoint").iter().all(|id| *id == terminal));
}

#[tokio::test]
async fn a_registration_uses_what_the_server_takes() {
    for (supported, in_header, in_form) in [
        (json!(["client_secret_post"]), false, true),
        (json!(["client_secret_basic"]), true, false),
        (json!(["client_secret_post", "none"]), false, false),
    ] {
        let scene = Scene::new().await;
        scene.says("token_endpoint_auth_methods_supported", supported.clone());
        signs_in(&scene.broker("")).await;
        // Each process reads the registration anew.
        scene.world.clock.pass(601);
        let broker = scene.broker("");
        let credential = broker.credential("papers", &user("ada")).await;
        assert!(credential.unwrap().is_some());
        let asked = scene.asked("token_endpoint");
        assert_eq!(asked.len(), 2);
        for asked in asked {
            let header = asked.header("authorization").is_some();
            let form = asked.form().get("client_secret").is_some();
            assert_eq!((header, form), (in_header, in_form), "{supported}");
        }
    }
}
