//! What tokens are for: what the server publishes, unless the configuration says it.

use portcullis_broker::{Broker, SignInError, Visit};
use portcullis_lab::identity_provider::{IdentityProvider, ProviderSettings};
use secrecy::SecretString;
use url::Url;

use crate::browser::{browse, parameter};
use crate::mcp::Mcp;
use crate::world::{World, claims, user};

const BROWSER: &str = "a-mark-of-at-least-128-bits";

struct Scene {
    provider: IdentityProvider,
    mcp: Mcp,
    world: World,
}

impl Scene {
    async fn new() -> Self {
        let provider = IdentityProvider::start(ProviderSettings::default());
        let provider = provider.await.unwrap();
        let mcp = Mcp::start(&[provider.issuer()]).await;
        Self {
            provider,
            mcp,
            world: World::new().await,
        }
    }

    fn broker(&self, auth: &str) -> Broker {
        self.world.broker(&format!(
            r#"
            [servers.papers]
            url = "{}"
            [servers.papers.auth]
            issuer = "{}"
            client-id = "gateway"
            client-secret = "env:PROVIDER"
            {auth}
            "#,
            self.mcp.url(),
            self.provider.issuer()
        ))
    }

    fn origin(&self) -> String {
        self.mcp.url().strip_suffix("/mcp").unwrap().to_owned()
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

const GRANT: &str = "kind = \"user-grant\"";
const OWN: &str = "kind = \"client-credentials\"";

#[tokio::test]
async fn a_wider_resource_of_the_same_origin_is_asked_for_as_published() {
    let scene = Scene::new().await;
    let origin = scene.origin();
    scene.mcp.is(&origin);
    let broker = scene.broker(GRANT);
    let url = begin(&broker).await.unwrap();
    assert_eq!(parameter(&url, "resource"), Some(origin.clone()));
    let browser = SecretString::from(BROWSER);
    let query = browse(&url).await;
    broker.complete(&query, &browser).await.unwrap();
    let credential = broker.credential("papers", &user("ada")).await;
    assert_eq!(claims(&credential.unwrap().unwrap())["aud"], origin);
    let own = scene.broker(OWN);
    let credential = own.credential("papers", &user("ada")).await;
    assert_eq!(claims(&credential.unwrap().unwrap())["aud"], origin);
}

#[tokio::test]
async fn the_configuration_has_the_last_word() {
    let scene = Scene::new().await;
    scene.mcp.is(&scene.origin());
    let own = scene.mcp.url();
    let broker = scene.broker(&format!("{GRANT}\nresource = \"{own}\""));
    let url = begin(&broker).await.unwrap();
    assert_eq!(parameter(&url, "resource"), Some(own.clone()));
    // Who names issuer and scopes is not sent to the server for the rest.
    let broker = scene.broker(&format!("{GRANT}\nscopes = [\"tools.read\"]"));
    let url = begin(&broker).await.unwrap();
    assert_eq!(parameter(&url, "resource"), Some(own));
}

#[tokio::test]
async fn a_server_speaks_for_no_other_resource() {
    let scene = Scene::new().await;
    let origin = scene.origin();
    for other in [
        "https://mail.example.com".to_owned(),
        format!("{origin}/other"),
        format!("{origin}/mc"),
        format!("{}/deeper", scene.mcp.url()),
    ] {
        scene.mcp.is(&other);
        let broker = scene.broker(GRANT);
        let url = begin(&broker).await.unwrap();
        assert_eq!(
            parameter(&url, "resource"),
            Some(scene.mcp.url()),
            "{other}"
        );
    }
}

#[tokio::test]
async fn what_was_published_holds_while_the_server_is_away() {
    let scene = Scene::new().await;
    let origin = scene.origin();
    scene.mcp.is(&origin);
    let broker = scene.broker(OWN);
    let credential = broker.credential("papers", &user("ada")).await;
    assert_eq!(claims(&credential.unwrap().unwrap())["aud"], origin);
    scene.mcp.is_away(true);
    // The document and what it said are old by then.
    scene.world.clock.pass(3601);
    let credential = broker.credential("papers", &user("ada")).await;
    assert_eq!(claims(&credential.unwrap().unwrap())["aud"], origin);
}
