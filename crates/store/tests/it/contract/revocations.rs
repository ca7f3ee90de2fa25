use std::sync::Arc;

use portcullis_store::{Revocation, RevocationKind, RevocationStore};

type Store = Arc<dyn RevocationStore>;

pub(crate) fn revocation(kind: RevocationKind, key: &str, at_us: i64) -> Revocation {
    Revocation {
        kind,
        key: key.into(),
        at_us,
        reason: format!("at {at_us}"),
        by: format!("operator {at_us}"),
        expires_us: Some(100),
    }
}

pub(crate) async fn a_revocation_reads_as_it_was_made(store: Store) {
    assert!(store.revocations(0).await.unwrap().is_empty());
    let mut made: Vec<_> = RevocationKind::ALL
        .into_iter()
        .map(|kind| revocation(kind, "odd \u{0}\u{1a}'", 7))
        .collect();
    made[0].expires_us = None;
    for revocation in made.iter().rev() {
        store.revoke(revocation).await.unwrap();
    }
    assert_eq!(store.revocations(0).await.unwrap(), made);
}

pub(crate) async fn the_later_revocation_counts(store: Store) {
    let user = |at_us, expires_us| Revocation {
        expires_us,
        ..revocation(RevocationKind::User, "ada", at_us)
    };
    for (made, expected) in [
        (user(10, Some(50)), user(10, Some(50))),
        (user(20, Some(40)), user(20, Some(50))),
        (user(15, Some(60)), user(20, Some(60))),
        (user(5, None), user(20, None)),
        (user(30, Some(90)), user(30, None)),
    ] {
        store.revoke(&made).await.unwrap();
        assert_eq!(
            store.revocations(0).await.unwrap(),
            std::slice::from_ref(&expected),
            "{made:?}"
        );
    }
}

pub(crate) async fn the_revocation_generation_grows(store: Store) {
    let mut last = store.revocation_generation().await.unwrap();
    let first = revocation(RevocationKind::Token, "t", 1);
    for _ in 0..2 {
        let told = store.revoke(&first).await.unwrap();
        assert!(told > last);
        assert_eq!(store.revocation_generation().await.unwrap(), told);
        last = told;
    }
    assert!(
        !store
            .lift_revocation(RevocationKind::Family, "t")
            .await
            .unwrap()
    );
    assert_eq!(store.revocation_generation().await.unwrap(), last);
    assert!(
        store
            .lift_revocation(RevocationKind::Token, "t")
            .await
            .unwrap()
    );
    assert!(store.revocation_generation().await.unwrap() > last);
    assert!(store.revocations(0).await.unwrap().is_empty());
}

pub(crate) async fn an_expired_revocation_is_not_in_force(store: Store) {
    let forever = Revocation {
        expires_us: None,
        ..revocation(RevocationKind::User, "ada", 1)
    };
    let ends = revocation(RevocationKind::Token, "t", 1);
    store.revoke(&forever).await.unwrap();
    store.revoke(&ends).await.unwrap();
    assert_eq!(
        store.revocations(99).await.unwrap(),
        [ends.clone(), forever.clone()]
    );
    assert_eq!(
        store.revocations(100).await.unwrap(),
        std::slice::from_ref(&forever)
    );
    assert_eq!(store.purge_revocations(99).await.unwrap(), 0);
    assert_eq!(store.purge_revocations(100).await.unwrap(), 1);
    assert_eq!(store.revocations(0).await.unwrap(), [forever]);
}
