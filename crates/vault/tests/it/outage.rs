//! When the provider of the root key is away.

use std::sync::Arc;
use std::time::Duration;

use portcullis_vault::{CacheLimits, Providers, Secret, Vault, VaultError};

use crate::fakes::provider::{Mood, Moody};
use crate::world::{World, place};

const HOUR: Duration = Duration::from_secs(60 * 60);

async fn reads(vault: &Vault) -> Result<(), VaultError> {
    let opened = vault.get(&place("ana", "crm")).await?.unwrap();
    assert_eq!(opened.secret.expose(), b"x");
    Ok(())
}

async fn world() -> (World, Arc<Moody>, Vault) {
    let world = World::new().await;
    let provider = Moody::new(world.root("vault.key"));
    let vault = world.vault_with(Providers::one(Arc::clone(&provider) as _));
    let vault = vault.await.unwrap();
    let key = place("ana", "crm");
    vault.put(&key, &Secret::from("x"), None).await.unwrap();
    (world, provider, vault)
}

#[tokio::test]
async fn a_provider_is_asked_once_for_many_records() {
    let (world, provider, vault) = world().await;
    let made = provider.asked();
    for number in 0..50 {
        let key = place(&format!("user-{number}"), "crm");
        vault.put(&key, &Secret::from("y"), None).await.unwrap();
        vault.get(&key).await.unwrap();
    }
    assert_eq!(provider.asked(), made);
    world.time.pass(HOUR);
    for _ in 0..50 {
        reads(&vault).await.unwrap();
    }
    assert_eq!(provider.asked(), made + 1);
}

#[tokio::test]
async fn what_is_in_memory_goes_on_for_a_day() {
    let (world, provider, vault) = world().await;
    provider.set(Mood::Down);
    reads(&vault).await.unwrap();
    for _ in 0..23 {
        world.time.pass(HOUR);
        let asked = provider.asked();
        for _ in 0..10 {
            reads(&vault).await.unwrap();
            let new = place("bob", "crm");
            vault.put(&new, &Secret::from("z"), None).await.unwrap();
        }
        // Not at every call: the provider has troubles enough.
        assert_eq!(provider.asked(), asked + 1);
    }
    world.time.pass(HOUR);
    match reads(&vault).await {
        Err(VaultError::Unavailable { .. }) => {}
        other => panic!("{other:?}"),
    }
    // And it comes back by itself.
    provider.set(Mood::Up);
    reads(&vault).await.unwrap();
}

#[tokio::test]
async fn a_refusal_is_not_bridged() {
    for (mood, is_lost) in [(Mood::Refusing, false), (Mood::Forgetful, true)] {
        let (world, provider, vault) = world().await;
        provider.set(mood);
        reads(&vault).await.unwrap();
        world.time.pass(HOUR);
        match reads(&vault).await {
            Err(VaultError::Key { .. }) => assert!(!is_lost),
            Err(VaultError::LostKey { .. }) => assert!(is_lost),
            other => panic!("{other:?}"),
        }
        // Nor is the key still in memory, should the provider then break down.
        provider.set(Mood::Down);
        let now = reads(&vault).await;
        assert!(
            matches!(now, Err(VaultError::Unavailable { .. })),
            "{now:?}"
        );
    }
}

#[tokio::test]
async fn nobody_starts_without_the_provider() {
    let (world, provider, _vault) = world().await;
    provider.set(Mood::Down);
    let started = world.vault_with(Providers::one(Arc::clone(&provider) as _));
    let started = started.await.map(drop);
    assert!(
        matches!(started, Err(VaultError::Unavailable { .. })),
        "{started:?}"
    );
    // Nor is a vault founded without it.
    let empty = World::new().await;
    let founded = empty
        .vault_with(Providers::one(provider as _))
        .await
        .map(drop);
    assert!(
        matches!(founded, Err(VaultError::Unavailable { .. })),
        "{founded:?}"
    );
    assert!(empty.store.vault_keys().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_rotation_needs_it_and_fails_whole() {
    let (world, provider, vault) = world().await;
    provider.set(Mood::Down);
    let rotated = vault.rotate(&|_| {}).await;
    assert!(
        matches!(rotated, Err(VaultError::Unavailable { .. })),
        "{rotated:?}"
    );
    assert_eq!(world.store.vault_keys().await.unwrap().len(), 1);
    provider.set(Mood::Up);
    vault.rotate(&|_| {}).await.unwrap();
    reads(&vault).await.unwrap();
}

#[tokio::test]
async fn only_so_many_keys_are_held() {
    let world = World::new().await;
    let provider = Moody::new(world.root("vault.key"));
    let limits = CacheLimits {
        keys: 1,
        ..CacheLimits::default()
    };
    let providers = Providers::one(Arc::clone(&provider) as _);
    let store = Arc::clone(&world.store);
    let vault = Vault::open(store, providers, limits, world.time.clock());
    let vault = vault.await.unwrap();
    let key = place("ana", "crm");
    let old = vault.put(&key, &Secret::from("x"), None).await.unwrap();
    let sealed = world.store.credential(&key).await.unwrap().unwrap();
    vault.rotate(&|_| {}).await.unwrap();
    // A record that somebody wrote under the old key meanwhile.
    let late = portcullis_store::Resealed {
        sealed: sealed.sealed,
        key_id: old.key_id,
        updated_us: 0,
        expires_us: None,
    };
    assert!(
        world
            .store
            .replace_credential(&old.id, 2, &late)
            .await
            .unwrap()
    );
    let other = place("bob", "crm");
    vault.put(&other, &Secret::from("y"), None).await.unwrap();
    let asked = provider.asked();
    for round in 1..4 {
        reads(&vault).await.unwrap();
        vault.get(&other).await.unwrap();
        assert_eq!(provider.asked(), asked + 2 * round);
    }
}
