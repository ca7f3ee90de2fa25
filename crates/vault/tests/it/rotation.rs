//! A new key while everything is in use, and a crash at every step of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis_store::Resealed;
use portcullis_vault::{CredentialFilter, Progress, Providers, Secret, Vault, VaultError};

use crate::fakes::store::{Stop, Stopping};
use crate::world::{World, place};

const RECORDS: usize = 5;

async fn fill(vault: &Vault, records: usize) {
    for number in 0..records {
        let secret = Secret::from(format!("token-{number}"));
        let key = place(&format!("user-{number}"), "crm");
        vault.put(&key, &secret, None).await.unwrap();
    }
}

async fn check_all(vault: &Vault, records: usize) {
    for number in 0..records {
        let opened = vault.get(&place(&format!("user-{number}"), "crm")).await;
        let opened = opened.unwrap().unwrap();
        assert_eq!(
            opened.secret.expose_str().unwrap(),
            format!("token-{number}")
        );
    }
}

async fn keys_in_use(vault: &Vault) -> Vec<String> {
    let records = vault.list(&CredentialFilter::default()).await.unwrap();
    let mut keys: Vec<_> = records.into_iter().map(|record| record.key_id).collect();
    keys.sort();
    keys.dedup();
    keys
}

#[tokio::test]
async fn everything_moves_to_the_new_key() {
    let world = World::new().await;
    let vault = world.vault().await;
    fill(&vault, 250).await;
    let before = keys_in_use(&vault).await;
    let heard = Mutex::new(Vec::new());
    let rotated = vault
        .rotate(&|progress| heard.lock().unwrap().push(progress))
        .await
        .unwrap();
    assert_eq!((rotated.moved, rotated.is_resumed), (250, false));
    assert_eq!(rotated.retired, before);
    assert!(rotated.unreadable.is_empty() && rotated.removed.is_empty());
    let progress = |moved, left| Progress {
        moved,
        left,
        unreadable: 0,
    };
    assert_eq!(
        *heard.lock().unwrap(),
        [progress(100, 150), progress(200, 50), progress(250, 0)]
    );
    assert_eq!(keys_in_use(&vault).await, [rotated.key.as_str()]);
    check_all(&vault, 250).await;
    check_all(&world.vault().await, 250).await;

    // New ones are under it too, also those of a process that knew the old key.
    vault
        .put(&place("new", "crm"), &Secret::from("x"), None)
        .await
        .unwrap();
    assert_eq!(keys_in_use(&vault).await, [rotated.key.as_str()]);
    let status = vault.status().await.unwrap();
    assert!(!status.needs_rotation);
    assert_eq!(status.keys.len(), 2);
}

#[tokio::test]
async fn a_key_that_was_retired_long_ago_is_removed() {
    let world = World::new().await;
    let vault = world.vault().await;
    fill(&vault, RECORDS).await;
    let first = vault.rotate(&|_| {}).await.unwrap();
    // Too early: another process may be about to write under it.
    world.time.pass(Duration::from_secs(60 * 60));
    let second = vault.rotate(&|_| {}).await.unwrap();
    assert!(second.removed.is_empty());
    world.time.pass(Duration::from_secs(24 * 60 * 60));
    let third = vault.rotate(&|_| {}).await.unwrap();
    assert_eq!(third.removed.len(), 2);
    assert!(third.removed.contains(&first.key) && third.retired == [second.key]);
    check_all(&world.vault().await, RECORDS).await;
}

#[tokio::test]
async fn the_root_changes_with_a_rotation() {
    let world = World::new().await;
    fill(&world.vault().await, RECORDS).await;
    let both = Providers {
        current: world.root("new.key"),
        former: vec![world.root("vault.key")],
    };
    let vault = world.vault_with(both).await.unwrap();
    assert!(vault.status().await.unwrap().needs_rotation);
    let rotated = vault.rotate(&|_| {}).await.unwrap();
    assert_eq!(rotated.moved, RECORDS as u64);
    assert!(!vault.status().await.unwrap().needs_rotation);
    // The old root is not needed any more.
    let new = Providers::one(world.root("new.key"));
    check_all(&world.vault_with(new).await.unwrap(), RECORDS).await;
    let old = Providers::one(world.root("vault.key"));
    let old = world.vault_with(old).await.map(drop);
    assert!(matches!(old, Err(VaultError::WrongKey { .. })));
}

#[tokio::test]
async fn only_one_rotates() {
    let world = World::new().await;
    let vault = world.vault().await;
    fill(&vault, RECORDS).await;
    let other = world.vault().await;
    let now_us = world.time.now();
    let taken = world.store.lease("vault-rotation", "x", now_us, now_us + 1);
    assert!(taken.await.unwrap());
    let refused = other.rotate(&|_| {}).await;
    assert!(matches!(refused, Err(VaultError::RotationElsewhere)));
    assert_eq!(world.store.vault_keys().await.unwrap().len(), 1);
    world.time.pass(Duration::from_secs(1));
    other.rotate(&|_| {}).await.unwrap();
    check_all(&vault, RECORDS).await;
}

#[tokio::test]
async fn it_rotates_while_others_read_and_write() {
    let world = World::new().await;
    let vault = Arc::new(world.vault().await);
    fill(&vault, 120).await;
    let other = Arc::new(world.vault().await);
    let writer = {
        let other = Arc::clone(&other);
        tokio::spawn(async move {
            for number in 0..40 {
                let changed = place(&format!("user-{}", number * 3), "crm");
                let secret = Secret::from(format!("token-{}", number * 3));
                other.put(&changed, &secret, None).await.unwrap();
                let new = place(&format!("late-{number}"), "crm");
                other.put(&new, &Secret::from("late"), None).await.unwrap();
                assert!(other.get(&changed).await.unwrap().is_some());
            }
        })
    };
    let rotated = vault.rotate(&|_| {}).await.unwrap();
    writer.await.unwrap();
    check_all(&vault, 120).await;
    check_all(&other, 120).await;
    assert!(rotated.unreadable.is_empty());
    // What was written behind the last sweep, under the old key, is there; the next one moves it.
    let again = vault.rotate(&|_| {}).await.unwrap();
    assert_eq!(keys_in_use(&vault).await, [again.key.as_str()]);
}

/// Kills a rotation at every one of its calls to the store.
async fn check_stops(how: Stop) {
    let mut finished_at = None;
    for calls in 0.. {
        let world = World::new().await;
        let vault = world.vault().await;
        fill(&vault, RECORDS).await;
        let store = Stopping::new(Arc::clone(&world.store), how, isize::MAX);
        let providers = Providers::one(world.root("vault.key"));
        let dying = world.vault_over(Arc::clone(&store) as _, providers);
        let dying = dying.await.unwrap();
        store.stop_in(calls);
        {
            // Dropped here: the process is gone.
            let rotation = dying.rotate(&|_| {});
            let died = async {
                while !store.has_stopped() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                // What the last call does, it does.
                tokio::time::sleep(Duration::from_millis(if how == Stop::HangAfter {
                    20
                } else {
                    0
                }))
                .await;
            };
            tokio::select! {
                result = rotation => {
                    assert_eq!(result.is_err(), how == Stop::Fail && store.has_stopped());
                }
                () = died => {}
            }
        }
        // Everything is readable, by those who were there and those who come.
        check_all(&vault, RECORDS).await;
        check_all(&world.vault().await, RECORDS).await;
        // And the next rotation gets to the end, with not more keys than it needs.
        world.time.pass(Duration::from_secs(61));
        let was_stopped = store.has_stopped();
        let rotated = vault.rotate(&|_| {}).await.unwrap();
        assert_eq!(keys_in_use(&vault).await, [rotated.key.as_str()]);
        let status = vault.status().await.unwrap();
        assert!(!status.needs_rotation, "{calls}: {status:?}");
        assert!(status.keys.len() <= 3, "{calls}: {status:?}");
        check_all(&world.vault().await, RECORDS).await;
        if !was_stopped {
            finished_at = Some(calls);
            break;
        }
    }
    // Lease, keys, new key, count, page, five records, ...: there was something to stop.
    assert!(finished_at.unwrap() > 15, "{finished_at:?}");
}

#[tokio::test]
async fn a_crash_before_any_step_loses_nothing() {
    check_stops(Stop::HangBefore).await;
}

#[tokio::test]
async fn a_crash_after_any_step_loses_nothing() {
    check_stops(Stop::HangAfter).await;
}

#[tokio::test]
async fn a_database_that_fails_at_any_step_loses_nothing() {
    check_stops(Stop::Fail).await;
}

#[tokio::test]
async fn an_interrupted_one_is_finished_with_its_own_key() {
    let world = World::new().await;
    let vault = world.vault().await;
    fill(&vault, RECORDS).await;
    let store = Stopping::new(Arc::clone(&world.store), Stop::Fail, isize::MAX);
    let providers = Providers::one(world.root("vault.key"));
    let dying = world.vault_over(Arc::clone(&store) as _, providers);
    let dying = dying.await.unwrap();
    store.stop_in(9);
    assert!(dying.rotate(&|_| {}).await.is_err());
    world.time.pass(Duration::from_secs(61));
    let keys = world.store.vault_keys().await.unwrap();
    assert_eq!(keys.len(), 2);
    assert!(vault.status().await.unwrap().needs_rotation);
    let rotated = vault.rotate(&|_| {}).await.unwrap();
    assert!(rotated.is_resumed);
    assert_eq!(rotated.key, keys[1].id);
    assert!(rotated.moved < RECORDS as u64, "some had been moved before");
    assert_eq!(world.store.vault_keys().await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_and_keeps_its_key() {
    let world = World::new().await;
    let vault = world.vault().await;
    fill(&vault, RECORDS).await;
    let broken = vault.get(&place("user-2", "crm")).await.unwrap().unwrap();
    let forged = Resealed {
        sealed: vec![1; 120],
        key_id: broken.record.key_id.clone(),
        updated_us: 0,
        expires_us: None,
    };
    let id = &broken.record.id;
    assert!(
        world
            .store
            .replace_credential(id, 1, &forged)
            .await
            .unwrap()
    );
    let rotated = vault.rotate(&|_| {}).await.unwrap();
    assert_eq!(rotated.unreadable, [id.as_str()]);
    assert_eq!(
        (rotated.moved, rotated.retired.len()),
        (RECORDS as u64 - 1, 0)
    );
    assert!(vault.status().await.unwrap().needs_rotation);
    // As the documentation says: revoke it, rotate again.
    vault.revoke(id).await.unwrap();
    let again = vault.rotate(&|_| {}).await.unwrap();
    assert!(again.is_resumed && again.unreadable.is_empty());
    assert_eq!(again.retired, [broken.record.key_id]);
}

#[tokio::test]
async fn a_clock_that_is_behind_makes_no_older_key() {
    let world = World::new().await;
    let vault = world.vault().await;
    fill(&vault, RECORDS).await;
    // Another replica, an hour behind.
    let ahead = world.time.clone();
    let behind = Vault::open(
        Arc::clone(&world.store),
        Providers::one(world.root("vault.key")),
        portcullis_vault::CacheLimits::default(),
        Arc::new(move || ahead.now() - 3600 * crate::world::SECOND),
    );
    let rotated = behind.await.unwrap().rotate(&|_| {}).await.unwrap();
    assert_eq!(rotated.moved, RECORDS as u64);
    assert_eq!(keys_in_use(&vault).await, [rotated.key.as_str()]);
    assert!(!vault.status().await.unwrap().needs_rotation);
}
