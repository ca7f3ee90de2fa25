use std::sync::Mutex;

use portcullis_config::Vault as Section;
use portcullis_egress::Settings;
use portcullis_store::{CredentialKey, Sqlite};

use super::*;

struct Place {
    folder: tempfile::TempDir,
    store: Arc<dyn VaultStore>,
    surroundings: Surroundings,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("portcullis.db"))
            .await
            .unwrap();
        let settings = Settings {
            use_system_roots: false,
            ..Settings::default()
        };
        let surroundings = Surroundings {
            references: References::local(folder.path()),
            client: Client::new(&settings).unwrap(),
            clock: ticking(),
        };
        Self {
            folder,
            store: Arc::new(store),
            surroundings,
        }
    }

    async fn open(&self, key: VaultKey) -> Result<Vault, ConfiguredError> {
        let store = Arc::clone(&self.store);
        open(
            &section(key),
            store,
            CacheLimits::default(),
            &self.surroundings,
        )
        .await
    }

    async fn open_towards(&self, from: VaultKey, to: VaultKey) -> Result<Vault, ConfiguredError> {
        let store = Arc::clone(&self.store);
        let limits = CacheLimits::default();
        open_with_successor(&section(from), &to, store, limits, &self.surroundings).await
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }
}

/// A microsecond each time it is asked.
fn ticking() -> Clock {
    let now = Mutex::new(1_700_000_000_000_000);
    Arc::new(move || {
        let mut now = now.lock().unwrap();
        *now += 1;
        *now
    })
}

fn section(key: VaultKey) -> Section {
    Section {
        key,
        ..Section::default()
    }
}

fn file(path: &str) -> VaultKey {
    VaultKey::File(path.to_owned())
}

fn passphrase(path: &str) -> VaultKey {
    VaultKey::Passphrase(SecretRef::File(path.to_owned()))
}

fn place_of_a_credential() -> CredentialKey {
    CredentialKey {
        tenant: String::new(),
        principal: "ada".into(),
        server: "crm".into(),
        issuer: String::new(),
        kind: "user-grant".into(),
    }
}

#[tokio::test]
async fn the_key_file_is_made_once_and_never_in_the_place_of_a_lost_one() {
    let place = Place::new().await;
    let vault = place.open(file("vault.key")).await.unwrap();
    let credential = place_of_a_credential();
    vault
        .put(&credential, &Secret::from("s"), None)
        .await
        .unwrap();
    let again = place.open(file("vault.key")).await.unwrap();
    assert!(again.get(&credential).await.unwrap().is_some());
    std::fs::remove_file(place.folder.path().join("vault.key")).unwrap();
    let lost = place.open(file("vault.key")).await;
    assert!(matches!(lost, Err(ConfiguredError::KeyFileGone { .. })));
    assert!(!place.folder.path().join("vault.key").exists());
    let other = place.open(file("portcullis.db")).await;
    assert!(matches!(other, Err(ConfiguredError::Key(_))));
}

#[tokio::test]
async fn everything_moves_to_another_root() {
    let place = Place::new().await;
    place.write("phrase", "correct horse battery staple\n");
    let credential = place_of_a_credential();
    let first = place.open(file("vault.key")).await.unwrap();
    first
        .put(&credential, &Secret::from("s"), None)
        .await
        .unwrap();
    let vault = place
        .open_towards(file("vault.key"), passphrase("phrase"))
        .await
        .unwrap();
    let rotated = vault.rotate(&|_| {}).await.unwrap();
    assert_eq!((rotated.moved, rotated.retired.len()), (1, 1));
    // Only the new root opens it now.
    let old = place.open(file("vault.key")).await;
    assert!(matches!(
        old,
        Err(ConfiguredError::Vault(VaultError::WrongKey { .. }))
    ));
    let new = place.open(passphrase("phrase")).await.unwrap();
    let opened = new.get(&credential).await.unwrap().unwrap();
    assert!(opened.secret.is(&Secret::from("s")));
    assert!(!new.status().await.unwrap().needs_rotation);
}

#[tokio::test]
async fn a_root_that_cannot_be_told_from_the_present_one_is_refused() {
    let place = Place::new().await;
    place.write("one", "one phrase");
    place.write("two", "another phrase");
    place.open(passphrase("one")).await.unwrap();
    for to in ["one", "two"] {
        let refused = place.open_towards(passphrase("one"), passphrase(to)).await;
        assert!(matches!(refused, Err(ConfiguredError::SameKey(_))), "{to}");
    }
    let wrong = place.open(passphrase("two")).await;
    assert!(matches!(
        wrong,
        Err(ConfiguredError::Vault(VaultError::WrongKey { .. }))
    ));
    let missing = place.open(passphrase("three")).await;
    assert!(matches!(missing, Err(ConfiguredError::Passphrase(_))));
}

#[cfg(not(feature = "keyring"))]
#[tokio::test]
async fn a_build_without_keyring_says_so() {
    let place = Place::new().await;
    let key = VaultKey::Keyring {
        service: "portcullis".into(),
        name: "vault-key".into(),
    };
    let opened = place.open(key).await;
    assert!(matches!(opened, Err(ConfiguredError::NoKeyring)));
}

#[test]
fn keys_are_shown_as_they_are_written() {
    let keyring = VaultKey::Keyring {
        service: "portcullis".into(),
        name: "vault-key".into(),
    };
    for (key, text) in [
        (file("vault.key"), "file:vault.key"),
        (passphrase("phrase"), "passphrase:file:phrase"),
        (keyring, "keyring:portcullis/vault-key"),
    ] {
        assert_eq!(shown(&key), text);
    }
    assert_eq!(
        references_of(&passphrase("phrase")),
        [&SecretRef::File("phrase".into())]
    );
}
