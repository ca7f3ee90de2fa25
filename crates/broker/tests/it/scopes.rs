//! What a user is asked to grant when a server wants more than its token has.

use portcullis_broker::{Broker, Credential, Needed, Reason, Rejected, Retry, Visit};
use portcullis_lab::identity_provider::{IdentityProvider, Misbehaviour, ProviderSettings};
use portcullis_token::challenge;
use secrecy::SecretString;
use serde_json::json;

use crate::browser::browse;
use crate::mcp::Mcp;
use crate::world::{World, needed, refused, user};

const BROWSER: &str = "a-mark-of-at-least-128-bits";

struct Scene {
    provider: IdentityProvider,
    _mcp: Mcp,
    world: World,
    broker: Broker,
}

impl Scene {
    async fn new(more: &str) -> Self {
        let provider = IdentityProvider::start(ProviderSettings::default());
        let provider = provider.await.unwrap();
        let mcp = Mcp::start(&[provider.issuer()]).await;
        let world = World::new().await;
        let broker = world.broker(&format!(
            r#"
            [servers.papers]
            url = "{}"
            [servers.papers.auth]
            kind = "user-grant"
            issuer = "{}"
            client-id = "gateway"
            client-secret = "env:PROVIDER"
            {more}
            "#,
            mcp.url(),
            provider.issuer()
        ));
        Self {
            provider,
            _mcp: mcp,
            world,
            broker,
        }
    }

    async fn signs_in(&self, scopes: &[String]) -> Vec<String> {
        let browser = SecretString::from(BROWSER);
        let visit = Visit {
            browser: &browser,
            return_to: None,
            scopes,
            claims: None,
        };
        let begun = self.broker.begin("papers", &user("ada"), &visit).await;
        let query = browse(&begun.unwrap().url).await;
        self.broker.complete(&query, &browser).await.unwrap().scopes
    }

    async fn credential(&self) -> Credential {
        let credential = self.broker.credential("papers", &user("ada")).await;
        credential.unwrap().unwrap()
    }

    async fn rejected(&self, used: &Credential, status: u16, challenge: &str) -> Retry {
        let rejected = Rejected {
            status: http::StatusCode::from_u16(status).unwrap(),
            challenges: &challenge::parse(challenge).unwrap(),
        };
        let broker = &self.broker;
        broker
            .rejected("papers", &user("ada"), used, &rejected)
            .await
    }

    /// What the user has to grant after a 403 that names this scope.
    async fn steps_up(&self, used: &Credential, scope: &str) -> Needed {
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
        of(self.rejected(used, 403, &challenge).await)
    }
}

fn of(retry: Retry) -> Needed {
    match retry {
        Retry::Needed(needed) => needed,
        other => panic!("{other:?}"),
    }
}

fn scopes(needed: Needed) -> Vec<String> {
    match needed {
        Needed::Scope { server, scopes } if server == "papers" => scopes,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_has_not_signed_in_yet_is_asked_for_all_that_was_named() {
    let scene = Scene::new("").await;
    scene.signs_in(&[]).await;
    let used = scene.credential().await;
    // A host may call again and again before its user gets to it.
    for _ in 0..5 {
        let asked = scopes(scene.steps_up(&used, "papers.write").await);
        assert_eq!(asked, ["tools.read", "papers.write"]);
    }
    // Another call needs something else: one sign-in brings both.
    let asked = scopes(scene.steps_up(&used, "papers.share").await);
    let all = ["tools.read", "papers.share", "papers.write"];
    assert_eq!(asked, all);
    let granted = scene.signs_in(&asked).await;
    assert!(all.iter().all(|scope| granted.iter().any(|it| it == scope)));
    // A server that goes on asking is not obeyed for ever.
    let used = scene.credential().await;
    assert_eq!(
        scene.steps_up(&used, "papers.delete").await,
        refused(Reason::Scope)
    );
}

#[tokio::test]
async fn a_token_that_is_renewed_and_still_lacks_scopes_needs_a_sign_in() {
    let scene = Scene::new("").await;
    scene.signs_in(&[]).await;
    let challenge = "Bearer scope=\"papers.write\"";
    let first = scene.credential().await;
    let Retry::With(second) = scene.rejected(&first, 401, challenge).await else {
        panic!("it is not renewed");
    };
    let asked = scopes(of(scene.rejected(&second, 401, challenge).await));
    assert_eq!(asked, ["tools.read", "papers.write"]);
    // What it has already is no reason.
    let challenge = "Bearer scope=\"tools.read\"";
    assert_eq!(
        of(scene.rejected(&second, 401, challenge).await),
        refused(Reason::Rejected)
    );
}

#[tokio::test]
async fn a_grant_that_ended_is_asked_for_with_all_scopes() {
    let scene = Scene::new("").await;
    // There is nothing to renew it with.
    let no_refresh = json!({"refresh_token": null});
    let provider = &scene.provider;
    provider.misbehave(Misbehaviour::TokenResponse(no_refresh));
    scene.signs_in(&[]).await;
    let used = scene.credential().await;
    let challenge = "Bearer error=\"invalid_token\", scope=\"papers.write\"";
    let asked = scopes(of(scene.rejected(&used, 401, challenge).await));
    assert_eq!(asked, ["tools.read", "papers.write"]);
}

#[tokio::test]
async fn no_challenge_leads_beyond_the_configuration() {
    let scene = Scene::new("scopes = [\"tools.read\"]").await;
    scene.signs_in(&[]).await;
    let used = scene.credential().await;
    assert_eq!(
        scene.steps_up(&used, "papers.write").await,
        refused(Reason::Scope)
    );
    let challenge = "Bearer scope=\"papers.write\"";
    let Retry::With(second) = scene.rejected(&used, 401, challenge).await else {
        panic!("it is not renewed");
    };
    assert_eq!(
        of(scene.rejected(&second, 401, challenge).await),
        refused(Reason::Rejected)
    );
    // An hour later the same user has what it had.
    scene.world.clock.pass(7200);
    let credential = scene.broker.credential("papers", &user("ada")).await;
    assert!(credential.is_ok(), "{:?}", needed(credential));
}
