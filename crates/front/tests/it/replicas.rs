//! Several replicas over one database.

use std::path::Path;
use std::sync::Arc;

use portcullis_front::{Front, SealingKey, SealingKeyError};
use portcullis_store::{Sqlite, VaultStore};
use portcullis_vault::keys::FileKey;
use portcullis_vault::{CacheLimits, Providers, Vault};

use crate::browser::{Browser, redeem, refresh};
use crate::world::{BASE, World};

async fn vault(store: &Sqlite, folder: &Path) -> Vault {
    let root = FileKey::open_or_create(&folder.join("root.key")).unwrap();
    let providers = Providers::one(Arc::new(root));
    let store = Arc::new(store.clone());
    let limits = CacheLimits::default();
    Vault::open(store, providers, limits, Arc::new(|| 1))
        .await
        .unwrap()
}

#[tokio::test]
async fn all_replicas_seal_under_one_key() {
    let mut world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (
        vault(&world.store, folder.path()).await,
        vault(&world.store, folder.path()).await,
    );
    let first = SealingKey::of(&one, &world.store, 1).await.unwrap();
    let second = SealingKey::of(&two, &world.store, 1).await.unwrap();
    world.context.key = first;
    world.front = Front::new(&world.config, BASE, world.context.clone()).unwrap();
    world.context.key = second;
    let other = Front::new(&world.config, BASE, world.context.clone()).unwrap();
    // Each step at the other replica.
    let mut browser = Browser::default();
    let asks = browser.authorize(&world.front, &[]).await;
    let onward = browser.allow(&other, &asks).await;
    let back = browser.at_issuer(&onward).await;
    let done = browser.get(&world.front, back.as_str()).await;
    let given = redeem(&other, &done.parameter("code").unwrap(), &[])
        .await
        .json();
    let token = given["refresh_token"].as_str().unwrap();
    assert_eq!(refresh(&world.front, token, &[]).await.status, 200);
    // Used at one, it is used at the other.
    assert_eq!(refresh(&other, token, &[]).await.status, 400);
}

#[tokio::test]
async fn a_key_that_is_being_made_is_waited_for() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&world.store, folder.path()).await;
    let name = "front-sealing-key";
    assert!(world.store.lease(name, "other", 1, 1_000).await.unwrap());
    let busy = SealingKey::of(&vault, &world.store, 2).await;
    assert!(matches!(busy, Err(SealingKeyError::Busy)));
    assert!(SealingKey::of(&vault, &world.store, 2_000).await.is_ok());
}
