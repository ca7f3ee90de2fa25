//! Who is revoked has no credential from then on.

use portcullis_broker::{Broker, Caller, Reason};
use portcullis_lab::identity_provider::{IdentityProvider, ProviderSettings};
use portcullis_store::{Revocation, RevocationKind, RevocationStore as _};
use portcullis_token::identity::PrincipalKind;

use crate::world::{World, needed, refused, user};

fn broker(world: &World, provider: &IdentityProvider) -> Broker {
    world.broker(&format!(
        r#"
        [servers.papers]
        url = "http://127.0.0.1:9/mcp"
        [servers.papers.auth]
        kind = "client-credentials"
        issuer = "{}"
        client-id = "gateway"
        client-secret = "env:PROVIDER"
        scopes = ["papers.read"]
        [servers.plain]
        url = "http://127.0.0.1:9/mcp"
        "#,
        provider.issuer()
    ))
}

fn revoked(kind: RevocationKind, key: &str, at_us: i64) -> Revocation {
    Revocation {
        kind,
        key: key.to_owned(),
        at_us,
        reason: "a test".to_owned(),
        by: "operator".to_owned(),
        expires_us: None,
    }
}

#[tokio::test]
async fn who_is_revoked_has_no_credential_from_then_on() {
    let provider = IdentityProvider::start(ProviderSettings::default())
        .await
        .unwrap();
    let world = World::new().await;
    let broker = broker(&world, &provider);
    let actors = ["helper".to_owned()];
    let ada = Caller {
        client: Some("host"),
        token_id: Some("t-1"),
        actors: &actors,
        ..user("ada")
    };
    let cases = [
        (RevocationKind::User, "ada", ada),
        (RevocationKind::Agent, "helper", ada),
        (RevocationKind::Client, "host", ada),
        (RevocationKind::Token, "t-1", ada),
        (RevocationKind::Server, "papers", ada),
        (
            RevocationKind::Workload,
            "job",
            Caller {
                kind: PrincipalKind::Workload,
                ..user("job")
            },
        ),
    ];
    for (kind, key, caller) in cases {
        broker.credential("papers", &caller).await.unwrap().unwrap();
        let revocation = revoked(kind, key, 1);
        world.store.revoke(&revocation).await.unwrap();
        world.clock.pass(1);
        let credential = broker.credential("papers", &caller).await;
        assert_eq!(needed(credential), refused(Reason::Revoked), "{kind:?}");
        let plain = broker.credential("plain", &caller).await;
        assert_eq!(plain.is_err(), kind != RevocationKind::Server, "{kind:?}");
        // Others are not concerned, but for a revoked server.
        let eve = broker.credential("papers", &user("eve")).await;
        assert_eq!(eve.is_ok(), kind != RevocationKind::Server, "{kind:?}");
        world.store.lift_revocation(kind, key).await.unwrap();
        world.clock.pass(1);
        broker.credential("papers", &caller).await.unwrap().unwrap();
    }
}

/// Who signed in anew is believed again, as the gateway does; one token and a server are not.
#[tokio::test]
async fn what_was_issued_after_the_revocation_counts() {
    let provider = IdentityProvider::start(ProviderSettings::default())
        .await
        .unwrap();
    let world = World::new().await;
    let broker = broker(&world, &provider);
    let actors = ["helper".to_owned()];
    for (kind, key, is_forgiven) in [
        (RevocationKind::User, "ada", true),
        (RevocationKind::Agent, "helper", true),
        (RevocationKind::Client, "host", true),
        (RevocationKind::Token, "t-1", false),
        (RevocationKind::Server, "papers", false),
    ] {
        let revocation = revoked(kind, key, 1_000_500_000);
        world.store.revoke(&revocation).await.unwrap();
        world.clock.pass(1);
        for (issued, is_later) in [(None, false), (Some(1_000), false), (Some(1_001), true)] {
            let ada = Caller {
                client: Some("host"),
                token_id: Some("t-1"),
                actors: &actors,
                issued,
                ..user("ada")
            };
            let credential = broker.credential("papers", &ada).await;
            let is_believed = is_later && is_forgiven;
            assert_eq!(credential.is_ok(), is_believed, "{kind:?} {issued:?}");
        }
        world.store.lift_revocation(kind, key).await.unwrap();
        world.clock.pass(1);
    }
}
