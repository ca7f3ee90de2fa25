use portcullis_store::Sqlite;

use super::*;
use crate::authn::tests::signed_in;

async fn revoked(
    kind: RevocationKind,
    key: &str,
    at_us: i64,
    expires_us: Option<i64>,
) -> Revocations {
    let store = Sqlite::open_in_memory().await.unwrap();
    let revocations = Revocations::open(Arc::new(store.clone())).await.unwrap();
    let mut changes = revocations.changes();
    assert!(!revocations.refresh().await.unwrap());
    store
        .revoke(&Revocation {
            kind,
            key: key.to_owned(),
            at_us,
            reason: "test".to_owned(),
            by: "ada".to_owned(),
            expires_us,
        })
        .await
        .unwrap();
    assert!(revocations.refresh().await.unwrap());
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    assert!(!revocations.refresh().await.unwrap());
    assert!(!changes.has_changed().unwrap());
    revocations
}

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
const NOW: i64 = 1_800_000_000;
const AT: i64 = NOW * SECOND;

#[tokio::test]
async fn a_person_an_application_an_agent_and_a_token_can_be_revoked() {
    let ada = signed_in("company:ada", NOW);
    let bob = signed_in("company:bob", NOW);
    for (kind, key) in [
        (RevocationKind::User, "company:ada"),
        (RevocationKind::Client, "editor"),
        (RevocationKind::Agent, "assistant"),
        (RevocationKind::Token, "token of company:ada"),
        (RevocationKind::Token, "digest of company:ada"),
    ] {
        let revocations = revoked(kind, key, AT, None).await;
        assert!(revocations.stops(&ada), "{kind:?}");
        let all = matches!(kind, RevocationKind::Client | RevocationKind::Agent);
        assert_eq!(revocations.stops(&bob), all, "{kind:?}");
    }
    // A name of another kind is another name.
    let revocations = revoked(RevocationKind::Workload, "company:ada", AT, None).await;
    assert!(!revocations.stops(&ada));
}

#[tokio::test]
async fn a_token_that_was_issued_later_is_believed() {
    for (at, stops) in [
        (AT, true),
        (AT - 1, false),
        (AT + 999_999, true),
        (AT - SECOND, false),
    ] {
        let revocations = revoked(RevocationKind::User, "company:ada", at, None).await;
        assert_eq!(
            revocations.stops(&signed_in("company:ada", NOW)),
            stops,
            "{at}"
        );
    }
    // One token is one token, whenever it was issued.
    let revocations = revoked(RevocationKind::Token, "token of company:ada", 0, None).await;
    assert!(revocations.stops(&signed_in("company:ada", NOW)));
}

#[tokio::test]
async fn a_revocation_ends_with_its_time() {
    let revocations = revoked(RevocationKind::Server, "papers", AT, Some(i64::MAX)).await;
    assert!(revocations.stops_server("papers"));
    assert!(!revocations.stops_server("mail"));
    let soon = clock::unix_micros() + 200_000;
    let revocations = revoked(RevocationKind::Server, "papers", 0, Some(soon)).await;
    assert!(revocations.stops_server("papers"));
    while clock::unix_micros() <= soon {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(!revocations.stops_server("papers"));
}
