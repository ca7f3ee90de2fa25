use std::sync::Arc;

use super::*;

/// What every provider with a root of its own promises.
async fn check(provider: &dyn KeyProvider, another: &dyn KeyProvider) {
    let key = Key::random().unwrap();
    let wrapped = provider.wrap(&key, b"here").await.unwrap();
    let opened = provider.unwrap(&wrapped, b"here").await.unwrap();
    assert_eq!(opened.bytes(), key.bytes());
    assert!(
        !wrapped
            .windows(KEY_LEN)
            .any(|part| part == key.bytes().as_slice())
    );

    let elsewhere = provider.unwrap(&wrapped, b"there").await;
    assert!(matches!(elsewhere, Err(KeyError::Damaged)));
    let stranger = another.unwrap(&wrapped, b"here").await;
    assert!(matches!(stranger, Err(KeyError::Wrong)));
    for length in 0..wrapped.len() {
        let cut = provider.unwrap(&wrapped[..length], b"here").await;
        assert!(matches!(cut, Err(KeyError::Damaged)), "{length}");
    }
    // The last 48 bytes are nonce-bound ciphertext and tag: none of them may change.
    for at in wrapped.len() - 48..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[at] ^= 1;
        let changed = provider.unwrap(&changed, b"here").await;
        assert!(matches!(changed, Err(KeyError::Damaged)), "{at}");
    }
}

#[test]
fn a_key_shows_nothing_of_itself() {
    let key = Key::from_slice(&[0x61; 32]).unwrap();
    assert_eq!(format!("{key:?}"), "Key(..)");
    assert!(Key::from_slice(&[0; 31]).is_none());
    assert!(Key::from_slice(&[0; 33]).is_none());
}

mod in_a_file {
    use super::*;

    #[tokio::test]
    async fn it_wraps_and_unwraps() {
        let folder = tempfile::tempdir().unwrap();
        let one = FileKey::open_or_create(&folder.path().join("one.key")).unwrap();
        let two = FileKey::open_or_create(&folder.path().join("two.key")).unwrap();
        assert_ne!(one.id(), two.id());
        check(&one, &two).await;
    }

    #[tokio::test]
    async fn it_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.key");
        assert!(matches!(FileKey::open(&path), Err(KeyError::File { .. })));
        let made = FileKey::open_or_create(&path).unwrap();
        let written = std::fs::read(&path).unwrap();
        assert_eq!(written.len(), KEY_LEN);
        let read = FileKey::open_or_create(&path).unwrap();
        assert_eq!(made.id(), read.id());
        assert_eq!(std::fs::read(&path).unwrap(), written);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn many_that_make_it_at_once_use_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.key");
        let ids = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| FileKey::open_or_create(&path).unwrap().id().clone()))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect::<std::collections::HashSet<_>>()
        });
        assert_eq!(ids.len(), 1);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_of_another_length_is_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.key");
        FileKey::open_or_create(&path).unwrap();
        for length in [0, 31, 33, 64] {
            std::fs::write(&path, vec![7; length]).unwrap();
            let read = FileKey::open_or_create(&path);
            assert!(matches!(read, Err(KeyError::Length)), "{length}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_have_access() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.key");
        FileKey::open_or_create(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        for (mode, is_loose) in [
            (0o600, false),
            (0o400, false),
            (0o640, true),
            (0o604, true),
            (0o620, true),
            (0o666, true),
            (0o601, true),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            match FileKey::open(&path) {
                Err(KeyError::LooseMode { mode: found, .. }) => {
                    assert!(is_loose, "{mode:o}");
                    assert_eq!(found, mode);
                }
                other => assert!(other.is_ok() && !is_loose, "{mode:o}"),
            }
        }
    }
}

mod of_a_passphrase {
    use super::*;

    /// As little as Argon2 takes: tests derive a few hundred keys.
    const CHEAP: Cost = Cost {
        memory: 8,
        passes: 1,
        lanes: 1,
    };

    fn provider(phrase: &str) -> Passphrase {
        Passphrase::new(Secret::from(phrase), CHEAP)
    }

    #[tokio::test]
    async fn it_wraps_and_unwraps() {
        check(&provider("correct horse"), &provider("correct house")).await;
    }

    #[tokio::test]
    async fn salt_and_parameters_are_stored() {
        let costly = Passphrase::new(Secret::from("x"), Cost { passes: 2, ..CHEAP });
        let key = Key::random().unwrap();
        let wrapped = costly.wrap(&key, b"").await.unwrap();
        assert_eq!(wrapped[..13], [1, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0, 1]);
        // Another default, as a later release may have.
        let opened = provider("x").unwrap(&wrapped, b"").await.unwrap();
        assert_eq!(opened.bytes(), key.bytes());
        // A salt is used for one wrapping.
        let again = costly.wrap(&key, b"").await.unwrap();
        assert_ne!(wrapped[13..29], again[13..29]);
    }

    #[tokio::test]
    async fn what_an_older_release_wrapped_opens() {
        // Written once, with the passphrase "password"; pins derivation and format.
        const WRAPPED: &str = "010000000800000001000000012736d39a598c4306ead6f359490ffa9a015b43\
            7315f0b1a3c124358dc395a7038e716ac055f985b6a0916abf954942e66e9ebe3877cc0066f6ee1479\
            a2ac592e6a4cafd1a0464f4367c964c460a5f2703a6dccc677";
        let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
        let pairs = WRAPPED.as_bytes().as_chunks::<2>().0;
        let wrapped: Vec<u8> = pairs
            .iter()
            .map(|&[high, low]| digit(high) << 4 | digit(low))
            .collect();
        let opened = provider("password").unwrap(&wrapped, b"pinned").await;
        assert_eq!(opened.unwrap().bytes(), &[7; 32]);
    }

    #[tokio::test]
    async fn a_changed_database_cannot_exhaust_the_machine() {
        let wrapped = provider("x")
            .wrap(&Key::random().unwrap(), b"")
            .await
            .unwrap();
        for at in [1, 5, 9] {
            let mut greedy = wrapped.clone();
            greedy[at] = 0xff;
            let opened = provider("x").unwrap(&greedy, b"").await;
            assert!(matches!(opened, Err(KeyError::Cost)), "{at}");
        }
    }
}

mod in_the_keyring {
    use keyring_core::mock;

    use super::*;

    fn store() -> Arc<keyring_core::CredentialStore> {
        mock::Store::new().unwrap()
    }

    #[tokio::test]
    async fn it_wraps_and_unwraps() {
        let store = store();
        let open = |name| KeyringKey::open_or_create(Arc::clone(&store), "portcullis", name);
        let (one, two) = (open("one").await.unwrap(), open("two").await.unwrap());
        check(&one, &two).await;
        assert!(one.id().as_str().starts_with("keyring:"));
        assert_eq!(open("one").await.unwrap().id(), one.id());
    }

    #[tokio::test]
    async fn what_must_be_there_is_not_made() {
        let store = store();
        let open = || KeyringKey::open(Arc::clone(&store), "portcullis", "vault");
        let entry = store.build("portcullis", "vault", None).unwrap();
        assert!(matches!(open().await, Err(KeyError::Keyring(_))));
        let none = entry.get_secret();
        assert!(matches!(none, Err(keyring_core::Error::NoEntry)));
        let made = KeyringKey::open_or_create(Arc::clone(&store), "portcullis", "vault").await;
        assert_eq!(open().await.unwrap().id(), made.unwrap().id());
    }

    #[tokio::test]
    async fn an_entry_of_somebody_else_is_left_alone() {
        let store = store();
        let entry = store.build("portcullis", "vault", None).unwrap();
        entry.set_password("hunter2").unwrap();
        let opened = KeyringKey::open_or_create(Arc::clone(&store), "portcullis", "vault").await;
        assert!(matches!(opened, Err(KeyError::Length)));
        assert_eq!(entry.get_password().unwrap(), "hunter2");
    }

    #[tokio::test]
    async fn a_locked_keyring_is_told_and_nothing_of_its_content() {
        let store = store();
        let entry = store.build("portcullis", "vault", None).unwrap();
        let cred: &mock::Cred = entry.as_any().downcast_ref().unwrap();
        for error in [
            keyring_core::Error::NoStorageAccess("locked".into()),
            keyring_core::Error::BadEncoding(b"hunter2".to_vec()),
            keyring_core::Error::BadDataFormat(b"hunter2".to_vec(), "format".into()),
        ] {
            cred.set_error(error);
            let opened = KeyringKey::open_or_create(Arc::clone(&store), "portcullis", "vault");
            let error = opened.await.err().unwrap();
            assert!(matches!(error, KeyError::Keyring(_)));
            let told = format!("{error:?} {error}");
            assert!(
                !told.contains("hunter2") && !told.contains("104, 117"),
                "{told}"
            );
        }
        // What failed was no "there is none": nothing was written over.
        assert!(matches!(
            entry.get_secret(),
            Err(keyring_core::Error::NoEntry)
        ));
    }
}
