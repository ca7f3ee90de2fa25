mod service;

use std::sync::atomic::{AtomicI64, Ordering};

use portcullis_config::{AzureClient, ClientAuthentication, Cloud, HashicorpVault, OauthClient};
use serde_json::json;

use super::*;
use service::{Service, client};

const MINUTE: i64 = 60_000_000;

struct Place {
    folder: tempfile::TempDir,
    now_us: Arc<AtomicI64>,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            now_us: Arc::new(AtomicI64::new(1_700_000_000_000_000)),
        }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }

    fn pass(&self, us: i64) {
        self.now_us.fetch_add(us, Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let now_us = Arc::clone(&self.now_us);
        Arc::new(move || now_us.load(Ordering::SeqCst))
    }

    fn hashicorp(&self, service: &Service) -> References {
        self.write("token", "hvs.one\n");
        let secrets = Secrets {
            vault: Some(HashicorpVault {
                address: service.url(),
                token: file("token"),
                namespace: Some("team-a".to_owned()),
            }),
            key_vault: None,
        };
        References::new(&secrets, self.folder.path(), &client(), self.clock()).unwrap()
    }

    /// Key Vault at `service`, and Entra there too.
    fn key_vault(&self, service: &Service) -> References {
        self.write("secret", "entra-secret");
        let own = References::local(self.folder.path());
        let azure = AzureClient {
            tenant: "8eaef023-2b34-4da1-9baa-8bc8c9d6a490".to_owned(),
            cloud: Cloud::Global,
            client: OauthClient {
                id: "6e74172b-be56-4843-9ff4-e66a39bb12e3".to_owned(),
                authentication: ClientAuthentication::SecretPost(file("secret")),
            },
        };
        let tokens = EntraTokens::new(&azure, own.clone(), client(), self.clock());
        let tokens = Arc::new(tokens.at(&service.url()));
        let server = Url::parse(&service.url()).unwrap();
        References(Arc::new(Inner {
            local: own.0.local.clone(),
            remote: Some(Remote {
                hashicorp: None,
                key_vault: Some(KeyVault::new(server, client(), tokens)),
                cache: Cache::new(self.clock()),
            }),
        }))
    }
}

fn file(path: &str) -> SecretRef {
    SecretRef::File(path.to_owned())
}

fn kv(path: &str, field: &str) -> SecretRef {
    SecretRef::Vault {
        path: path.to_owned(),
        field: field.to_owned(),
    }
}

fn text(read: Result<SecretString, ReferenceError>) -> String {
    read.unwrap().expose_secret().to_owned()
}

/// What the error says, with everything behind it.
fn told(read: Result<SecretString, ReferenceError>) -> String {
    let error = read.err().unwrap();
    let mut told = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        told += &format!(": {inner}");
        source = inner.source();
    }
    told
}

mod on_this_machine {
    use keyring_core::mock;

    use super::*;

    #[tokio::test]
    async fn what_is_there_is_read_each_time() {
        let place = Place::new();
        let references = References::local(place.folder.path());
        for (content, secret) in [
            ("one\n", "one"),
            ("two\r\n\n", "two"),
            (" three ", " three "),
        ] {
            place.write("token", content);
            assert_eq!(text(references.read(&file("token")).await), secret);
        }
        let absolute = place.folder.path().join("token");
        let absolute = file(absolute.to_str().unwrap());
        assert_eq!(text(references.read(&absolute).await), " three ");
        let variable = SecretRef::Env("PATH".to_owned());
        assert_eq!(
            text(references.read(&variable).await),
            std::env::var("PATH").unwrap()
        );
    }

    #[tokio::test]
    async fn what_is_no_secret_is_said_without_it() {
        let place = Place::new();
        let references = References::local(place.folder.path());
        place.write("empty", "\n");
        place.write("binary", b"hunter2\xff");
        place.write("long", vec![b'a'; 64 * 1024 + 1]);
        for (reference, words) in [
            (
                file("empty"),
                "the secret file:empty cannot be read: it is empty",
            ),
            (
                file("binary"),
                "the secret file:binary cannot be read: it is no text of a secret's length",
            ),
            (
                file("long"),
                "the secret file:long cannot be read: it is no text of a secret's length",
            ),
            (
                SecretRef::Env("PORTCULLIS_NO_SUCH".into()),
                "the secret env:PORTCULLIS_NO_SUCH cannot be read: the environment variable is not set",
            ),
            (
                kv("secret/a", "b"),
                "the secret vault:secret/a#b cannot be read: `[secrets]` does not name the service",
            ),
        ] {
            assert_eq!(told(references.read(&reference).await), words);
        }
        let missing = told(references.read(&file("missing")).await);
        assert!(
            missing.starts_with(
                "the secret file:missing cannot be read: the file cannot be read: No such file"
            ),
            "{missing}"
        );
    }

    #[tokio::test]
    async fn entries_of_the_keyring_are_read_and_not_made() {
        let place = Place::new();
        let store: Arc<keyring_core::CredentialStore> = mock::Store::new().unwrap();
        let entry = store.build("portcullis", "crm", None).unwrap();
        let local = Local::with_keyring(place.folder.path().to_owned(), store);
        let references = References(Arc::new(Inner {
            local,
            remote: None,
        }));
        let reference = SecretRef::Keyring {
            service: "portcullis".into(),
            name: "crm".into(),
        };
        let missing = told(references.read(&reference).await);
        assert!(missing.ends_with("there is no such entry"), "{missing}");
        entry.set_password("s3cret").unwrap();
        assert_eq!(text(references.read(&reference).await), "s3cret");
        let cred: &mock::Cred = entry.as_any().downcast_ref().unwrap();
        cred.set_error(keyring_core::Error::BadEncoding(b"hunter2".to_vec()));
        let error = references.read(&reference).await.err().unwrap();
        assert!(!format!("{error:?}").contains("104"), "{error:?}");
    }

    #[cfg(not(feature = "keyring"))]
    #[tokio::test]
    async fn a_build_without_keyring_says_so() {
        let reference = SecretRef::Keyring {
            service: "a".into(),
            name: "b".into(),
        };
        let read = References::local(".").read(&reference).await;
        assert!(matches!(
            read.err().unwrap().cause(),
            ReferenceCause::NoKeyring
        ));
    }
}

mod in_hashicorp_vault {
    use super::*;

    fn found(value: &str) -> (u16, serde_json::Value) {
        (
            200,
            json!({"data": {"data": {"token": value, "a~b": "tilde", "number": 7}, "metadata": {"version": 3}}}),
        )
    }

    #[tokio::test]
    async fn it_is_asked_as_its_documentation_says() {
        let service = Service::start(|_| found("one\n")).await;
        let place = Place::new();
        let references = place.hashicorp(&service);
        let reference = kv("secret/portcullis/my crm", "token");
        assert_eq!(text(references.read(&reference).await), "one");
        let asked = service.asked();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].target, "GET /v1/secret/data/portcullis/my%20crm");
        assert_eq!(asked[0].header("x-vault-token"), Some("hvs.one"));
        assert_eq!(asked[0].header("x-vault-namespace"), Some("team-a/"));
        assert_eq!(text(references.read(&kv("secret/x", "a~b")).await), "tilde");
        // A token that Vault's agent wrote since is used.
        place.write("token", "hvs.two");
        place.pass(2 * MINUTE);
        references.read(&reference).await.unwrap();
        assert_eq!(service.asked()[2].header("x-vault-token"), Some("hvs.two"));
    }

    #[tokio::test]
    async fn refusals_are_told_apart() {
        for (status, field, words) in [
            (
                404,
                "token",
                "there is no such secret, or it has no such field",
            ),
            (
                200,
                "other",
                "there is no such secret, or it has no such field",
            ),
            (
                200,
                "number",
                "there is no such secret, or it has no such field",
            ),
            (403, "token", "the service refuses (status 403)"),
            (503, "token", "the service cannot be reached"),
            (
                302,
                "token",
                "the service cannot be asked for it: the provider's answer is not understood: the status is none of the contract",
            ),
        ] {
            let service = Service::start(move |_| (status, found("hunter2").1)).await;
            let place = Place::new();
            let told = told(
                place
                    .hashicorp(&service)
                    .read(&kv("secret/crm", field))
                    .await,
            );
            assert_eq!(
                told,
                format!("the secret vault:secret/crm#{field} cannot be read: {words}")
            );
        }
    }

    #[tokio::test]
    async fn a_hundred_that_want_it_ask_once() {
        let service = Service::start(|_| found("one")).await;
        let place = Place::new();
        let references = place.hashicorp(&service);
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let references = references.clone();
                tokio::spawn(async move { text(references.read(&kv("secret/crm", "token")).await) })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), "one");
        }
        assert_eq!(service.asked().len(), 1);
        place.pass(MINUTE);
        references.read(&kv("secret/crm", "token")).await.unwrap();
        assert_eq!(service.asked().len(), 2);
    }

    #[tokio::test]
    async fn who_was_refused_gets_the_rotated_one() {
        let service = Service::start(|number| found(&format!("number {number}"))).await;
        let place = Place::new();
        let references = place.hashicorp(&service);
        let reference = kv("secret/crm", "token");
        assert_eq!(text(references.read(&reference).await), "number 0");
        // Just read: the one who was refused had something older.
        assert_eq!(text(references.read_again(&reference).await), "number 0");
        place.pass(2_000_000);
        assert_eq!(text(references.read(&reference).await), "number 0");
        assert_eq!(text(references.read_again(&reference).await), "number 1");
        assert_eq!(text(references.read(&reference).await), "number 1");
    }

    #[tokio::test]
    async fn an_outage_is_bridged_for_a_quarter_of_an_hour_and_a_refusal_is_not() {
        let status = Arc::new(AtomicI64::new(200));
        let says = Arc::clone(&status);
        let service = Service::start(move |_| {
            let status = u16::try_from(says.load(Ordering::SeqCst)).unwrap();
            (status, found("one").1)
        })
        .await;
        let place = Place::new();
        let references = place.hashicorp(&service);
        let reference = kv("secret/crm", "token");
        references.read(&reference).await.unwrap();
        status.store(503, Ordering::SeqCst);
        place.pass(14 * MINUTE);
        assert_eq!(text(references.read(&reference).await), "one");
        // Nobody asks again at once.
        assert_eq!(text(references.read(&reference).await), "one");
        assert_eq!(service.asked().len(), 2);
        assert!(references.read_again(&reference).await.is_err());
        place.pass(2 * MINUTE);
        assert!(
            references
                .read(&reference)
                .await
                .err()
                .unwrap()
                .is_temporary()
        );
        status.store(200, Ordering::SeqCst);
        place.pass(MINUTE);
        references.read(&reference).await.unwrap();
        status.store(403, Ordering::SeqCst);
        place.pass(MINUTE);
        assert!(
            !references
                .read(&reference)
                .await
                .err()
                .unwrap()
                .is_temporary()
        );
        status.store(503, Ordering::SeqCst);
        place.pass(MINUTE / 2);
        // The refusal took away what was in memory.
        assert!(references.read(&reference).await.is_err());
    }
}

mod in_key_vault {
    use super::*;

    fn entra_and_vault(
        resource: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> impl Fn(&service::Asked, &str) -> service::Answer + Send + Sync {
        move |asked, own| {
            if asked.target.ends_with("/oauth2/v2.0/token") {
                let body = json!({"access_token": "for-vault", "token_type": "Bearer", "expires_in": 3600});
                return service::Answer::json(200, &body);
            }
            if asked.header("authorization") != Some("Bearer for-vault") {
                let challenge = format!(
                    "Bearer authorization=\"https://login.evil.example/x\", resource=\"{}\"",
                    resource(own)
                );
                return service::Answer::json(401, &json!({})).with("www-authenticate", &challenge);
            }
            service::Answer::json(
                200,
                &json!({"value": "from key vault", "id": format!("{own}/secrets/crm/1")}),
            )
        }
    }

    #[tokio::test]
    async fn the_challenge_is_answered_by_a_token_of_our_tenant() {
        let service = Service::with(entra_and_vault(str::to_owned)).await;
        let place = Place::new();
        let references = place.key_vault(&service);
        let reference = SecretRef::KeyVault("crm".to_owned());
        assert_eq!(text(references.read(&reference).await), "from key vault");
        let asked = service.asked();
        let targets: Vec<&str> = asked.iter().map(|asked| asked.target.as_str()).collect();
        assert_eq!(
            targets,
            [
                "GET /secrets/crm?api-version=7.4",
                "POST /8eaef023-2b34-4da1-9baa-8bc8c9d6a490/oauth2/v2.0/token",
                "GET /secrets/crm?api-version=7.4",
            ]
        );
        assert!(asked[1].body.contains("client_secret=entra-secret"));
        assert!(asked[1].body.contains("%2F.default"), "{}", asked[1].body);
        // The token is used again.
        place.pass(2 * MINUTE);
        references.read(&reference).await.unwrap();
        assert_eq!(service.asked().len(), 4);
    }

    #[tokio::test]
    async fn a_vault_that_wants_a_token_for_something_else_gets_none() {
        let service =
            Service::with(entra_and_vault(|_| "https://graph.microsoft.com".into())).await;
        let place = Place::new();
        let reference = SecretRef::KeyVault("crm".to_owned());
        let told = told(place.key_vault(&service).read(&reference).await);
        assert_eq!(
            told,
            "the secret azkv:crm cannot be read: the service cannot be asked for it: the provider asks for a token of another resource"
        );
        assert_eq!(service.asked().len(), 1);
    }

    #[tokio::test]
    async fn without_the_registrations_secret_nothing_is_sent_to_entra() {
        let service = Service::with(entra_and_vault(str::to_owned)).await;
        let place = Place::new();
        let references = place.key_vault(&service);
        std::fs::remove_file(place.folder.path().join("secret")).unwrap();
        let error = references
            .read(&SecretRef::KeyVault("crm".into()))
            .await
            .err()
            .unwrap();
        assert!(matches!(error.cause(), ReferenceCause::Credential(_)));
        assert_eq!(service.asked().len(), 1);
    }
}

#[test]
fn nothing_shows_a_secret() {
    let references = References::local("/nowhere");
    assert_eq!(format!("{references:?}"), "References");
    assert_eq!(references.base(), Path::new("/nowhere"));
}
