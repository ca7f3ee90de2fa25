//! Which authorization server a server's tokens come from: mix-up attacks.

use portcullis_broker::{Event, Reason};
use portcullis_lab::identity_provider::{IdentityProvider, Misbehaviour, ProviderSettings};
use serde_json::json;

use crate::mcp::Mcp;
use crate::world::{World, claims, needed, refused, user};

async fn provider() -> IdentityProvider {
    IdentityProvider::start(ProviderSettings::default())
        .await
        .unwrap()
}

fn config(mcp: &Mcp, more: &str) -> String {
    format!(
        r#"
        [servers.papers]
        url = "{}"
        [servers.papers.auth]
        kind = "client-credentials"
        client-id = "gateway"
        client-secret = "env:PROVIDER"
        {more}
        "#,
        mcp.url()
    )
}

fn changed(events: &[Event]) -> usize {
    let is = |event: &&Event| matches!(event, Event::IssuerChanged { .. });
    events.iter().filter(is).count()
}

#[tokio::test]
async fn the_server_must_name_the_expected_issuer() {
    let (honest, evil) = (provider().await, provider().await);
    let mcp = Mcp::start(&[honest.issuer()]).await;
    let world = World::new().await;
    let identity = format!(
        "[servers.papers.identity]\nissuer = \"{}\"",
        honest.issuer()
    );
    let broker = world.broker(&config(&mcp, &identity));
    let credential = broker
        .credential("papers", &user("ada"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(claims(&credential)["iss"], honest.issuer());
    assert_eq!(changed(&world.events()), 0);

    mcp.names(&[evil.issuer()]);
    let other = world.broker(&config(&mcp, &identity));
    for _ in 0..3 {
        let credential = other.credential("papers", &user("ada")).await;
        assert_eq!(needed(credential), refused(Reason::IssuerChanged));
    }
    let events = world.events();
    assert_eq!(changed(&events), 1, "{events:?}");
    let token_path = evil.endpoint("token_endpoint").unwrap();
    assert_eq!(
        evil.requests(token_path.strip_prefix(evil.base_url()).unwrap()),
        0
    );
}

#[tokio::test]
async fn a_server_is_bound_to_the_issuer_that_it_named_first() {
    let (honest, evil) = (provider().await, provider().await);
    let mcp = Mcp::start(&[honest.issuer()]).await;
    let mut world = World::new().await;
    world.is_open = true;
    let broker = world.broker(&config(&mcp, ""));
    let credential = broker
        .credential("papers", &user("ada"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(claims(&credential)["iss"], honest.issuer());
    assert_eq!(claims(&credential)["scope"], "tools.read");
    let bound = Event::IssuerBound {
        server: "papers".to_owned(),
        issuer: honest.issuer().to_owned(),
    };
    assert!(world.events().contains(&bound));

    // After a restart it names another one, which would get the gateway's secret.
    mcp.names(&[evil.issuer()]);
    let restarted = world.broker(&config(&mcp, ""));
    let credential = restarted.credential("papers", &user("ada")).await;
    assert_eq!(needed(credential), refused(Reason::IssuerChanged));
    assert_eq!(changed(&world.events()), 1);
    let token_path = evil.endpoint("token_endpoint").unwrap();
    assert_eq!(
        evil.requests(token_path.strip_prefix(evil.base_url()).unwrap()),
        0
    );
    // Named beside the first one it is no change.
    mcp.names(&[evil.issuer(), honest.issuer()]);
    world
        .broker(&config(&mcp, ""))
        .credential("papers", &user("ada"))
        .await
        .unwrap();
}

#[tokio::test]
async fn what_a_server_names_may_not_lead_inside() {
    let honest = provider().await;
    let mcp = Mcp::start(&[honest.issuer()]).await;
    let world = World::new().await;
    // The server is the operator's word, and its issuer is not.
    let broker = world.broker(&config(&mcp, ""));
    let credential = broker.credential("papers", &user("ada")).await;
    assert_eq!(needed(credential), refused(Reason::AuthorizationServer));
    mcp.names(&["http://169.254.169.254/latest"]);
    let broker = world.broker(&config(&mcp, ""));
    assert!(broker.credential("papers", &user("ada")).await.is_err());
}

#[tokio::test]
async fn metadata_of_another_issuer_are_refused() {
    let honest = provider().await;
    honest.misbehave(Misbehaviour::Metadata {
        member: "issuer".to_owned(),
        value: Some(json!("https://evil.example.com")),
    });
    let mcp = Mcp::start(&[]).await;
    let world = World::new().await;
    let broker = world.broker(&config(&mcp, &format!("issuer = \"{}\"", honest.issuer())));
    let credential = broker.credential("papers", &user("ada")).await;
    assert_eq!(needed(credential), refused(Reason::IssuerChanged));
}

#[tokio::test]
async fn the_challenge_says_where_to_look_and_what_to_ask_for() {
    let honest = provider().await;
    let mcp = Mcp::start(&[honest.issuer()]).await;
    let place = mcp.url().replace("/mcp", "/elsewhere");
    mcp.challenges(&format!(
        "Bearer resource_metadata=\"{place}\", scope=\"papers.search\""
    ));
    let world = World::new().await;
    let identity = format!(
        "[servers.papers.identity]\nissuer = \"{}\"",
        honest.issuer()
    );
    let broker = world.broker(&config(&mcp, &identity));
    let credential = broker
        .credential("papers", &user("ada"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(claims(&credential)["scope"], "papers.search");
    let asked = mcp.asked();
    assert!(asked[0].starts_with("POST /mcp "), "{asked:?}");
    assert!(asked[1].starts_with("GET /elsewhere "), "{asked:?}");
    assert_eq!(asked.len(), 2);
}
