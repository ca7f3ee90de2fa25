//! No secret on the disk.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portcullis_vault::{Grant, Need, RenewalSettings, Renewing, Secret, Vault, VaultError};

use crate::fakes::server::{Server, access, refresh};
use crate::world::{SECOND, World, place};

const CANARY: &[u8] = b"canary-";

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Looks through every file of the folder; returns how many bytes there were, and the names of
/// those with one of `parts`.
fn search(folder: &Path, parts: &[&[u8]]) -> (usize, Vec<String>) {
    let (mut length, mut found) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let bytes = std::fs::read(entry.path()).unwrap();
        length += bytes.len();
        if parts.iter().any(|part| holds(&bytes, part)) {
            found.push(entry.file_name().into_string().unwrap());
        }
    }
    (length, found)
}

#[tokio::test]
async fn a_thousand_secrets_leave_no_trace_on_the_disk() {
    let world = World::new().await;
    let vault = Arc::new(world.vault().await);
    let server = Arc::new(Server::new(true));
    let renewing = renewing(&world, &vault, &server);
    for number in 0..1_000 {
        let secret = Secret::from(format!("canary-{number:04}-{}", "x".repeat(number % 50)));
        let key = place(&format!("user-{number}"), "crm");
        vault.put(&key, &secret, None).await.unwrap();
    }
    let names = files(&world);
    assert!(names.iter().any(|name| name.ends_with("-wal")), "{names:?}");
    assert_clean(&world);

    // Through renewal, an error, revocation and rotation.
    let ana = place("ana", "crm");
    let now_us = world.time.now();
    let grant = Grant::new(
        access(0),
        Some(refresh(0)),
        "Bearer",
        Vec::new(),
        now_us,
        Some(now_us + 60 * SECOND),
    );
    renewing.connect(&ana, &grant).await.unwrap();
    world.time.pass(Duration::from_secs(61));
    let renewed = renewing.access(&ana, &Need::default()).await.unwrap();
    assert!(renewed.token.is(&access(1)));
    let first = vault.get(&place("user-0", "crm")).await.unwrap().unwrap();
    vault.revoke(&first.record.id).await.unwrap();
    vault.rotate(&|_| {}).await.unwrap();
    assert_clean(&world);

    // And in a copy of the database, as backups are made.
    drop((renewing, vault, server));
    let (path, copy) = (world.path("portcullis.db"), world.path("backup.db"));
    std::fs::copy(path, copy).unwrap();
    assert_clean(&world);
}

fn renewing(world: &World, vault: &Arc<Vault>, server: &Arc<Server>) -> Renewing {
    Renewing::new(
        Arc::clone(vault),
        Arc::clone(server) as _,
        RenewalSettings::default(),
        world.time.clock(),
        7,
        Arc::new(|_| {}),
    )
    .unwrap()
}

fn files(world: &World) -> Vec<String> {
    std::fs::read_dir(world.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn assert_clean(world: &World) {
    // Plain, and as UTF-16 or base64 (of which three alignments exist) would write it.
    let wide: Vec<u8> = CANARY.iter().flat_map(|&byte| [byte, 0]).collect();
    let parts: [&[u8]; 5] = [CANARY, &wide, b"Y2FuYXJ5L", b"NhbmFyeS", b"jYW5hcnkt"];
    let folder = world.folder.path();
    let (length, found) = search(folder, &parts);
    assert!(found.is_empty(), "{found:?}");
    // Were these the right files, and would it have been found?
    assert!(length > 300_000, "{length}");
    let (_, found) = search(folder, &[b"user-999"]);
    assert!(!found.is_empty());
    std::fs::write(world.path("control"), b"...canary-0000...").unwrap();
    assert_eq!(search(folder, &parts).1, ["control"]);
    std::fs::remove_file(world.path("control")).unwrap();
    // The root key is in its own file only.
    let root = std::fs::read(world.path("vault.key")).unwrap();
    assert_eq!(search(folder, &[&root]).1, ["vault.key"]);
}

#[tokio::test]
async fn errors_hold_no_secret() {
    let world = World::new().await;
    let vault = world.vault().await;
    let (ana, bob) = (place("ana", "crm"), place("bob", "crm"));
    vault
        .put(&ana, &Secret::from("canary-1"), None)
        .await
        .unwrap();
    let record = vault
        .put(&bob, &Secret::from("canary-2"), None)
        .await
        .unwrap();
    let sealed = world.store.credential(&ana).await.unwrap().unwrap();
    let forged = portcullis_store::Resealed {
        sealed: sealed.sealed,
        key_id: record.key_id.clone(),
        updated_us: 0,
        expires_us: None,
    };
    assert!(
        world
            .store
            .replace_credential(&record.id, 1, &forged)
            .await
            .unwrap()
    );
    let moved: VaultError = vault.get(&bob).await.unwrap_err();
    let opened = vault.get(&ana).await.unwrap();
    let told = format!("{moved} {moved:?} {opened:?}");
    assert!(!holds(told.as_bytes(), CANARY), "{told}");
}
