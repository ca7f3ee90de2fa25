//! In, out, and refused.

use std::sync::Arc;

use portcullis_store::{Resealed, Sqlite, VaultStore};
use portcullis_vault::{
    CredentialFilter, CredentialRecord, CredentialState, Providers, Secret, Vault, VaultError,
};

use crate::world::{World, place};

async fn text(vault: &Vault, principal: &str) -> Option<String> {
    let opened = vault.get(&place(principal, "crm")).await.unwrap();
    opened.map(|opened| opened.secret.expose_str().unwrap().to_owned())
}

async fn put(vault: &Vault, principal: &str, text: &str) -> CredentialRecord {
    let (key, secret) = (place(principal, "crm"), Secret::from(text));
    vault.put(&key, &secret, None).await.unwrap()
}

#[tokio::test]
async fn what_is_put_in_comes_out() {
    let world = World::new().await;
    let vault = world.vault().await;
    assert_eq!(text(&vault, "ana").await, None);
    let first = put(&vault, "ana", "one").await;
    assert_eq!(text(&vault, "ana").await.as_deref(), Some("one"));
    assert_eq!(text(&vault, "bob").await, None);

    world.time.pass(std::time::Duration::from_secs(1));
    let second = put(&vault, "ana", "two").await;
    assert_eq!(second.updated_us, world.time.now());
    assert_eq!(second.created_us, first.created_us);
    assert_eq!(text(&vault, "ana").await.as_deref(), Some("two"));
    assert_eq!((second.id.as_str(), second.version), (first.id.as_str(), 2));
    let by_id = vault.get_by_id(&first.id).await.unwrap().unwrap();
    assert_eq!(by_id.record, second);
    assert_eq!(by_id.secret.expose(), b"two");

    // Another process, with nothing but the key file and the database.
    let again = world.vault().await;
    assert_eq!(text(&again, "ana").await.as_deref(), Some("two"));
}

#[tokio::test]
async fn a_list_shows_no_secret_and_needs_no_key() {
    let world = World::new().await;
    let vault = world.vault().await;
    for principal in ["ana", "bob"] {
        let key = place(principal, "crm");
        vault
            .put(&key, &Secret::from("hidden"), None)
            .await
            .unwrap();
    }
    let filter = CredentialFilter {
        principal: Some("bob".to_owned()),
        ..CredentialFilter::default()
    };
    let listed = vault.list(&filter).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].key, place("bob", "crm"));
    let all = vault.list(&CredentialFilter::default()).await.unwrap();
    assert_eq!(all.len(), 2);
}

#[tokio::test]
async fn what_is_revoked_is_erased() {
    let world = World::new().await;
    let vault = world.vault().await;
    let record = put(&vault, "ana", "one").await;
    assert!(vault.revoke(&record.id).await.unwrap());
    assert!(!vault.revoke(&record.id).await.unwrap());
    assert_eq!(text(&vault, "ana").await, None);
    assert!(vault.get_by_id(&record.id).await.unwrap().is_none());
    let stored = world.store.credential_by_id(&record.id).await.unwrap();
    let stored = stored.unwrap();
    assert_eq!(stored.record.state, CredentialState::Revoked);
    assert!(stored.sealed.is_empty());
    // A renewal that was under way does not bring it back.
    let late = vault.replace(&record, &Secret::from("two"), None).await;
    assert!(late.unwrap().is_none());
    // A new sign-in is another record.
    let new = put(&vault, "ana", "three").await;
    assert_ne!(new.id, record.id);
    assert_eq!(text(&vault, "ana").await.as_deref(), Some("three"));
}

#[tokio::test]
async fn all_of_one_user_are_revoked() {
    let world = World::new().await;
    let vault = world.vault().await;
    for (principal, server) in [("ana", "crm"), ("ana", "hr"), ("bob", "crm")] {
        let key = place(principal, server);
        vault.put(&key, &Secret::from("x"), None).await.unwrap();
    }
    let filter = CredentialFilter {
        principal: Some("ana".to_owned()),
        ..CredentialFilter::default()
    };
    let revoked = vault.revoke_all(&filter).await.unwrap();
    assert_eq!(revoked.len(), 2);
    assert_eq!(text(&vault, "ana").await, None);
    assert_eq!(text(&vault, "bob").await.as_deref(), Some("x"));
    assert!(vault.revoke_all(&filter).await.unwrap().is_empty());
}

#[tokio::test]
async fn of_two_that_change_it_one_is_first() {
    let world = World::new().await;
    let (one, two) = (world.vault().await, world.vault().await);
    let record = put(&one, "ana", "0").await;
    let changed = one
        .replace(&record, &Secret::from("1"), None)
        .await
        .unwrap();
    assert_eq!(changed.as_ref().unwrap().version, record.version + 1);
    let late = two
        .replace(&record, &Secret::from("2"), None)
        .await
        .unwrap();
    assert!(late.is_none());
    assert_eq!(text(&two, "ana").await.as_deref(), Some("1"));
    let read = two
        .replace(&changed.unwrap(), &Secret::from("3"), None)
        .await;
    assert!(read.unwrap().is_some());
}

#[tokio::test]
async fn many_that_put_at_once_leave_one_whole_credential() {
    let world = World::new().await;
    let vault = Arc::new(world.vault().await);
    let tasks: Vec<_> = (0..12)
        .map(|number| {
            let vault = Arc::clone(&vault);
            tokio::spawn(async move {
                let secret = Secret::from(format!("token-{number}"));
                vault.put(&place("ana", "crm"), &secret, None).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let all = vault.list(&CredentialFilter::default()).await.unwrap();
    assert_eq!((all.len(), all[0].version), (1, 12));
    assert!(text(&vault, "ana").await.unwrap().starts_with("token-"));
}

/// Writes what is sealed in one record into another, as somebody can who has the database.
async fn copy(world: &World, from: &str, to: &str, key_id: &str) {
    let from = world.store.credential_by_id(from).await.unwrap().unwrap();
    let to = world.store.credential_by_id(to).await.unwrap().unwrap();
    let forged = Resealed {
        sealed: from.sealed,
        key_id: key_id.to_owned(),
        updated_us: to.record.updated_us,
        expires_us: to.record.expires_us,
    };
    let (id, version) = (&to.record.id, to.record.version);
    let done = world.store.replace_credential(id, version, &forged).await;
    assert!(done.unwrap());
}

#[tokio::test]
async fn swapped_rows_open_nothing() {
    let world = World::new().await;
    let vault = world.vault().await;
    let ana = put(&vault, "ana", "ana's").await;
    let bob = put(&vault, "bob", "bob's").await;
    copy(&world, &ana.id, &bob.id, &bob.key_id).await;
    match vault.get(&place("bob", "crm")).await {
        Err(VaultError::Moved { id }) => assert_eq!(id, bob.id),
        other => panic!("{other:?}"),
    }
    // What nobody touched is as before.
    assert_eq!(text(&vault, "ana").await.as_deref(), Some("ana's"));
}

#[tokio::test]
async fn an_older_secret_in_a_later_record_opens_nothing() {
    // The same user and server, but a grant that was revoked before.
    let world = World::new().await;
    let vault = world.vault().await;
    let key = place("ana", "crm");
    let old = vault.put(&key, &Secret::from("old"), None).await.unwrap();
    let sealed = world
        .store
        .credential_by_id(&old.id)
        .await
        .unwrap()
        .unwrap();
    vault.revoke(&old.id).await.unwrap();
    let new = vault.put(&key, &Secret::from("new"), None).await.unwrap();
    let forged = Resealed {
        sealed: sealed.sealed,
        key_id: new.key_id.clone(),
        updated_us: 0,
        expires_us: None,
    };
    let done = world.store.replace_credential(&new.id, 1, &forged).await;
    assert!(done.unwrap());
    let opened = vault.get(&key).await;
    assert!(
        matches!(opened, Err(VaultError::Moved { .. })),
        "{opened:?}"
    );
}

#[tokio::test]
async fn a_changed_row_is_damaged() {
    let world = World::new().await;
    let vault = world.vault().await;
    let key = place("ana", "crm");
    let record = vault.put(&key, &Secret::from("x"), None).await.unwrap();
    let mut stored = world.store.credential(&key).await.unwrap().unwrap();
    *stored.sealed.last_mut().unwrap() ^= 1;
    let forged = Resealed {
        sealed: stored.sealed,
        key_id: record.key_id,
        updated_us: 0,
        expires_us: None,
    };
    let done = world.store.replace_credential(&record.id, 1, &forged).await;
    assert!(done.unwrap());
    match vault.get(&key).await {
        Err(VaultError::Damaged { id }) => assert_eq!(id, record.id),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn another_root_key_is_told_and_changes_nothing() {
    let world = World::new().await;
    let vault = world.vault().await;
    let record = put(&vault, "ana", "x").await;
    // Somebody deleted the file, and a new one was made.
    let wrong = Providers::one(world.root("another.key"));
    match world.vault_with(wrong).await.map(drop) {
        Err(VaultError::WrongKey { key, root }) => {
            assert_eq!(key, record.key_id);
            assert_eq!(&root, world.root("vault.key").id());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.store.vault_keys().await.unwrap().len(), 1);
    // With the right one beside it all is well.
    let both = Providers {
        current: world.root("another.key"),
        former: vec![world.root("vault.key")],
    };
    let vault = world.vault_with(both).await.unwrap();
    assert_eq!(text(&vault, "ana").await.as_deref(), Some("x"));
}

#[tokio::test]
async fn a_swapped_vault_key_is_damaged() {
    let world = World::new().await;
    let vault = world.vault().await;
    let key = place("ana", "crm");
    vault.put(&key, &Secret::from("x"), None).await.unwrap();
    // A copy of the database in which the wrapped key stands under another name.
    let mut stolen = world.store.vault_keys().await.unwrap().remove(0);
    stolen.id = "mine".to_owned();
    let other = Sqlite::open_in_memory().await.unwrap();
    other.add_vault_key(&stolen).await.unwrap();
    let providers = Providers::one(world.root("vault.key"));
    match world.vault_over(Arc::new(other), providers).await.map(drop) {
        Err(VaultError::Key { key, .. }) => assert_eq!(key, "mine"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_lost_key_is_told() {
    let world = World::new().await;
    let vault = world.vault().await;
    let key = place("ana", "crm");
    let record = vault.put(&key, &Secret::from("x"), None).await.unwrap();
    // A restored backup that holds the credentials and not their keys.
    let restored: Arc<dyn VaultStore> = Arc::new(Sqlite::open_in_memory().await.unwrap());
    let sealed = world.store.credential(&key).await.unwrap().unwrap();
    restored.add_credential(&sealed).await.unwrap();
    let providers = Providers::one(world.root("vault.key"));
    let vault = world.vault_over(restored, providers).await.unwrap();
    match vault.get(&key).await {
        Err(VaultError::LostKey { key }) => assert_eq!(key, record.key_id),
        other => panic!("{other:?}"),
    }
    // The user signs in anew, and that works.
    vault.put(&key, &Secret::from("y"), None).await.unwrap();
    assert_eq!(text(&vault, "ana").await.as_deref(), Some("y"));
}

#[tokio::test]
async fn the_status_counts() {
    let world = World::new().await;
    let vault = world.vault().await;
    let started_us = world.time.now();
    for (principal, expires_us) in [("ana", None), ("bob", Some(started_us + 1)), ("eve", None)] {
        let key = place(principal, "crm");
        vault
            .put(&key, &Secret::from("x"), expires_us)
            .await
            .unwrap();
        world.time.pass(std::time::Duration::from_secs(60));
    }
    let eve = vault.get(&place("eve", "crm")).await.unwrap().unwrap();
    vault.revoke(&eve.record.id).await.unwrap();
    let status = vault.status().await.unwrap();
    assert_eq!((status.active, status.revoked, status.expired), (2, 1, 1));
    assert_eq!(status.oldest_us, Some(started_us));
    assert_eq!(&status.root, world.root("vault.key").id());
    assert!(!status.needs_rotation);
    let [key] = status.keys.as_slice() else {
        panic!("{status:?}")
    };
    assert_eq!(
        (key.credentials, key.is_active, key.has_provider),
        (2, true, true)
    );
    assert_eq!((key.created_us, key.retired_us), (started_us, None));
}
