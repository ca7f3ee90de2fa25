use std::sync::Arc;

use portcullis_store::{
    CredentialFilter, CredentialKey, CredentialRecord, CredentialState, Resealed, SealedCredential,
    VaultKey, VaultStore,
};

type Store = Arc<dyn VaultStore>;

pub(crate) fn key(principal: &str) -> CredentialKey {
    CredentialKey {
        tenant: "t".into(),
        principal: principal.into(),
        server: "crm".into(),
        issuer: "https://as.example.com".into(),
        kind: "user-grant".into(),
    }
}

pub(crate) fn credential(id: &str, principal: &str) -> SealedCredential {
    SealedCredential {
        record: CredentialRecord {
            id: id.into(),
            key: key(principal),
            key_id: "k1".into(),
            version: 1,
            state: CredentialState::Active,
            created_us: 10,
            updated_us: 10,
            expires_us: Some(100),
        },
        sealed: vec![0, 1, 255],
    }
}

pub(crate) fn resealed(content: u8) -> Resealed {
    Resealed {
        sealed: vec![content],
        key_id: "k2".into(),
        updated_us: 20,
        expires_us: None,
    }
}

fn vault_key(id: &str, created_us: i64) -> VaultKey {
    VaultKey {
        id: id.into(),
        provider: "file".into(),
        wrapped: vec![0, 7],
        created_us,
        retired_us: None,
    }
}

async fn add(store: &Store, credential: &SealedCredential) {
    assert!(store.add_credential(credential).await.unwrap());
}

async fn ids(store: &Store, filter: CredentialFilter) -> Vec<String> {
    let found = store.credentials(&filter).await.unwrap();
    found.into_iter().map(|record| record.id).collect()
}

pub(crate) async fn a_credential_reads_as_it_was_added(store: Store) {
    let odd = SealedCredential {
        record: CredentialRecord {
            key: CredentialKey {
                tenant: String::new(),
                principal: "ada \u{0}\u{1a}' \u{202e}".into(),
                ..key("")
            },
            expires_us: None,
            ..credential("a", "").record
        },
        sealed: (0..=255).collect(),
    };
    assert_eq!(store.credential(&odd.record.key).await.unwrap(), None);
    add(&store, &odd).await;
    assert_eq!(
        store.credential(&odd.record.key).await.unwrap(),
        Some(odd.clone())
    );
    assert_eq!(
        store.credential_by_id("a").await.unwrap(),
        Some(odd.clone())
    );
    assert_eq!(store.credential_by_id("A").await.unwrap(), None);
    let listed = store
        .credentials(&CredentialFilter::default())
        .await
        .unwrap();
    assert_eq!(listed, [odd.record]);
}

pub(crate) async fn a_key_has_one_active_credential(store: Store) {
    let first = credential("a", "ada");
    add(&store, &first).await;
    for refused in [credential("b", "ada"), credential("a", "bob")] {
        assert!(!store.add_credential(&refused).await.unwrap());
    }
    assert_eq!(store.credential(&key("ada")).await.unwrap(), Some(first));
    assert_eq!(store.credential(&key("bob")).await.unwrap(), None);

    // Each part of the key counts.
    let base = key("ada");
    let others = [
        CredentialKey {
            tenant: "u".into(),
            ..base.clone()
        },
        CredentialKey {
            server: "mail".into(),
            ..base.clone()
        },
        CredentialKey {
            issuer: "https://other.example".into(),
            ..base.clone()
        },
        CredentialKey {
            kind: "static".into(),
            ..base
        },
    ];
    for (key, id) in others.into_iter().zip(["c", "d", "e", "f"]) {
        assert_eq!(store.credential(&key).await.unwrap(), None, "{key:?}");
        let mut other = credential(id, "ada");
        other.record.key = key.clone();
        add(&store, &other).await;
        assert_eq!(store.credential(&key).await.unwrap(), Some(other));
    }
}

pub(crate) async fn a_replacement_needs_the_version(store: Store) {
    add(&store, &credential("a", "ada")).await;
    for (id, version) in [("a", 0), ("a", 2), ("b", 1)] {
        let replaced = store.replace_credential(id, version, &resealed(9)).await;
        assert!(!replaced.unwrap(), "{id} {version}");
    }
    assert_eq!(
        store.credential_by_id("a").await.unwrap(),
        Some(credential("a", "ada"))
    );
    assert!(
        store
            .replace_credential("a", 1, &resealed(2))
            .await
            .unwrap()
    );
    assert!(
        !store
            .replace_credential("a", 1, &resealed(3))
            .await
            .unwrap()
    );
    let read = store.credential_by_id("a").await.unwrap().unwrap();
    let expected = SealedCredential {
        record: CredentialRecord {
            key_id: "k2".into(),
            version: 2,
            updated_us: 20,
            expires_us: None,
            ..credential("a", "ada").record
        },
        sealed: vec![2],
    };
    assert_eq!(read, expected);
}

pub(crate) async fn of_many_replacements_one_counts(store: Store) {
    add(&store, &credential("a", "ada")).await;
    let tasks: Vec<_> = (0..16_u8)
        .map(|content| {
            let store = store.clone();
            tokio::spawn(async move {
                let replaced = store.replace_credential("a", 1, &resealed(content)).await;
                replaced.unwrap().then_some(content)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        winners.extend(task.await.unwrap());
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    let read = store.credential_by_id("a").await.unwrap().unwrap();
    assert_eq!((read.record.version, read.sealed), (2, winners));
}

pub(crate) async fn what_is_revoked_is_gone_for_good(store: Store) {
    add(&store, &credential("a", "ada")).await;
    assert!(!store.revoke_credential("b", 30).await.unwrap());
    assert!(store.revoke_credential("a", 30).await.unwrap());
    assert!(!store.revoke_credential("a", 40).await.unwrap());
    assert_eq!(store.credential(&key("ada")).await.unwrap(), None);
    let revoked = store.credential_by_id("a").await.unwrap().unwrap();
    assert!(revoked.sealed.is_empty());
    assert_eq!(revoked.record.state, CredentialState::Revoked);
    assert_eq!((revoked.record.version, revoked.record.updated_us), (2, 30));
    for version in [1, 2] {
        let replaced = store.replace_credential("a", version, &resealed(9)).await;
        assert!(!replaced.unwrap(), "a renewal under way brought it back");
    }

    // A new sign-in is a new credential.
    add(&store, &credential("b", "ada")).await;
    let active = store.credential(&key("ada")).await.unwrap().unwrap();
    assert_eq!(active.record.id, "b");
    assert!(store.delete_credential("a").await.unwrap());
    assert!(!store.delete_credential("a").await.unwrap());
    assert_eq!(ids(&store, CredentialFilter::default()).await, ["b"]);
}

pub(crate) async fn each_credential_filter_selects(store: Store) {
    add(&store, &credential("a", "ada")).await;
    let mut other = credential("b", "bob");
    other.record.key.tenant = "u".into();
    other.record.key.server = "mail".into();
    other.record.key.issuer = "i".into();
    other.record.key.kind = "static".into();
    other.record.key_id = "k2".into();
    other.record.expires_us = None;
    add(&store, &other).await;
    add(&store, &credential("c", "eve")).await;
    store.revoke_credential("c", 1).await.unwrap();

    let check = async |set: fn(&mut CredentialFilter), expected: &[&str]| {
        let mut filter = CredentialFilter::default();
        set(&mut filter);
        assert_eq!(ids(&store, filter.clone()).await, expected, "{filter:?}");
    };
    check(|_| (), &["a", "b", "c"]).await;
    check(|f| f.tenant = Some("u".into()), &["b"]).await;
    check(|f| f.principal = Some("ada".into()), &["a"]).await;
    check(|f| f.principal = Some("ad*".into()), &[]).await;
    check(|f| f.principal = Some("Ada".into()), &[]).await;
    check(|f| f.server = Some("crm".into()), &["a", "c"]).await;
    check(|f| f.issuer = Some("i".into()), &["b"]).await;
    check(|f| f.kind = Some("static".into()), &["b"]).await;
    check(|f| f.key_id = Some("k2".into()), &["b"]).await;
    check(|f| f.state = Some(CredentialState::Revoked), &["c"]).await;
    check(|f| f.expires_by_us = Some(100), &["a", "c"]).await;
    check(|f| f.expires_by_us = Some(99), &[]).await;
    check(|f| f.after = Some("a".into()), &["b", "c"]).await;
    check(|f| f.limit = Some(1), &["a"]).await;
    check(|f| f.limit = Some(usize::MAX), &["a", "b", "c"]).await;
    check(
        |f| {
            f.server = Some("crm".into());
            f.state = Some(CredentialState::Active);
        },
        &["a"],
    )
    .await;
}

pub(crate) async fn a_change_of_keys_finds_its_pages(store: Store) {
    for (id, principal) in [("c", "1"), ("a", "2"), ("e", "3"), ("b", "4"), ("d", "5")] {
        add(&store, &credential(id, principal)).await;
    }
    assert!(
        store
            .replace_credential("b", 1, &resealed(1))
            .await
            .unwrap()
    );
    store.revoke_credential("d", 1).await.unwrap();
    let page = async |after: Option<&str>, limit| {
        let page = store.credentials_not_under("k2", after, limit).await;
        let page = page.unwrap().into_iter();
        page.map(|found| {
            assert_eq!(found.sealed, [0, 1, 255]);
            found.record.id
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, ["a", "c"]);
    assert_eq!(page(Some("c"), 2).await, ["e"]);
    assert!(page(Some("e"), 2).await.is_empty());
    assert_eq!(page(None, usize::MAX).await, ["a", "c", "e"]);
}

pub(crate) async fn a_vault_key_goes_when_nothing_needs_it(store: Store) {
    assert!(store.add_vault_key(&vault_key("k2", 2)).await.unwrap());
    assert!(store.add_vault_key(&vault_key("k1", 1)).await.unwrap());
    assert!(!store.add_vault_key(&vault_key("k1", 9)).await.unwrap());
    assert_eq!(
        store.vault_keys().await.unwrap(),
        [vault_key("k1", 1), vault_key("k2", 2)]
    );
    add(&store, &credential("a", "ada")).await;

    assert!(!store.delete_vault_key("k1").await.unwrap(), "not retired");
    assert!(store.retire_vault_key("k1", 5).await.unwrap());
    assert!(store.retire_vault_key("k1", 6).await.unwrap());
    assert!(!store.retire_vault_key("k9", 6).await.unwrap());
    assert_eq!(store.vault_keys().await.unwrap()[0].retired_us, Some(5));
    assert!(!store.delete_vault_key("k1").await.unwrap(), "in use");
    assert!(
        store
            .replace_credential("a", 1, &resealed(1))
            .await
            .unwrap()
    );
    assert!(store.delete_vault_key("k1").await.unwrap());
    assert!(!store.delete_vault_key("k1").await.unwrap());
    assert_eq!(store.vault_keys().await.unwrap(), [vault_key("k2", 2)]);
}

pub(crate) async fn a_lease_has_one_holder(store: Store) {
    assert!(store.lease("renew", "one", 0, 10).await.unwrap());
    assert!(!store.lease("renew", "two", 9, 20).await.unwrap());
    assert!(store.lease("other", "two", 9, 20).await.unwrap());
    assert!(store.lease("renew", "one", 9, 15).await.unwrap());
    assert!(!store.lease("renew", "two", 14, 30).await.unwrap());
    assert!(store.lease("renew", "two", 15, 30).await.unwrap());
    store.release_lease("renew", "one").await.unwrap();
    assert!(!store.lease("renew", "one", 16, 30).await.unwrap());
    store.release_lease("renew", "two").await.unwrap();
    assert!(store.lease("renew", "one", 16, 30).await.unwrap());
}

pub(crate) async fn of_many_lessees_one_wins(store: Store) {
    assert!(store.lease("renew", "before", 0, 10).await.unwrap());
    let tasks: Vec<_> = (0..16)
        .map(|holder| {
            let store = store.clone();
            tokio::spawn(async move {
                let holder = format!("holder-{holder}");
                store.lease("renew", &holder, 10, 20).await.unwrap()
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += u32::from(task.await.unwrap());
    }
    assert_eq!(won, 1);
}
